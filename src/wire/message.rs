//! Messages, as accepted and as the API shows them.

use super::address::channels;
use super::{
    FieldPath, Violations, duration, optional_text, read_channels, read_class, read_content,
    read_optional_duration, read_time, timestamp, v1,
};
use crate::model::{BrandId, ContactIncarnation, FallbackPolicy, History, Message, Timestamp};

/// The message as accepted: without its brand, and without anything that changes.
impl From<&Message> for v1::Message {
    fn from(message: &Message) -> Self {
        Self {
            message_id: message.id.to_string(),
            contact_id: message.contact.as_str().to_owned(),
            message_class: v1::MessageClass::from(message.class).into(),
            topic: message.topic.as_str().to_owned(),
            content: Some((&message.content).into()),
            idempotency_key: message.idempotency_key.clone().unwrap_or_default(),
            accept_time: Some(timestamp(message.accepted_at)),
            send_time: Some(timestamp(message.send_at)),
            expire_time: Some(timestamp(message.expire_at)),
            channels: channels(&message.channels),
            fallback: Some((&message.fallback).into()),
            labels: message.labels.clone(),
            ..Self::default()
        }
    }
}

/// The message as the API shows it: with its state, its times, and its whole history.
pub fn message_view(message: &Message, history: &History, next_at: Option<Timestamp>) -> v1::Message {
    v1::Message {
        state: v1::MessageState::from(history.state()).into(),
        update_time: history.events().last().map(|event| timestamp(event.at)),
        next_time: next_at.map(timestamp),
        history: history.events().iter().map(Into::into).collect(),
        ..message.into()
    }
}

impl From<&FallbackPolicy> for v1::FallbackPolicy {
    fn from(policy: &FallbackPolicy) -> Self {
        Self {
            on_failed: policy.on_failed,
            undelivered_after: policy.undelivered_after.map(duration),
            unread_after: policy.unread_after.map(duration),
        }
    }
}

/// Reads a message as accepted. Which channels no provider carried then is no part of the API's message.
pub fn read_message(
    brand: BrandId,
    message: v1::Message,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Message> {
    let id = violations.parsed(&message.message_id, &path.field("message_id"));
    let contact = violations.parsed(&message.contact_id, &path.field("contact_id"));
    let class = read_class(message.message_class, &path.field("message_class"), violations);
    let topic = violations.parsed(&message.topic, &path.field("topic"));
    let content = read_content(message.content, &path.field("content"), violations);
    let accepted_at = read_time(message.accept_time, &path.field("accept_time"), violations);
    let send_at = read_time(message.send_time, &path.field("send_time"), violations);
    let expire_at = read_time(message.expire_time, &path.field("expire_time"), violations);
    let fallback = message.fallback.unwrap_or_default();
    Some(Message {
        id: id?,
        brand,
        contact: contact?,
        class: class?,
        topic: topic?,
        content: content?,
        idempotency_key: optional_text(message.idempotency_key),
        accepted_at: accepted_at?,
        send_at: send_at?,
        expire_at: expire_at?,
        channels: read_channels(&message.channels, &path.field("channels"), violations),
        fallback: read_fallback(&fallback, &path.field("fallback"), violations),
        labels: message.labels,
        unserved: Vec::new(),
        incarnation: ContactIncarnation::default(),
    })
}

/// Reads a fallback policy.
pub fn read_fallback(
    policy: &v1::FallbackPolicy,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> FallbackPolicy {
    let mut read = |duration, name| read_optional_duration(duration, &path.field(name), violations);
    FallbackPolicy {
        on_failed: policy.on_failed,
        undelivered_after: read(policy.undelivered_after, "undelivered_after"),
        unread_after: read(policy.unread_after, "unread_after"),
    }
}
