//! Shows one message, whose history may be too long for one answer.

use super::{MessageApi, no_message, view};
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::page::{PageTokenScope, fitting};
use crate::model::MessageId;
use crate::wire::{FieldPath, Violations, v1};

impl MessageApi {
    pub(super) async fn get(
        &self,
        caller: &BrandCaller,
        request: v1::GetMessageRequest,
    ) -> Result<v1::GetMessageResponse, ApiError> {
        let mut violations = Violations::default();
        let listing = PageTokenScope::new(
            self.cursors.tokens(),
            "history",
            Some(&caller.brand),
            request.message_id.as_bytes(),
        );
        let id = violations.parsed::<MessageId>(&request.message_id, &FieldPath::new("message_id"));
        let wanted = listing.request(0, &request.page_token, &mut violations);
        let id = violations.finish(id)?;
        let stored = self.store.message(&caller.brand, id).await?.ok_or_else(|| no_message(id))?;
        let after = wanted.after.and_then(|after| after.try_into().ok());
        let from = after.map_or(0, |after| u32::from_be_bytes(after) as usize);
        let (message, next) = history_page(view(&stored), from);
        let next = next.map(|next| u32::try_from(next).unwrap_or(u32::MAX).to_be_bytes().to_vec());
        Ok(v1::GetMessageResponse { message: Some(message), next_page_token: listing.token(next) })
    }
}

/// A message with as many events of its history, from a place on, as fit on a page, and the place of the next. The content is beside
/// the first ones only; it has at most about 1.3 MB.
pub(super) fn history_page(mut message: v1::Message, from: usize) -> (v1::Message, Option<usize>) {
    if from > 0 {
        message.content = None;
        message.history.drain(..from.min(message.history.len()));
    }
    let (left, fitting) = (message.history.len(), fitting(&message.history).max(1));
    message.history.truncate(fitting);
    (message, (fitting < left).then_some(from + fitting))
}

pub(super) fn read_id(text: &str) -> Result<MessageId, ApiError> {
    let mut violations = Violations::default();
    let id = violations.parsed(text, &FieldPath::new("message_id"));
    Ok(violations.finish(id)?)
}
