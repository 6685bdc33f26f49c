//! Envelopes as dispatch hands them to an adapter.

use relevo::adapters::Envelope;
use relevo::model::{Address, Channel, MessageClass, MessageId, Phone, RenderedContent};

/// A text to a phone number.
pub fn to_phone(text: &str) -> Envelope {
    to(Address::Phone(Phone::parse("+34600123456", None).unwrap()), RenderedContent::Text(text.to_owned()))
}

/// A text to the Telegram chat 42.
pub fn to_chat(text: &str) -> Envelope {
    to(Address::telegram(42).unwrap(), RenderedContent::Text(text.to_owned()))
}

/// An email of a text alone.
pub fn to_email(text: &str) -> Envelope {
    email(text, None)
}

/// An email of a text and HTML.
pub fn to_email_with_html(text: &str, html: &str) -> Envelope {
    email(text, Some(html))
}

fn email(text: &str, html: Option<&str>) -> Envelope {
    let content = RenderedContent::Email {
        subject: "Your order".to_owned(),
        text: Some(text.to_owned()),
        html: html.map(str::to_owned),
    };
    to(Address::Email("ana@example.org".parse().unwrap()), content)
}

/// The echo of every envelope here: the reference of its attempt that providers return.
pub fn echo() -> String {
    format!("acme/{}/2", to_chat("").message_id)
}

/// An envelope with this content to this address, at a fixed time.
pub fn to(address: Address, content: RenderedContent) -> Envelope {
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
