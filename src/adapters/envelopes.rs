//! Envelopes for the adapters' unit tests.

use super::Envelope;
use crate::model::{Address, Channel, MessageClass, MessageId, Phone, RenderedContent};

pub(super) fn to_phone(content: RenderedContent) -> Envelope {
    to(Address::Phone(Phone::parse("+34600123456", None).unwrap()), content)
}

pub(super) fn to(address: Address, content: RenderedContent) -> Envelope {
    let channel = match address {
        Address::Email(_) => Channel::Email,
        Address::Phone(_) => Channel::Sms,
        Address::TelegramChat(_) => Channel::Telegram,
        Address::WhatsappUser(_) => Channel::Whatsapp,
    };
    Envelope {
        message_id: MessageId::new(1_795_000_000_000, &[7; 10]),
        attempt: 2,
        idempotency_attempt: 2,
        brand: "acme".parse().unwrap(),
        class: MessageClass::Transactional,
        topic: "orders".parse().unwrap(),
        channel,
        from: None,
        address,
        content,
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
    }
}
