//! Lists messages.

use std::sync::Arc;

use prost::Message as _;

use super::{MessageApi, view};
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::limits;
use crate::api::page::{PageTokenScope, collect};
use crate::api::sealer::TokenSealer;
use crate::store::{MessageFilter, PageRequest, StoredMessage};
use crate::wire::{FieldPath, Violations, read_optional_time, read_state, v1};

impl MessageApi {
    pub(super) async fn list(
        &self,
        caller: &BrandCaller,
        request: v1::ListMessagesRequest,
    ) -> Result<v1::ListMessagesResponse, ApiError> {
        let (listing, filter, wanted) = read_request(caller, self.cursors.tokens(), request)?;
        let read = |page| self.store.messages(&caller.brand, &filter, page);
        let page = collect(wanted, read, without_history).await?;
        Ok(v1::ListMessagesResponse { messages: page.items, next_page_token: listing.token(page.next) })
    }
}

fn read_request(
    caller: &BrandCaller,
    tokens: &Arc<TokenSealer>,
    request: v1::ListMessagesRequest,
) -> Result<(PageTokenScope, MessageFilter, PageRequest), ApiError> {
    let mut violations = Violations::default();
    let bare = v1::ListMessagesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let listing = PageTokenScope::new(tokens, "messages", Some(&caller.brand), &bare.encode_to_vec());
    let page = listing.request(request.page_size, &request.page_token, &mut violations);
    let filter = read_filter(request, &mut violations);
    Ok(violations.finish(Some((listing, filter, page)))?)
}

fn read_filter(request: v1::ListMessagesRequest, violations: &mut Violations) -> MessageFilter {
    let contact = match request.contact_id.as_str() {
        "" => None,
        id => violations.parsed(id, &FieldPath::new("contact_id")),
    };
    let path = FieldPath::new("states");
    limits::distinct(&request.states, &path, violations);
    let states = request.states.iter().enumerate();
    let states =
        states.filter_map(|(index, state)| read_state(*state, &path.index(index), violations)).collect();
    let from = read_optional_time(request.accepted_from, &FieldPath::new("accepted_from"), violations);
    let until = read_optional_time(request.accepted_until, &FieldPath::new("accepted_until"), violations);
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        violations.add(&FieldPath::new("accepted_until"), "must be after accepted_from");
    }
    limits::labels(&request.labels, &FieldPath::new("labels"), violations);
    let without_receipt = request.without_receipt;
    MessageFilter { contact, states, from, until, labels: request.labels, without_receipt }
}

fn without_history(stored: &StoredMessage) -> v1::Message {
    v1::Message { history: Vec::new(), ..view(stored) }
}
