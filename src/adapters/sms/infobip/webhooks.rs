//! Infobip's webhooks, for SMS and WhatsApp alike: delivery reports, seen reports and inbound messages (infobip.com/docs/api,
//! "Receive outbound message reports", "Receive seen reports", "Receive inbound messages").

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::errors;
use crate::adapters::webhooks::{
    BasicAuth, DeliveryReport, ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
    named_person, parse_phone, parse_rfc3339, parse_user_id, read_each,
};
use crate::model::{BusinessId, InboundText, Objection, OutcomeEvidence, ReceiptStatus, Timestamp};

/// Takes the webhooks of an account.
#[derive(Debug)]
pub(in crate::adapters) struct InfobipWebhooks {
    /// The user and password that Infobip was told to send with them.
    pub auth: BasicAuth,
    /// The business whose user ids on WhatsApp it speaks of.
    pub business: BusinessId,
}

#[async_trait]
impl WebhookHandler for InfobipWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        self.auth.verify(request)?;
        let body =
            request.body.ok_or_else(|| WebhookError::Malformed("Infobip calls with POST".to_owned()))?;
        read(body, &self.business).map(WebhookPayload::Events)
    }
}

#[derive(Deserialize)]
struct InfobipPayload {
    results: Vec<Value>,
}

/// The parts we read of a result. Which kind it is its fields tell.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InfobipEntry {
    message_id: String,
    to: Option<String>,
    from: Option<String>,
    /// On WhatsApp, of whoever may come without a number.
    user_id: Option<String>,
    callback_data: Option<String>,
    /// Of a delivery report.
    status: Option<InfobipCode>,
    error: Option<InfobipCode>,
    done_at: Option<String>,
    /// Of a seen report.
    seen_at: Option<String>,
    /// Of an inbound message.
    received_at: Option<String>,
    /// The text of an SMS.
    text: Option<String>,
    /// The content of a message on WhatsApp.
    message: Option<InfobipContent>,
}

/// A status or an error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InfobipCode {
    #[serde(default)]
    group_id: u32,
    id: u32,
    #[serde(default)]
    name: String,
    /// Whether the same message would fail again.
    #[serde(default)]
    permanent: bool,
}

#[derive(Deserialize)]
struct InfobipContent {
    /// Of a text, or of the button of a template.
    text: Option<String>,
    /// Of a button or of the entry of a list of an interactive message.
    title: Option<String>,
    context: Option<InfobipContext>,
}

#[derive(Deserialize)]
struct InfobipContext {
    id: Option<String>,
}

fn read(body: &[u8], business: &BusinessId) -> Result<Vec<ProviderEvent>, WebhookError> {
    let malformed = |error| WebhookError::Malformed(format!("not a webhook of Infobip's: {error}"));
    let payload: InfobipPayload = serde_json::from_slice(body).map_err(malformed)?;
    read_each(payload.results, |result| {
        Ok(entry(serde_json::from_value(result).map_err(malformed)?, business)?.into_iter().collect())
    })
}

/// What a result says; `None` when that is nothing new.
fn entry(entry: InfobipEntry, business: &BusinessId) -> Result<Option<ProviderEvent>, WebhookError> {
    if let Some(seen_at) = &entry.seen_at {
        let at = parse_rfc3339(seen_at)?;
        return Ok(Some(ProviderEvent::Receipt(delivery_report(entry, ReceiptStatus::Read, at))));
    }
    if let Some(status) = entry.status.as_ref().map(|code| status(code.group_id, code.id)) {
        let at = entry.done_at.as_deref().map(parse_rfc3339).transpose()?;
        let must = || WebhookError::Malformed("doneAt is missing".to_owned());
        return status
            .map(|status| Ok(ProviderEvent::Receipt(delivery_report(entry, status, at.ok_or_else(must)?))))
            .transpose();
    }
    let Some(received_at) = &entry.received_at else { return Ok(None) };
    let at = parse_rfc3339(received_at)?;
    Ok(inbound_text(entry, business, at).map(ProviderEvent::Text))
}

