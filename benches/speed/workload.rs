//! The contacts and messages of the benchmark. Every figure is of the same ones: 500 bytes of text, transactional,
//! to one of many contacts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use relevo::clock::Clock;
use relevo::model::Timestamp;
use relevo::wire::{timestamp, v1};

/// How long the text of a message is. A request with it has about 560 bytes.
pub const TEXT_BYTES: usize = 500;

/// Generates messages, each with its own number and text. Clones share the count.
#[derive(Clone)]
pub struct MessageGenerator {
    next: Arc<AtomicU64>,
    contacts: u64,
    channel: v1::Channel,
    send_at: Option<Timestamp>,
    has_keys: bool,
    is_campaign: bool,
}

impl MessageGenerator {
    /// Messages for these many contacts, in turn, by this channel alone.
    pub fn new(contacts: u64, channel: v1::Channel) -> Self {
        let next = Arc::default();
        Self { next, contacts, channel, send_at: None, has_keys: false, is_campaign: false }
    }

    /// The same, with messages that are due at this time.
    pub fn at(self, time: Timestamp) -> Self {
        Self { send_at: Some(time), ..self }
    }

    /// The same, with idempotency keys: random UUIDs, as callers make them.
    pub fn with_keys(self) -> Self {
        Self { has_keys: true, ..self }
    }

    /// The same, with one content for all messages.
    pub fn campaign(self) -> Self {
        Self { is_campaign: true, ..self }
    }

    /// The next message.
    pub fn spec(&self) -> v1::MessageSpec {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        v1::MessageSpec {
            recipient: Some(v1::message_spec::Recipient::ContactId(contact_id(number % self.contacts))),
            message_class: v1::MessageClass::Transactional.into(),
            topic: "orders".into(),
            content: Some(v1::Content {
                text: text(if self.is_campaign { 0 } else { number }),
                subject: "Your order".into(),
                ..v1::Content::default()
            }),
            idempotency_key: if self.has_keys { random_uuid(number) } else { String::new() },
            send_time: self.send_at.map(timestamp),
            channels: vec![self.channel.into()],
            ..v1::MessageSpec::default()
        }
    }
}

/// The text of a message: a number, then words up to the length.
pub fn text(number: u64) -> String {
    let mut text = format!("Order {number:010} is on its http_channel. ");
    while text.len() < TEXT_BYTES {
        text.push_str("It will be with you soon, and you can follow it until then. ");
    }
    text.truncate(TEXT_BYTES);
    text
}

/// The id of a contact.
pub fn contact_id(number: u64) -> String {
    format!("contact-{number:08}")
}

/// The email address of a contact.
pub fn email(number: u64) -> String {
    format!("contact-{number}@example.com")
}

/// The phone number of a contact.
pub fn phone(number: u64) -> String {
    format!("+34{}", 600_000_000 + number)
}

/// The Telegram chat of a contact.
pub fn chat(number: u64) -> i64 {
    1 + i64::try_from(number).unwrap_or(i64::MAX - 1)
}

/// A contact who can be reached by every channel, and who has just written on WhatsApp.
pub fn contact(number: u64, now: Timestamp) -> v1::Contact {
    use v1::address::Value::{Email, Phone, TelegramChatId};
    let address = |value, whatsapp_inbound_time| v1::ContactAddress {
        address: Some(v1::Address { value: Some(value) }),
        whatsapp_inbound_time,
        ..Default::default()
    };
    v1::Contact {
        contact_id: contact_id(number),
        addresses: vec![
            address(Email(email(number)), None),
            address(Phone(phone(number)), Some(timestamp(now))),
            address(TelegramChatId(chat(number)), None),
        ],
        ..v1::Contact::default()
    }
}

/// The time now.
pub fn now() -> anyhow::Result<Timestamp> {
    Ok(Clock::system()?.now())
}

/// The time after `duration` from now.
pub fn time_in(duration: Duration) -> anyhow::Result<Timestamp> {
    Ok(now()?.saturating_add(duration)?)
}

fn random_uuid(seed: u64) -> String {
    let bytes = fastrand::Rng::with_seed(seed).u128(..).to_ne_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
