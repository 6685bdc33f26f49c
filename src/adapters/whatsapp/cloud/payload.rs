//! The payload of a webhook of the Cloud API (developers.facebook.com, WhatsApp Business Platform, "Webhooks reference"): the
//! fields `messages` and `user_preferences`. Other fields are passed over.

use serde::Deserialize;
use serde_json::Value;

use super::errors;
use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, WebhookError, named_person, parse_phone, parse_user_id, read_each,
};
use crate::model::{
    Address, AddressChange, AddressReport, BusinessId, InboundText, Objection, OutcomeEvidence,
    ReceiptStatus, Timestamp,
};

#[derive(Deserialize)]
struct CloudPayload {
    entry: Vec<CloudEntry>,
}

#[derive(Deserialize)]
struct CloudEntry {
    #[serde(default)]
    changes: Vec<CloudChange>,
}

#[derive(Deserialize)]
struct CloudChange {
    #[serde(default)]
    field: String,
    #[serde(default)]
    value: Value,
}

/// The parts we read of the field `messages`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct CloudMessages {
    metadata: CloudMetadata,
    /// Each a [`CloudStatus`].
    statuses: Vec<Value>,
    /// Each a [`CloudMessage`].
    messages: Vec<Value>,
}

/// Which of our numbers a change is about.
#[derive(Deserialize, Default)]
struct CloudMetadata {
    phone_number_id: Option<String>,
}

#[derive(Deserialize)]
struct CloudStatus {
    id: String,
    status: String,
    timestamp: CloudSeconds,
    biz_opaque_callback_data: Option<String>,
    recipient_id: Option<String>,
    recipient_user_id: Option<String>,
    #[serde(default)]
    errors: Vec<CloudStatusError>,
}

#[derive(Deserialize)]
struct CloudStatusError {
    code: i64,
    #[serde(default)]
    title: String,
}

/// What somebody wrote, or what WhatsApp says of them.
#[derive(Deserialize)]
struct CloudMessage {
    id: String,
    /// Absent where a person is known by a user id alone.
    from: Option<String>,
    from_user_id: Option<String>,
    timestamp: CloudSeconds,
    context: Option<CloudContext>,
    text: Option<CloudText>,
    /// The button of a template.
    button: Option<CloudButton>,
    /// The button, or the entry of a list, of an interactive message.
    interactive: Option<CloudInteractive>,
    system: Option<CloudSystem>,
}

#[derive(Deserialize)]
struct CloudContext {
    id: Option<String>,
}

#[derive(Deserialize)]
struct CloudText {
    body: String,
}

#[derive(Deserialize)]
struct CloudButton {
    text: String,
}

#[derive(Deserialize)]
struct CloudInteractive {
    button_reply: Option<CloudReply>,
    list_reply: Option<CloudReply>,
}

#[derive(Deserialize)]
struct CloudReply {
    title: String,
}

#[derive(Deserialize)]
struct CloudSystem {
    #[serde(rename = "type", default)]
    kind: String,
    /// The new number; absent where a person is known by a user id alone.
    wa_id: Option<String>,
    /// The new user id.
    user_id: Option<String>,
    previous_user_id: Option<String>,
}

/// The parts we read of the field `user_preferences`.
#[derive(Deserialize)]
struct CloudPreferences {
    #[serde(default)]
    metadata: CloudMetadata,
    /// Each a [`CloudPreference`].
    user_preferences: Vec<Value>,
}

#[derive(Deserialize)]
struct CloudPreference {
    wa_id: Option<String>,
    user_id: Option<String>,
    category: String,
    value: String,
    #[serde(default)]
    detail: String,
    timestamp: CloudSeconds,
}

/// Seconds since the Unix epoch: a text in one field, a number in the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum CloudSeconds {
    Text(String),
    Number(i64),
}

impl CloudSeconds {
    fn read(&self) -> Result<Timestamp, WebhookError> {
        let seconds = match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(*number),
        };
        let moment = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        moment.ok_or_else(|| WebhookError::Malformed("timestamp must be seconds since 1970".to_owned()))
    }
}

/// Reads the body of a webhook, whose user ids are those of `business`.
///
/// # Errors
/// `Malformed` when it is not one of the Cloud API's.
pub(super) fn read(body: &[u8], business: &BusinessId) -> Result<Vec<ProviderEvent>, WebhookError> {
    let malformed = |error: serde_json::Error| {
        WebhookError::Malformed(format!("not a webhook of the Cloud API: {error}"))
    };
    let payload: CloudPayload = serde_json::from_slice(body).map_err(malformed)?;
    let mut items = Vec::new();
    for CloudChange { field, value } in payload.entry.into_iter().flat_map(|entry| entry.changes) {
        items.extend(CloudItem::of_change(&field, value).map_err(malformed)?);
    }
    read_each(items, |item| item.read(business))
}

/// One thing that a change says, of which each is read by itself.
enum CloudItem {
    Status(Value),
    Message { message: Value, to: Option<String> },
    Preference { preference: Value, to: Option<String> },
}

