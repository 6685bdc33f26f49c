//! Channels and addresses.

use super::{FieldPath, Violations, read_channel, v1};
use crate::model::{Address, Channel, Email, Phone};

/// How addresses are read.
#[derive(Debug, Clone, Copy)]
pub enum AddressFormat<'a> {
    /// As a caller writes them: phone numbers checked against the numbering plan; without `+` they are dialled in this country
    /// (ISO 3166-1 alpha-2), if one is given.
    Dialled(Option<&'a str>),
    /// As the store keeps them. Numbering plans change, and our rules: what was stored must stay readable.
    Stored,
}

impl From<&Address> for v1::Address {
    fn from(address: &Address) -> Self {
        use v1::address::Value;
        let value = match address {
            Address::Email(email) => Value::Email(email.as_str().to_owned()),
            Address::Phone(phone) => Value::Phone(phone.as_str().to_owned()),
            Address::TelegramChat(id) => Value::TelegramChatId(*id),
            Address::WhatsappUser(user) => {
                let (business, user_id) = (user.business().to_string(), user.id().to_owned());
                Value::WhatsappUser(v1::WhatsappUser { business, user_id })
            }
        };
        Self { value: Some(value) }
    }
}

/// Reads a required address.
pub fn read_address(
    address: Option<v1::Address>,
    format: AddressFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Address> {
    use v1::address::Value;
    let Some(value) = address.and_then(|address| address.value) else {
        violations.add(path, "must have one of email, phone, telegram_chat_id and whatsapp_user");
        return None;
    };
    match value {
        Value::Email(text) => read_email(&text, format, &path.field("email"), violations).map(Address::Email),
        Value::Phone(text) => read_phone(&text, format, &path.field("phone"), violations).map(Address::Phone),
        Value::TelegramChatId(id) => {
            Address::telegram(id).map_err(|error| violations.add(&path.field("telegram_chat_id"), error)).ok()
        }
        Value::WhatsappUser(user) => read_whatsapp_user(&user, &path.field("whatsapp_user"), violations),
    }
}

fn read_whatsapp_user(
    user: &v1::WhatsappUser,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Address> {
    let business = violations.parsed(&user.business, &path.field("business"))?;
    let read = Address::whatsapp_user(&business, &user.user_id);
    read.map_err(|error| violations.add(&path.field("user_id"), error)).ok()
}

fn read_email(
    text: &str,
    format: AddressFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Email> {
    let email = match format {
        AddressFormat::Dialled(_) => text.parse(),
        AddressFormat::Stored => Email::from_stored(text),
    };
    email.map_err(|error| violations.add(path, error)).ok()
}

fn read_phone(
    text: &str,
    format: AddressFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Phone> {
    let phone = match format {
        AddressFormat::Dialled(country) => Phone::parse(text, country),
        AddressFormat::Stored => Phone::from_e164(text),
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