/// What the group and the id of a status say ("Response status and error codes", general status codes).
fn status(group: u32, id: u32) -> Option<ReceiptStatus> {
    Some(match (group, id) {
        // Delivered to the operator, which says no more yet.
        (3, 2) => ReceiptStatus::Sent,
        // Delivered to the handset.
        (3, _) => ReceiptStatus::Delivered,
        // Of a call that repeated one in doubt under its id: what became of the message, the reports on the first call say.
        (5, errors::DUPLICATE) => return None,
        // Undeliverable, expired, rejected.
        (2 | 4 | 5, _) => ReceiptStatus::Failed,
        // Pending, or a group that is not documented yet.
        _ => return None,
    })
}

/// What an error says against the address (the same page, general error codes).
fn objection(error: &InfobipCode) -> Option<Objection> {
    match error.id {
        // The number is unknown, barred by its network, given up.
        1 | 9 | 3041 if error.permanent => Some(Objection::BadAddress),
        // The person answered STOP, or blocked us.
        573 | 603 | 7003 => Some(Objection::OptedOut),
        // The person stopped marketing messages on WhatsApp.
        7033 => Some(Objection::CommercialOptedOut),
        _ => None,
    }
}

fn delivery_report(entry: InfobipEntry, status: ReceiptStatus, reported_at: Timestamp) -> DeliveryReport {
    let is_failed = |_: &InfobipCode| status == ReceiptStatus::Failed;
    let (refused, error) = (entry.status.filter(is_failed), entry.error.filter(is_failed));
    let by_status = refused.as_ref().and_then(|status| errors::meaning(status.id)?.objection());
    let objection = error.as_ref().and_then(objection).or(by_status);
    let cause = error.filter(|error| error.id != 0).or(refused);
    DeliveryReport {
        reference: entry.message_id,
        echo: entry.callback_data.and_then(|text| text.parse().ok()),
        // A seen report comes from the person, but names them as the receiver all the same.
        address: entry.to.as_deref().and_then(parse_phone),
        aliases: Vec::new(),
        status,
        reported_at,
        evidence: cause.map(|code| OutcomeEvidence::new(code.id, &code.name)).unwrap_or_default(),
        objection,
    }
}

