//! Protobuf's canonical JSON, by way of the descriptors that the API serves too.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};

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

/// Reads a message.
///
/// # Errors
/// The text for people that says why it is no such message.
pub(super) fn read<M: NamedMessage>(text: &str) -> Result<M, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let dynamic = DynamicMessage::deserialize(descriptor::<M>(), &mut deserializer)
        .map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    dynamic.transcode_to().map_err(|error| error.to_string())
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
}
