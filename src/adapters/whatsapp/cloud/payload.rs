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
mod tests {
    use serde_json::json;

    use super::*;

    const NUMBER: &str = "106540352242922";

    fn body(field: &str, mut value: Value) -> Vec<u8> {
        value["metadata"] = json!({ "display_phone_number": "15550783881", "phone_number_id": NUMBER });
        let change = json!({ "field": field, "value": value });
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }] })
            .to_string()
            .into_bytes()
    }

    fn events_in(field: &str, value: Value) -> Vec<ProviderEvent> {
        read(&body(field, value), &business()).unwrap()
    }

    fn business() -> BusinessId {
        "shop".parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn statuses_say_what_became_of_messages() {
        let statuses = json!([
            { "id": "wamid.1", "status": "sent", "timestamp": "1795000000", "recipient_id": "34600123456" },
            { "id": "wamid.2", "status": "read", "timestamp": "1795000001", "conversation": {} },
            { "id": "wamid.3", "status": "a-word-of-tomorrow", "timestamp": "1795000001" },
            {
                "id": "wamid.4", "status": "failed", "timestamp": "1795000002",
                "biz_opaque_callback_data": "acme/01900000-0000-7000-8000-000000000000/2",
                "errors": [{ "code": 131_021, "title": "Recipient cannot be sender" }],
            },
        ]);
        let receipt = |event| match event {
            ProviderEvent::Receipt(delivery_report) => delivery_report,
            other => panic!("{other:?}"),
        };
        let events = events_in("messages", json!({ "statuses": statuses }));
        let reports: Vec<DeliveryReport> = events.into_iter().map(receipt).collect();
        let events: Vec<_> =
            reports.iter().map(|report| (report.reference.as_str(), report.status)).collect();
        assert_eq!(
            events,
            [
                ("wamid.1", ReceiptStatus::Sent),
                ("wamid.2", ReceiptStatus::Read),
                ("wamid.4", ReceiptStatus::Failed)
            ]
        );
        assert_eq!(
            (&reports[0].address, reports[0].reported_at),
            (&parse_phone("34600123456"), at(1_795_000_000))
        );
        assert_eq!(reports[2].echo.as_ref().unwrap().attempt, 2);
        assert_eq!(reports[2].objection, Some(Objection::BadAddress));
        assert_eq!(reports[2].evidence.code, "131021");
    }

    #[test]
    fn only_what_is_certain_suppresses_the_address() {
        for (code, expected) in [
            (131_021, Some(Objection::BadAddress)),
            (131_050, Some(Objection::CommercialOptedOut)),
            (131_026, None),
            (131_047, None),
            (999_999, None),
        ] {
            let errors = json!([{ "code": code, "title": "no" }]);
            let status =
                json!({ "id": "w", "status": "failed", "timestamp": "1795000000", "errors": errors });
            let events = events_in("messages", json!({ "statuses": [status] }));
            assert!(
                matches!(&events[..], [ProviderEvent::Receipt(report)] if report.objection == expected),
                "{code}: {events:?}"
            );
        }
    }

    #[test]
    fn what_people_write_or_choose_is_a_text_and_what_they_show_an_empty_one() {
        let chosen = json!({ "id": "yes", "title": "Yes" });
        for (kind, content, text) in [
            ("text", json!({ "body": "STOP" }), "STOP"),
            ("button", json!({ "payload": "no", "text": "No more" }), "No more"),
            ("interactive", json!({ "type": "button_reply", "button_reply": chosen }), "Yes"),
            ("interactive", json!({ "type": "list_reply", "list_reply": chosen }), "Yes"),
            ("interactive", json!({ "type": "nfm_reply", "nfm_reply": {} }), ""),
            ("image", json!({ "id": "1", "caption": "look" }), ""),
            ("reaction", json!({ "message_id": "wamid.1", "emoji": "👍" }), ""),
            ("a-word-of-tomorrow", json!({ "body": "?" }), ""),
        ] {
            let mut message = json!({
                "id": "wamid.9", "from": "34600123456", "timestamp": "1795000000", "type": kind,
                "context": { "from": "15550783881", "id": "wamid.1" },
            });
            message[kind] = content;
            let inbound = InboundText {
                id: "wamid.9".to_owned(),
                from: parse_phone("34600123456").unwrap(),
                aliases: Vec::new(),
                to: Some(NUMBER.to_owned()),
                text: text.to_owned(),
                reply_to: Some("wamid.1".to_owned()),
                at: at(1_795_000_000),
            };
            assert_eq!(
                events_in("messages", json!({ "messages": [message] })),
                [ProviderEvent::Text(inbound)],
                "{kind}"
            );
        }
        let plain = json!({ "id": "wamid.9", "from": "34600123456", "timestamp": "1795000000", "text": { "body": "hi" } });
        let events = events_in("messages", json!({ "messages": [plain] }));
        assert!(matches!(&events[..], [ProviderEvent::Text(text)] if text.reply_to.is_none()), "{events:?}");
        let nameless = json!({ "id": "wamid.9", "timestamp": "1795000000" });
        assert_eq!(events_in("messages", json!({ "messages": [nameless] })), []);
    }

    #[test]
    fn people_are_known_by_their_number_their_user_id_or_both() {
        let (number, user) =
            (parse_phone("34600123456").unwrap(), parse_user_id(&business(), "ES.1").unwrap());
        for (from, user_id, address, aliases) in [
            (Some("34600123456"), Some("ES.1"), Some(&number), vec![user.clone()]),
            (None, Some("ES.1"), Some(&user), vec![]),
            (Some("34600123456"), None, Some(&number), vec![]),
            (Some("34600123456"), Some("of tomorrow"), Some(&number), vec![]),
            (None, None, None, vec![]),
        ] {
            let message =
                json!({ "id": "w", "from": from, "from_user_id": user_id, "timestamp": "1795000000" });
            let status = json!({
                "id": "w", "status": "sent", "timestamp": "1795000000", "recipient_id": from,
                "recipient_user_id": user_id,
            });
            let preference = json!({
                "wa_id": from, "user_id": user_id, "category": "marketing_messages", "value": "stop", "timestamp": 1,
            });
            let mut named: Vec<_> =
                events_in("messages", json!({ "messages": [message], "statuses": [status] }));
            named.extend(events_in("user_preferences", json!({ "user_preferences": [preference] })));
            let named = named.into_iter().filter_map(|event| match event {
                ProviderEvent::Text(text) => Some((text.from, text.aliases)),
                ProviderEvent::Address(report) => Some((report.address, report.aliases)),
                ProviderEvent::Receipt(report) => Some((report.address?, report.aliases)),
                other => panic!("{other:?}"),
            });
            let named: Vec<_> = named.collect();
            let expected = address.map(|address| (address.clone(), aliases));
            assert_eq!(named.len(), if expected.is_some() { 3 } else { 0 });
            assert!(named.iter().all(|named| Some(named) == expected.as_ref()), "{named:?}");
        }
    }

    #[test]
    fn who_has_another_user_id_has_moved_there() {
        let moved = |system: Value, from: Option<&str>| {
            let message = json!({
                "from": from, "from_user_id": "ES.1", "id": "w", "timestamp": "1795000000", "system": system,
            });
            match events_in("messages", json!({ "messages": [message] })).remove(0) {
                ProviderEvent::Address(report) => (report.address, report.aliases, report.change),
                other => panic!("{other:?}"),
            }
        };
        let user = |id| parse_user_id(&business(), id).unwrap();
        let to = |id| AddressChange::MovedTo(user(id));
        let system = json!({ "type": "user_changed_user_id", "user_id": "ES.2" });
        assert_eq!(moved(system, None), (user("ES.1"), vec![], to("ES.2")));
        let system = json!({ "type": "user_changed_user_id", "user_id": "ES.2", "previous_user_id": "ES.0" });
        assert_eq!(moved(system, None), (user("ES.0"), vec![], to("ES.2")));
        let number = |digits| parse_phone(digits).unwrap();
        let system = json!({ "type": "user_changed_number", "wa_id": "34600654321", "user_id": "ES.2" });
        let changed = AddressChange::MovedTo(number("34600654321"));
        assert_eq!(moved(system, Some("34600123456")), (number("34600123456"), vec![user("ES.1")], changed));
    }

    #[test]
    fn who_has_another_number_has_moved_there() {
        let message = |kind: &str, new: &str| {
            let system = json!({ "body": "changed", "wa_id": new, "type": kind });
            let from = "34600123456";
            let message = json!({ "from": from, "id": "w", "timestamp": "1795000000", "type": "system", "system": system });
            events_in("messages", json!({ "messages": [message] }))
        };
        let moved = AddressReport {
            id: "w".to_owned(),
            address: parse_phone("34600123456").unwrap(),
            aliases: Vec::new(),
            to: Some(NUMBER.to_owned()),
            change: AddressChange::MovedTo(parse_phone("34600654321").unwrap()),
            at: at(1_795_000_000),
            evidence: OutcomeEvidence::new("user_changed_number", ""),
        };
        assert_eq!(message("user_changed_number", "34600654321"), [ProviderEvent::Address(moved)]);
        assert_eq!(message("user_changed_number", "?"), []);
        assert_eq!(message("a-word-of-tomorrow", "34600654321"), []);
    }

    #[test]
    fn who_stops_marketing_is_sent_none() {
        let preference = |category: &str, value: &str, timestamp: Value| {
            let preference = json!({
                "wa_id": "34600123456", "category": category, "value": value, "timestamp": timestamp,
                "detail": "User requested to stop marketing messages",
            });
            events_in("user_preferences", json!({ "user_preferences": [preference] }))
        };
        let stopped = preference("marketing_messages", "stop", json!(1_795_000_000));
        let [ProviderEvent::Address(report)] = &stopped[..] else { panic!("{stopped:?}") };
        assert_eq!(report.address, parse_phone("34600123456").unwrap());
        assert_eq!(report.change, AddressChange::Objected(Objection::CommercialOptedOut));
        assert_eq!((report.at, report.to.as_deref()), (at(1_795_000_000), Some(NUMBER)));
        assert_eq!(preference("marketing_messages", "stop", json!("1795000000")), stopped, "it is the same");
        assert_ne!(preference("marketing_messages", "stop", json!(1_795_000_001)), stopped, "it is another");
        assert_eq!(preference("marketing_messages", "resume", json!(1_795_000_000)), []);
        assert_eq!(preference("a-word-of-tomorrow", "stop", json!(1_795_000_000)), []);
    }

    #[test]
    fn what_cannot_be_read_keeps_nothing_else_back() {
        let good = json!({ "id": "w", "from": "34600123456", "timestamp": "1795000000", "text": { "body": "STOP" } });
        let odd = json!({ "id": "w", "status": "sent", "timestamp": "soon" });
        let events = events_in("messages", json!({ "messages": [good], "statuses": [odd] }));
        assert!(
            matches!(&events[..], [ProviderEvent::Text(_), ProviderEvent::Unreadable { count: 1, .. }]),
            "{events:?}"
        );
        let odd = read(&body("messages", json!({ "statuses": [odd] })), &business());
        assert!(matches!(odd, Err(WebhookError::Malformed(_))), "{odd:?}");
    }

    #[test]
    fn other_fields_are_passed_over() {
        assert_eq!(
            events_in("message_template_status_update", json!({ "messages": 1, "statuses": [1] })),
            []
        );
        assert_eq!(events_in("messages", json!({ "contacts": [], "errors": [{}] })), []);
        assert_eq!(
            read(br#"{"object":"x","entry":[{"changes":[{}]},{}],"more":1}"#, &business()),
            Ok(vec![])
        );
    }

    #[test]
    fn what_is_no_webhook_is_malformed() {
        let status =
            |timestamp| json!({ "statuses": [{ "id": "w", "status": "sent", "timestamp": timestamp }] });
        for body in [
            b"".to_vec(),
            b"[]".to_vec(),
            b"{}".to_vec(),
            b"nonsense".to_vec(),
            body("messages", json!({ "statuses": [1] })),
            body("messages", status("yesterday")),
            body("user_preferences", json!({})),
        ] {
            assert!(
                matches!(read(&body, &business()), Err(WebhookError::Malformed(_))),
                "{}",
                String::from_utf8_lossy(&body)
            );
        }
    }
}
