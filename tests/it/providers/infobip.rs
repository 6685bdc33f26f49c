//! SMS by Infobip.

use relevo::adapters::sms::infobip::{InfobipSettings, InfobipSmsAdapter, InfobipSmsSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::{Row, body, replay};
use crate::peers::WiremockStubs;
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> InfobipSmsSettings {
    InfobipSmsSettings(InfobipSettings {
        api_key: Secret::new("the-api-key"),
        from: "+34910000000".to_owned(),
        base_url,
        webhook_user: None,
        webhook_password: None,
        repeat_window_minutes: None,
    })
}

fn infobip(base_url: String) -> InfobipSmsAdapter {
    InfobipSmsAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

/// The entry of a message in an answer.
pub(super) fn entry(group: u32, id: u32) -> Value {
    json!({
        "messageId": "m17",
        "status": { "groupId": group, "groupName": "GROUP", "id": id, "name": "NAME", "description": "in more words" },
        "to": "34600123456",
    })
}

/// Our own id of the attempt of every envelope here.
pub(super) fn own_id() -> String {
    format!("acme/{}/2", envelopes::to_phone("").message_id)
}

#[tokio::test]
async fn the_request_holds_what_infobip_needs_and_our_own_id() {
    let stubs = WiremockStubs::new("infobip-request");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "messages": [entry(1, 26)] } })).await;
    let own_sender = Envelope { from: Some("ACME".to_owned()), ..envelopes::to_phone("hello") };
    for envelope in [envelopes::to_phone("Olá 👋"), own_sender] {
        let outcome = infobip(stubs.url()).deliver(&envelope).await;
        assert_eq!(outcome, Outcome::sent("m17"));
    }

    let requests = stubs.requests().await;
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first["url"], "/infobip-request/sms/3/messages");
    assert_eq!(first["headers"]["Authorization"], "App the-api-key");
    assert_eq!(
        body(first),
        json!({ "messages": [{
            "sender": "34910000000",
            "destinations": [{ "to": "34600123456", "messageId": own_id() }],
            "content": { "text": "Olá 👋" },
            "webhooks": { "callbackData": own_id() },
        }] })
    );
    assert_eq!(body(second)["messages"][0]["sender"], "ACME");
}

#[tokio::test]
async fn a_request_that_was_repeated_on_its_way_is_sent_once_and_known_by_our_own_id() {
    let stubs = WiremockStubs::new("infobip-twice");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "messages": [entry(5, 23)] } })).await;
    let outcome = infobip(stubs.url()).deliver(&envelopes::to_phone("hello")).await;
    assert_eq!(outcome, Outcome::sent(own_id()));
}

#[tokio::test]
async fn every_documented_status_of_infobip_has_its_outcome() {
    let stubs = WiremockStubs::new("infobip-errors");
    let list = |entry: Value| json!({ "bulkId": "b1", "messages": [entry] });
    replay(&stubs, &infobip(stubs.url()), envelopes::to_phone, rows(list)).await;
}

/// Every row of Infobip's statuses, each in an answer that `answer` puts it into, and its errors.
pub(super) fn rows(answer: fn(Value) -> Value) -> Vec<Row> {
    // The HTTP status says nothing.
    let statuses = STATUSES.iter().flat_map(|&(outcome, group, ids)| {
        ids.iter().map(move |&id| Row { status: 200, body: answer(entry(group, id)), outcome })
    });
    let errors = ERRORS.iter().flat_map(|&(outcome, status)| {
        let newer = json!({ "errorCode": format!("E{status}"), "description": "refused", "violations": [] });
        let older =
            json!({ "requestError": { "serviceException": { "messageId": "CODE", "text": "refused" } } });
        [newer, older].map(|body| Row { status, body, outcome })
    });
    statuses.chain(errors).collect()
}

/// The outcome, the group, and the ids.
const STATUSES: &[(&str, u32, &[u32])] = &[
    ("sent", 0, &[0]),
    ("sent", 1, &[3, 7, 26]),
    ("sent", 3, &[2, 5]),
    ("sent", 5, &[23]),
    ("bad address", 5, &[8, 52]),
    ("doubtful address", 5, &[51]),
    ("doubtful address", 2, &[9]),
    ("opted out", 5, &[10]),
    ("perhaps opted out", 5, &[14]),
    ("policy", 5, &[6, 16, 18, 87]),
    ("policy", 4, &[87]),
    ("policy", 2, &[4]),
    ("throttled recipient", 5, &[20]),
    ("content", 5, &[24, 25]),
    ("content", 4, &[24]),
    ("unavailable", 5, &[21, 100]),
    ("unavailable", 2, &[31]),
    ("misconfigured", 5, &[11, 12, 13, 17, 19]),
    ("unknown", 4, &[15, 29]),
    // Ids and groups that are not in the table.
    ("policy", 5, &[15, 999]),
    ("policy", 2, &[15, 999]),
    ("unknown", 4, &[999]),
    ("unknown", 9, &[1]),
];

/// The outcome and the HTTP status.
const ERRORS: &[(&str, u16)] = &[
    ("policy", 400),
    ("misconfigured", 401),
    ("misconfigured", 403),
    ("misconfigured", 404),
    ("throttled", 429),
    // A server that failed may have taken the message before.
    ("unknown", 500),
    ("unknown", 502),
    ("unavailable", 503),
];
