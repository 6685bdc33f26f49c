//! Channels and addresses.

use super::{FieldPath, Violations, read_channel, v1};
use crate::model::{Address, Channel, Phone};

/// How phone numbers are read.
#[derive(Debug, Clone, Copy)]
pub enum PhoneFormat<'a> {
    /// As a caller writes them: checked against the numbering plan; without `+` they are dialled in this country
    /// (ISO 3166-1 alpha-2), if one is given.
    Dialled(Option<&'a str>),
    /// As the store keeps them: E.164. Numbering plans change, and a stored number must stay readable.
    Stored,
}

impl From<&Address> for v1::Address {
    fn from(address: &Address) -> Self {
        use v1::address::Value;
        let value = match address {
            Address::Email(email) => Value::Email(email.as_str().to_owned()),
            Address::Phone(phone) => Value::Phone(phone.as_str().to_owned()),
            Address::TelegramChat(id) => Value::TelegramChatId(*id),
        };
        Self { value: Some(value) }
    }
}

/// Reads a required address.
pub fn read_address(
    address: Option<v1::Address>,
    numbers: PhoneFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Address> {
    use v1::address::Value;
    let Some(value) = address.and_then(|address| address.value) else {
        violations.add(path, "must have one of email, phone and telegram_chat_id");
        return None;
    };
    match value {
        Value::Email(text) => violations.parsed(&text, &path.field("email")).map(Address::Email),
        Value::Phone(text) => {
            read_phone(&text, numbers, &path.field("phone"), violations).map(Address::Phone)
        }
        Value::TelegramChatId(id) => {
            Address::telegram(id).map_err(|error| violations.add(&path.field("telegram_chat_id"), error)).ok()
        }
    }
}

fn read_phone(
    text: &str,
    numbers: PhoneFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Phone> {
    let phone = match numbers {
        PhoneFormat::Dialled(country) => Phone::parse(text, country),
        PhoneFormat::Stored => Phone::from_e164(text),
    };
    phone.map_err(|error| violations.add(path, error)).ok()
}

/// A list of channels as protobuf.
pub fn channels(channels: &[Channel]) -> Vec<i32> {
    channels.iter().map(|channel| v1::Channel::from(*channel).into()).collect()
}

/// Reads a list of channels.
pub fn read_channels(channels: &[i32], path: &FieldPath<'_>, violations: &mut Violations) -> Vec<Channel> {
    let read = |(index, value): (usize, &i32)| read_channel(*value, &path.index(index), violations);
    channels.iter().enumerate().filter_map(read).collect()
}