impl CloudItem {
    fn of_change(field: &str, value: Value) -> Result<Vec<Self>, serde_json::Error> {
        Ok(match field {
            "messages" => {
                let CloudMessages { metadata, statuses, messages } = serde_json::from_value(value)?;
                let to = || metadata.phone_number_id.clone();
                let messages = messages.into_iter().map(|message| Self::Message { message, to: to() });
                statuses.into_iter().map(Self::Status).chain(messages).collect()
            }
            "user_preferences" => {
                let CloudPreferences { metadata, user_preferences } = serde_json::from_value(value)?;
                let to = || metadata.phone_number_id.clone();
                user_preferences
                    .into_iter()
                    .map(|preference| Self::Preference { preference, to: to() })
                    .collect()
            }
            _ => Vec::new(),
        })
    }

    fn read(self, business: &BusinessId) -> Result<Vec<ProviderEvent>, WebhookError> {
        let malformed =
            |error| WebhookError::Malformed(format!("not what a webhook of the Cloud API says: {error}"));
        let event = match self {
            Self::Status(status) => {
                let status = serde_json::from_value(status).map_err(malformed)?;
                delivery_report(status, business)?.map(ProviderEvent::Receipt)
            }
            Self::Message { message, to } => {
                inbound_text(serde_json::from_value(message).map_err(malformed)?, to, business)?
            }
            Self::Preference { preference, to } => {
                self::preference(serde_json::from_value(preference).map_err(malformed)?, to, business)?
            }
        };
        Ok(event.into_iter().collect())
    }
}

/// Whom Meta names by a number, a user id, or both: whoever takes a user name may come without a number.
fn person(
    number: Option<&str>,
    user_id: Option<&str>,
    business: &BusinessId,
) -> Option<(Address, Vec<Address>)> {
    named_person([number.and_then(parse_phone), user_id.and_then(|id| parse_user_id(business, id))])
}

/// What became of a message; `None` for a status that is not documented yet.
fn delivery_report(
    status_update: CloudStatus,
    business: &BusinessId,
) -> Result<Option<DeliveryReport>, WebhookError> {
    let status = match status_update.status.as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        _ => return Ok(None),
    };
    let error = status_update.errors.first();
    let meaning = error.and_then(|error| errors::meaning(error.code, None));
    let CloudStatus { recipient_id, recipient_user_id, .. } = &status_update;
    let recipient = person(recipient_id.as_deref(), recipient_user_id.as_deref(), business);
    let (address, aliases) =
        recipient.map_or((None, Vec::new()), |(address, aliases)| (Some(address), aliases));
    Ok(Some(DeliveryReport {
        reference: status_update.id,
        echo: status_update.biz_opaque_callback_data.and_then(|text| text.parse().ok()),
        address,
        aliases,
        status,
        reported_at: status_update.timestamp.read()?,
        evidence: error.map(|error| OutcomeEvidence::new(error.code, &error.title)).unwrap_or_default(),
        objection: meaning.and_then(|meaning| meaning.objection()),
    }))
}

/// What a person wrote, or that they have another number or user id; `None` when it says neither, or not of whom.
fn inbound_text(
    message: CloudMessage,
    to: Option<String>,
    business: &BusinessId,
) -> Result<Option<ProviderEvent>, WebhookError> {
    let at = message.timestamp.read()?;
    let previous = message.system.as_ref().and_then(|system| system.previous_user_id.as_deref());
    let user_id = previous.or(message.from_user_id.as_deref());
    let Some((from, aliases)) = person(message.from.as_deref(), user_id, business) else { return Ok(None) };
    let id = message.id;
    if let Some(system) = message.system {
        let evidence = OutcomeEvidence::new(&system.kind, "");
        let change = new_address(&system, business).map(AddressChange::MovedTo);
        let report =
            change.map(|change| AddressReport { id, address: from, aliases, to, change, at, evidence });
        return Ok(report.map(ProviderEvent::Address));
    }
    let chosen = message
        .interactive
        .and_then(|reply| reply.button_reply.or(reply.list_reply))
        .map(|reply| reply.title);
    let text = message.text.map(|text| text.body).or(message.button.map(|button| button.text)).or(chosen);
    let reply_to = message.context.and_then(|context| context.id);
    Ok(Some(ProviderEvent::Text(InboundText {
        id,
        from,
        aliases,
        to,
        text: text.unwrap_or_default(),
        reply_to,
        at,
    })))
}

/// The new number, or the new user id where Meta shows no number.
fn new_address(system: &CloudSystem, business: &BusinessId) -> Option<Address> {
    match system.kind.as_str() {
        "user_changed_number" | "user_changed_user_id" => {
            let (address, _) = person(system.wa_id.as_deref(), system.user_id.as_deref(), business)?;
            Some(address)
        }
        _ => None,
    }
}

/// Who wants no more marketing. Who resumes it gets none by that alone, because it needs an opt-in.
fn preference(
    preference: CloudPreference,
    to: Option<String>,
    business: &BusinessId,
) -> Result<Option<ProviderEvent>, WebhookError> {
    let CloudPreference { wa_id, user_id, category, value, detail, timestamp } = preference;
    let person = person(wa_id.as_deref(), user_id.as_deref(), business);
    let (Some((address, aliases)), "marketing_messages", "stop") = (person, &*category, &*value) else {
        return Ok(None);
    };
    let at = timestamp.read()?;
    Ok(Some(ProviderEvent::Address(AddressReport {
        // It has no id of its own.
        id: format!("{category} {value} {address} {}", at.as_second()),
        address,
        aliases,
        to,
        change: AddressChange::Objected(Objection::CommercialOptedOut),
        at,
        evidence: OutcomeEvidence::new("user_preferences", &detail),
    })))
}

#[cfg(test)]
mod tests;