/// What somebody wrote or chose; `None` when it comes from nobody who is known by a number or a user id.
fn inbound_text(entry: InfobipEntry, business: &BusinessId, at: Timestamp) -> Option<InboundText> {
    let named = entry.from.as_deref();
    let user_id = entry.user_id.as_deref().or(named).and_then(|id| parse_user_id(business, id));
    let (from, aliases) = named_person([named.and_then(parse_phone), user_id])?;
    let (text, reply_to) = match entry.message {
        Some(content) => (content.text.or(content.title), content.context.and_then(|context| context.id)),
        None => (entry.text, None),
    };
    Some(InboundText {
        id: entry.message_id,
        from,
        aliases,
        to: entry.to,
        text: text.unwrap_or_default(),
        reply_to,
        at,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    const ECHO: &str = "acme/01900000-0000-7000-8000-000000000000/2";

    fn events_in(result: Value) -> Vec<ProviderEvent> {
        read(json!({ "results": [result], "more": 1 }).to_string().as_bytes(), &business()).unwrap()
    }

    fn report(status: (u32, u32), error: (u32, bool)) -> Vec<ProviderEvent> {
        events_in(json!({
            "bulkId": "b1", "messageId": ECHO, "to": "34600123456", "sentAt": "2026-11-22T09:59:57.000+0000",
            "doneAt": "2026-11-22T10:59:58.500+0100", "smsCount": 1, "callbackData": ECHO,
            "status": { "groupId": status.0, "groupName": "G", "id": status.1, "name": "STATUS" },
            "error": { "groupId": 1, "id": error.0, "name": "ERROR", "permanent": error.1 },
        }))
    }

    fn business() -> BusinessId {
        "shop".parse().unwrap()
    }

    fn receipt(events: &[ProviderEvent]) -> &DeliveryReport {
        match events {
            [ProviderEvent::Receipt(delivery_report)] => delivery_report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_report_says_what_became_of_the_message() {
        for (group, id, expected) in [
            (3, 2, ReceiptStatus::Sent),
            (3, 5, ReceiptStatus::Delivered),
            (2, 9, ReceiptStatus::Failed),
            (4, 15, ReceiptStatus::Failed),
            (5, 12, ReceiptStatus::Failed),
        ] {
            let events = report((group, id), (0, false));
            let report = receipt(&events);
            assert_eq!((report.reference.as_str(), report.status), (ECHO, expected));
            assert_eq!(
                (&report.address, report.echo.as_ref().unwrap().attempt),
                (&parse_phone("34600123456"), 2)
            );
            assert_eq!(report.reported_at, "2026-11-22T09:59:58.5Z".parse().unwrap());
        }
        assert_eq!([report((1, 7), (0, false)), report((9, 1), (0, false))], [[], []]);
        assert_eq!(report((5, 23), (0, false)), [], "a repeat was refused, and the first call taken");
    }

    #[test]
    fn a_seen_report_says_that_it_was_read() {
        let seen = events_in(json!({
            "messageId": ECHO, "from": "34910000000", "to": "34600123456",
            "sentAt": "2026-11-22T09:59:57.000+0000", "seenAt": "2026-11-22T10:00:00.000+0000",
        }));
        assert_eq!((receipt(&seen).status, receipt(&seen).reference.as_str()), (ReceiptStatus::Read, ECHO));
    }

    #[test]
    fn only_what_is_certain_suppresses_the_address() {
        for (status, error, expected) in [
            ((2, 9), (1, true), Some(Objection::BadAddress)),
            ((2, 9), (3041, true), Some(Objection::BadAddress)),
            ((2, 9), (1, false), None),
            ((2, 9), (27, true), None),
            ((2, 9), (603, true), Some(Objection::OptedOut)),
            ((2, 9), (7003, false), Some(Objection::OptedOut)),
            ((2, 9), (7033, false), Some(Objection::CommercialOptedOut)),
            ((2, 9), (9999, true), None),
            ((5, 8), (0, false), Some(Objection::BadAddress)),
            ((5, 10), (0, false), Some(Objection::OptedOut)),
            ((5, 14), (0, false), None),
            ((3, 5), (1, true), None),
        ] {
            let events = report(status, error);
            assert_eq!(receipt(&events).objection, expected, "{status:?} {error:?}");
        }
        let words = |events: &[ProviderEvent]| receipt(events).evidence.to_string();
        assert_eq!(words(&report((2, 9), (1, true))), "1 ERROR");
        assert_eq!(words(&report((5, 12), (0, false))), "12 STATUS");
        assert_eq!(words(&report((3, 5), (0, false))), "");
    }

    #[test]
    fn what_people_write_or_choose_is_a_text_and_what_they_show_an_empty_one() {
        let sms = json!({
            "messageId": "m9", "from": "34600123456", "to": "34910000000", "text": "STOP now", "cleanText": "now",
            "keyword": "STOP", "receivedAt": "2026-11-22T10:00:00.000+0000", "smsCount": 1,
        });
        let text = |text: &str, reply_to: Option<&str>| {
            ProviderEvent::Text(InboundText {
                id: "m9".to_owned(),
                from: parse_phone("34600123456").unwrap(),
                aliases: Vec::new(),
                to: Some("34910000000".to_owned()),
                text: text.to_owned(),
                reply_to: reply_to.map(str::to_owned),
                at: "2026-11-22T10:00:00Z".parse().unwrap(),
            })
        };
        assert_eq!(events_in(sms), [text("STOP now", None)]);
        let whatsapp = |message: Value| {
            events_in(json!({
                "messageId": "m9", "from": "34600123456", "to": "34910000000", "integrationType": "WHATSAPP",
                "receivedAt": "2026-11-22T10:00:00.000+0000", "message": message, "contact": { "name": "Ana" },
            }))
        };
        let context = json!({ "from": "34910000000", "id": "m1" });
        let hi = json!({ "type": "TEXT", "text": "hi", "context": context });
        assert_eq!(whatsapp(hi), [text("hi", Some("m1"))]);
        let button = json!({ "type": "BUTTON", "text": "No more", "payload": "no" });
        assert_eq!(whatsapp(button), [text("No more", None)]);
        let reply = json!({ "type": "INTERACTIVE_BUTTON_REPLY", "id": "1", "title": "Yes" });
        assert_eq!(whatsapp(reply), [text("Yes", None)]);
        assert_eq!(whatsapp(json!({ "type": "IMAGE", "url": "https://example.com/1" })), [text("", None)]);
        let nameless =
            json!({ "messageId": "m9", "from": "ACME", "receivedAt": "2026-11-22T10:00:00.000+0000" });
        assert_eq!(events_in(nameless), []);
        assert_eq!(events_in(json!({ "messageId": "m9", "aWordOfTomorrow": 1 })), []);
    }

    #[tokio::test]
    async fn only_who_knows_the_password_is_heard() {
        let handler = InfobipWebhooks {
            business: business(),
            auth: BasicAuth { user: "relevo".to_owned(), password: Secret::new("sesame") },
        };
        let handle = async |pair: &str, body: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("Authorization", format!("Basic {}", STANDARD.encode(pair)).parse().unwrap());
            let (url, now) = ("", "2026-11-22T10:00:00Z".parse().unwrap());
            let body = body.map(str::as_bytes);
            handler.handle(&WebhookRequest { url, query: "", headers: &headers, body, now }).await
        };
        assert_eq!(
            handle("relevo:sesame", Some(r#"{"results":[]}"#)).await,
            Ok(WebhookPayload::Events(vec![]))
        );
        assert!(matches!(
            handle("relevo:open", Some(r#"{"results":[]}"#)).await,
            Err(WebhookError::Unauthenticated(_))
        ));
        assert!(matches!(handle("relevo:sesame", Some("{}")).await, Err(WebhookError::Malformed(_))));
        assert!(matches!(handle("relevo:sesame", None).await, Err(WebhookError::Malformed(_))));
    }

    #[test]
    fn people_on_whatsapp_are_known_by_their_number_their_user_id_or_both() {
        let user = parse_user_id(&business(), "ES.1").unwrap();
        let number = parse_phone("34600123456").unwrap();
        for (from, user_id, address, aliases) in [
            (json!("34600123456"), json!("ES.1"), &number, vec![user.clone()]),
            (Value::Null, json!("ES.1"), &user, vec![]),
            (json!("ES.1"), Value::Null, &user, vec![]),
        ] {
            let result = json!({
                "messageId": "m1", "from": from, "userId": user_id, "receivedAt": "2026-11-22T10:00:00.000+0000",
                "message": { "type": "TEXT", "text": "STOP" },
            });
            match events_in(result).remove(0) {
                ProviderEvent::Text(text) => assert_eq!((&text.from, &text.aliases), (address, &aliases)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_webhook_is_malformed() {
        for result in [
            json!(1),
            json!({ "status": { "groupId": 3, "id": 5 }, "doneAt": "2026-11-22T10:00:00.000+0000" }),
            json!({ "messageId": "m1", "status": { "groupId": 3, "id": 5 } }),
            json!({ "messageId": "m1", "seenAt": "yesterday" }),
            json!({ "messageId": "m1", "from": "34600123456", "receivedAt": "yesterday" }),
        ] {
            let body = json!({ "results": [result] }).to_string();
            assert!(matches!(read(body.as_bytes(), &business()), Err(WebhookError::Malformed(_))), "{body}");
            let good = json!({ "messageId": "m1", "seenAt": "2026-11-22T10:00:00.000+0000" });
            let both = json!({ "results": [result, good, result] }).to_string();
            let events = read(both.as_bytes(), &business()).unwrap();
            let [ProviderEvent::Receipt(_), ProviderEvent::Unreadable { count: 2, .. }] = events.as_slice()
            else {
                panic!("{events:?}");
            };
        }
    }
}
