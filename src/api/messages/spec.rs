//! Reads the message that a caller asks to send.

use std::time::Duration;

use super::content::{check_parts, check_renderable};
use crate::api::caller::BrandCaller;
use crate::api::limits;
use crate::model::{
    Address, Channel, ContactId, ContactIncarnation, Content, FallbackPolicy, Labels, Message, MessageClass,
    MessageId, Timestamp, Topic, later,
};
use crate::wire::{
    AddressFormat, FieldPath, Violations, optional_text, read_address, read_channels, read_class,
    read_content, read_fallback, read_optional_time, v1,
};

const IDEMPOTENCY_KEY: usize = 128;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How far ahead a message may be scheduled, and how long it may then wait.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3_600);
/// The longest wait for a receipt.
const MAX_FALLBACK_WAIT: Duration = Duration::from_secs(30 * DAY.as_secs());

/// The recipient as a caller names it.
#[derive(Debug, PartialEq)]
pub enum RecipientRef {
    /// The contact with this id.
    Contact(ContactId),
    /// The contact that has this address.
    Address(Address),
}

/// The message that a caller asks to send, checked.
#[derive(Debug)]
pub struct ParsedSpec {
    /// The recipient, whose contact is still to be found.
    pub recipient: RecipientRef,
    class: MessageClass,
    topic: Topic,
    content: Content,
    idempotency_key: Option<String>,
    send_at: Option<Timestamp>,
    expire_at: Option<Timestamp>,
    channels: Vec<Channel>,
    fallback: Option<FallbackPolicy>,
    labels: Labels,
}

impl ParsedSpec {
    /// Reads the field `message` of a request. Boxed, because it waits for the store.
    ///
    /// # Errors
    /// Every field at fault.
    pub fn read(
        spec: Option<v1::MessageSpec>,
        country: Option<&str>,
        now: Timestamp,
    ) -> Result<Box<Self>, Violations> {
        let mut violations = Violations::default();
        let path = FieldPath::new("message");
        let spec = violations.required(spec, &path);
        let read = spec.and_then(|spec| read(spec, country, now, &path, &mut violations));
        violations.finish(read)
    }

    /// The message, accepted at the time of its id, for a contact that was found. Texts and times that the caller left open
    /// come from the brand. `unserved` are the channels that no provider carries for it now.
    pub fn into_message(
        self,
        id: MessageId,
        caller: &BrandCaller,
        (contact, incarnation): (ContactId, ContactIncarnation),
        unserved: Vec<Channel>,
    ) -> Message {
        let accepted_at = id.accepted_at();
        let send_at = self.send_at.map_or(accepted_at, |at| at.max(accepted_at));
        let ttl = caller.policy().ttl_for(&self.topic);
        Message {
            id,
            brand: caller.brand.clone(),
            contact,
            incarnation,
            class: self.class,
            topic: self.topic,
            content: self.content,
            idempotency_key: self.idempotency_key,
            accepted_at,
            send_at,
            expire_at: self.expire_at.unwrap_or_else(|| later(send_at, ttl)),
            channels: self.channels,
            fallback: self.fallback.unwrap_or(caller.policy().fallback),
            labels: self.labels,
            unserved,
        }
    }
}

fn read(
    spec: v1::MessageSpec,
    country: Option<&str>,
    now: Timestamp,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Box<ParsedSpec>> {
    check_limits(&spec, path, violations);
    let recipient = read_recipient(spec.recipient, country, path, violations);
    let class = read_class(spec.message_class, &path.field("message_class"), violations);
    let topic = violations.parsed(&spec.topic, &path.field("topic"));
    let content = read_content(spec.content, &path.field("content"), violations);
    let channels = read_channels(&spec.channels, &path.field("channels"), violations);
    if let Some(content) = &content {
        check_renderable(content, &channels, &path.field("content"), violations);
    }
    let send_at = read_optional_time(spec.send_time, &path.field("send_time"), violations);
    let expire_at = read_optional_time(spec.expire_time, &path.field("expire_time"), violations);
    check_times(send_at, expire_at, now, path, violations);
    let fallback =
        spec.fallback.map(|policy| read_checked_fallback(&policy, &path.field("fallback"), violations));
    Some(Box::new(ParsedSpec {
        recipient: recipient?,
        class: class?,
        topic: topic?,
        content: content?,
        idempotency_key: optional_text(spec.idempotency_key),
        send_at,
        expire_at,
        channels,
        fallback,
        labels: spec.labels,
    }))
}

fn check_limits(spec: &v1::MessageSpec, path: &FieldPath<'_>, violations: &mut Violations) {
    if let Some(content) = &spec.content {
        check_parts(content, &path.field("content"), violations);
    }
    limits::distinct_channels(&spec.channels, &path.field("channels"), violations);
    limits::labels(&spec.labels, &path.field("labels"), violations);
    let key = &spec.idempotency_key;
    if key.len() > IDEMPOTENCY_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        violations.add(
            &path.field("idempotency_key"),
            format_args!("must be at most {IDEMPOTENCY_KEY} printable ASCII characters"),
        );
    }
}

fn read_recipient(
    recipient: Option<v1::message_spec::Recipient>,
    country: Option<&str>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<RecipientRef> {
    use v1::message_spec::Recipient;
    match recipient {
        Some(Recipient::ContactId(id)) => {
            violations.parsed(&id, &path.field("contact_id")).map(RecipientRef::Contact)
        }
        Some(Recipient::Address(address)) => {
            let numbers = AddressFormat::Dialled(country);
            read_address(Some(address), numbers, &path.field("address"), violations)
                .map(RecipientRef::Address)
        }
        None => {
            violations.add(path, "must have one of contact_id and address");
            None
        }
    }
}

fn check_times(
    send_at: Option<Timestamp>,
    expire_at: Option<Timestamp>,
    now: Timestamp,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) {
    if send_at.is_some_and(|at| at > later(now, YEAR)) {
        violations.add(&path.field("send_time"), "must be at most 366 days ahead");
    }
    let Some(expire_at) = expire_at else { return };
    let path = path.field("expire_time");
    let from = send_at.map_or(now, |at| at.max(now));
    if expire_at <= now {
        violations.add(&path, "must be in the future");
    } else if expire_at <= from {
        violations.add(&path, "must be after send_time");
    } else if expire_at > later(from, YEAR) {
        violations.add(&path, "must be at most 366 days after send_time");
    }
}

fn read_checked_fallback(
    policy: &v1::FallbackPolicy,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> FallbackPolicy {
    let policy = read_fallback(policy, path, violations);
    for (wait, name) in
        [(policy.undelivered_after, "undelivered_after"), (policy.unread_after, "unread_after")]
    {
        if wait.is_some_and(|wait| wait.is_zero() || wait > MAX_FALLBACK_WAIT) {
            violations.add(&path.field(name), "must be more than 0 and at most 30 days");
        }
    }
    policy
}
