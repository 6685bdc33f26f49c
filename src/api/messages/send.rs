//! Accepts, shows and cancels single messages.

use std::mem;

use prost::Message as _;
use sha2::{Digest, Sha256};
use tonic::Code;

use super::get::{history_page, read_id};
use super::spec::{ParsedSpec, RecipientRef};
use super::{MessageApi, no_message, not_cancellable, view};
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::model::{ContactId, ContactIncarnation, Message, MessageId, MessageState};
use crate::store::{AcceptResult, StoredMessage};
use crate::wire::v1;

/// What a caller asks to send, parsed before anything is waited for: a stream has many of these under way, and each
/// should be small.
pub struct ParsedSend {
    spec: Result<Box<ParsedSpec>, ApiError>,
    idempotency_key: String,
    request_hash: [u8; 32],
}

impl MessageApi {
    /// Parses what a caller asks to send. [`Self::accept`] answers with its violations, if it has any.
    pub(super) fn parse(&self, caller: &BrandCaller, mut spec: Option<v1::MessageSpec>) -> ParsedSend {
        let request_hash = spec.as_mut().map_or([0; 32], request_hash);
        let idempotency_key = spec.as_ref().map_or_else(String::new, |spec| spec.idempotency_key.clone());
        ParsedSend { spec: self.read_spec(caller, spec), idempotency_key, request_hash }
    }

    /// Accepts a message; it is durable when this returns.
    pub(super) async fn accept(
        &self,
        caller: &BrandCaller,
        parsed: ParsedSend,
    ) -> Result<v1::SendResponse, ApiError> {
        let hash = parsed.request_hash;
        let message = match self.resolve_message(caller, parsed.spec).await {
            Ok(message) => message,
            Err(error) => {
                return self.answer_repeated(caller, &parsed.idempotency_key, hash).await?.ok_or(error);
            }
        };
        match self.store.accept(*message, hash).await? {
            AcceptResult::New(id) => Ok(accepted(id, MessageState::Accepted, false)),
            AcceptResult::Duplicate(first) => Ok(duplicate(&first)),
            AcceptResult::Conflict(first) => Err(key_reused(first)),
        }
    }

    /// The first answer, for a message that cannot be accepted now but was before: a caller who got no answer asks
    /// again, and by then the message's times may have passed or its contact be gone.
    async fn answer_repeated(
        &self,
        caller: &BrandCaller,
        key: &str,
        hash: [u8; 32],
    ) -> Result<Option<v1::SendResponse>, ApiError> {
        if key.is_empty() {
            return Ok(None);
        }
        match self.store.find_by_idempotency_key(&caller.brand, key).await? {
            Some((first, first_hash)) if first_hash == hash => Ok(Some(duplicate(&first))),
            Some((first, _)) => Err(key_reused(first.message.id)),
            None => Ok(None),
        }
    }

    /// The message that a caller asks to send, checked but not stored.
    pub(super) async fn build_message(
        &self,
        caller: &BrandCaller,
        spec: Option<v1::MessageSpec>,
    ) -> Result<Box<Message>, ApiError> {
        self.resolve_message(caller, self.read_spec(caller, spec)).await
    }

    fn read_spec(
        &self,
        caller: &BrandCaller,
        spec: Option<v1::MessageSpec>,
    ) -> Result<Box<ParsedSpec>, ApiError> {
        Ok(ParsedSpec::read(spec, caller.country(), self.clock.now())?)
    }

    /// The message for the contact that it goes to. Boxed like [`ParsedSpec`], and for the same reason.
    async fn resolve_message(
        &self,
        caller: &BrandCaller,
        spec: Result<Box<ParsedSpec>, ApiError>,
    ) -> Result<Box<Message>, ApiError> {
        let spec = spec?;
        let contact = self.resolve_contact(caller, &spec.recipient).await?;
        let unserved = self.planner.unserved_channels(&caller.brand);
        Ok(Box::new(spec.into_message(self.clock.message_id(), caller, contact, unserved)))
    }

    async fn resolve_contact(
        &self,
        caller: &BrandCaller,
        recipient: &RecipientRef,
    ) -> Result<(ContactId, ContactIncarnation), ApiError> {
        let id = match recipient {
            RecipientRef::Contact(id) => id.clone(),
            RecipientRef::Address(address) => {
                let found = self.contacts.find_by_address(&caller.brand, address).await?;
                found.ok_or_else(ApiError::no_contact_at_address)?
            }
        };
        let incarnation = self.contacts.incarnation(&caller.brand, &id).await?;
        let incarnation = incarnation.ok_or_else(|| ApiError::no_contact(&id))?;
        Ok((id, incarnation))
    }

    pub(super) async fn cancel(
        &self,
        caller: &BrandCaller,
        request: v1::CancelMessageRequest,
    ) -> Result<v1::CancelMessageResponse, ApiError> {
        let id = read_id(&request.message_id)?;
        let now = self.clock.now();
        let cancelled = self.store.cancel(&caller.brand, id, caller.key.as_str(), now).await?;
        let stored = cancelled.ok_or_else(|| no_message(id))?.map_err(|state| not_cancellable(id, state))?;
        self.planner.incidents().note_cancelled(id, now);
        let (message, _) = history_page(view(&stored), 0);
        Ok(v1::CancelMessageResponse { message: Some(message) })
    }
}

fn duplicate(first: &StoredMessage) -> v1::SendResponse {
    accepted(first.message.id, first.history.state(), true)
}

fn accepted(id: MessageId, state: MessageState, duplicate: bool) -> v1::SendResponse {
    let state = v1::MessageState::from(state).into();
    v1::SendResponse { message_id: id.to_string(), state, duplicate }
}

/// The hash that is compared when an idempotency key is used again: of everything asked but the key itself. Maps are encoded
/// in the order of their keys, so equal requests have equal bytes.
fn request_hash(spec: &mut v1::MessageSpec) -> [u8; 32] {
    let key = mem::take(&mut spec.idempotency_key);
    if key.is_empty() {
        return [0; 32];
    }
    let hash = Sha256::digest(spec.encode_to_vec()).into();
    spec.idempotency_key = key;
    hash
}

fn key_reused(first: MessageId) -> ApiError {
    let message = format!(
        "the idempotency key was used for message {first} with other content: send the same content, or use a new key"
    );
    ApiError::new(Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED", message).with_metadata("message_id", first)
}
