//! Envelopes for the adapters' unit tests.

use super::Envelope;
use crate::model::{Address, Class, MessageId, Phone, Rendered};

pub(super) fn to_phone(content: Rendered) -> Envelope {
    to(Address::Phone(Phone::parse("+34600123456", None).unwrap()), content)
}

pub(super) fn to(address: Address, content: Rendered) -> Envelope {
    Envelope {
        message_id: MessageId::new(1_795_000_000_000, &[7; 10]),
        attempt: 2,
        brand: "acme".parse().unwrap(),
        class: Class::Transactional,
        topic: "orders".parse().unwrap(),
        from: None,
        address,
        content,
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
    }
}
