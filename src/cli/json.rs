//! Protobuf's canonical JSON, by way of the descriptors that the API serves too.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, EnumValueDescriptor, Kind, MessageDescriptor,
    SerializeOptions,
};
use serde_json::Value;

use crate::wire::{DESCRIPTORS, v1};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("the build has compiled these descriptors"));

/// A message of the API that is printed or read as JSON.
pub(super) trait NamedMessage: Message + Default {
    /// Its full name.
    const NAME: &'static str;
}

macro_rules! named {
    ($($name:ident),+ $(,)?) => {
        $(impl NamedMessage for v1::$name {
            const NAME: &'static str = concat!("relevo.v1.", stringify!($name));
        })+
    };
}

named!(
    CheckConsentResponse,
    ConsentEntry,
    Contact,
    ContactEvent,
    CreateKeyResponse,
    CreateTelegramLinkResponse,
    DeleteContactResponse,
    ExplainRouteResponse,
    GetConsentResponse,
    Incident,
    Key,
    LiftSuppressionResponse,
    Message,
    MessageSpec,
    OutboxEntry,
    Preferences,
    Provider,
    ProviderControlChange,
    SendResponse,
    SendStreamResponse,
    SetBehaviorResponse,
    Suppression,
    WatchMessagesResponse,
);

fn descriptor<M: NamedMessage>() -> MessageDescriptor {
    POOL.get_message_by_name(M::NAME).expect("the message and the descriptors come from the same files")
}

/// The message with its fields by name.
pub(super) fn dynamic<M: NamedMessage>(message: &M) -> DynamicMessage {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic.transcode_from(message).expect("both sides have the same fields");
    dynamic
}

/// The message on one line.
pub(super) fn write<M: NamedMessage>(message: &M) -> String {
    let dynamic = dynamic(message);
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut json);
    dynamic
        .serialize_with_options(&mut serializer, &SerializeOptions::new())
        .expect("every message of the API has a canonical JSON form");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// Reads a message. Values of enums may have their names on the command line: `sms` for `CHANNEL_SMS`.
///
/// # Errors
/// The text for people that says why it is no such message.
pub(super) fn read<M: NamedMessage>(text: &str) -> Result<M, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    spell_out(&mut value, &descriptor::<M>())?;
    let dynamic = DynamicMessage::deserialize(descriptor::<M>(), value).map_err(|error| error.to_string())?;
    dynamic.transcode_to().map_err(|error| error.to_string())
}

/// Puts the full name in the place of every short one.
fn spell_out(value: &mut Value, message: &MessageDescriptor) -> Result<(), String> {
    let Value::Object(fields) = value else { return Ok(()) };
    for (name, value) in fields {
        let field = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name));
        // What is no field is refused with the rest.
        let Some(field) = field.filter(|field| !field.is_map()) else { continue };
        let each = |value: &mut Value| match field.kind() {
            Kind::Enum(names) => spell_out_name(value, name, &names),
            Kind::Message(message) => spell_out(value, &message),
            _ => Ok(()),
        };
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(each)?,
            value => each(value)?,
        }
    }
    Ok(())
}

fn spell_out_name(value: &mut Value, field: &str, names: &EnumDescriptor) -> Result<(), String> {
    let Value::String(name) = &*value else { return Ok(()) };
    if names.get_value_by_name(name).is_some() {
        return Ok(());
    }
    let full = names.values().find(|full| short_name(full) == name.to_lowercase().replace('-', "_"));
    match full {
        Some(full) => {
            *value = full.name().into();
            Ok(())
        }
        None => {
            let valid: Vec<_> =
                names.values().map(|full| short_name(&full)).filter(|name| name != UNSPECIFIED).collect();
            Err(format!("{field} must be one of {}, not {name:?}", valid.join(", ")))
        }
    }
}

/// The value that stands for none, which every enum has.
const UNSPECIFIED: &str = "unspecified";

/// `sms` for `CHANNEL_SMS`: what follows the name of the enum.
fn short_name(value: &EnumValueDescriptor) -> String {
    let prefix = snake_case(value.parent_enum().name());
    let name = value.name().to_lowercase();
    name.strip_prefix(&prefix).map_or(name.clone(), |short| short.trim_start_matches('_').to_owned())
}

/// `MessageClass` as `message_class`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, c) in name.char_indices() {
        if c.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_canonical_and_is_read_back() {
        let message = v1::Message {
            message_id: "0193".into(),
            message_class: v1::MessageClass::Commercial.into(),
            accept_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000_000 }),
            labels: [("campaign".to_owned(), "spring".to_owned())].into(),
            ..Default::default()
        };
        let json = write(&message);
        insta::assert_snapshot!(json, @r#"{"messageId":"0193","messageClass":"MESSAGE_CLASS_COMMERCIAL","acceptTime":"2023-11-14T22:13:20.005Z","labels":{"campaign":"spring"}}"#);
        assert_eq!(read::<v1::Message>(&json), Ok(message));
    }

    #[test]
    fn unknown_fields_and_trailing_text_are_refused() {
        assert!(read::<v1::MessageSpec>(r#"{"topic":"orders"}"#).is_ok());
        assert!(read::<v1::MessageSpec>(r#"{"topik":"orders"}"#).unwrap_err().contains("topik"));
        assert!(read::<v1::MessageSpec>(r#"{"topic":"orders"} {}"#).is_err());
        assert!(read::<v1::MessageSpec>("topic").is_err());
    }

    #[test]
    fn enums_have_their_short_names_and_an_error_names_those_there_are() {
        let short = r#"{"messageClass":"commercial","channels":["sms","CHANNEL_EMAIL","WhatsApp"],"content":{"telegram":{"format":"markdown-v2"}}}"#;
        let long = r#"{"messageClass":"MESSAGE_CLASS_COMMERCIAL","channels":["CHANNEL_SMS","CHANNEL_EMAIL","CHANNEL_WHATSAPP"],"content":{"telegram":{"format":"TELEGRAM_FORMAT_MARKDOWN_V2"}}}"#;
        assert_eq!(read::<v1::MessageSpec>(short), Ok(read::<v1::MessageSpec>(long).unwrap()));
        let error = |text: &str| read::<v1::MessageSpec>(text).unwrap_err();
        assert_eq!(
            error(r#"{"channels":["fax"]}"#),
            "channels must be one of email, sms, telegram, whatsapp, not \"fax\""
        );
        assert_eq!(
            error(r#"{"message_class":"urgent"}"#),
            "message_class must be one of transactional, commercial, not \"urgent\""
        );
        // Labels are no enums, whatever they are called.
        assert!(read::<v1::MessageSpec>(r#"{"labels":{"channels":"fax"}}"#).is_ok());
    }
}
