//! Twilio's Messages API.

use relevo::adapters::sms::twilio::{
    TwilioAccountSettings, TwilioSmsAdapter, TwilioSmsSenderSettings, TwilioSmsSettings,
};
use relevo::adapters::{Adapter, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::{Row, basic, form, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

pub(super) const TOKEN: &str = "the-auth-token";

pub(super) fn account() -> String {
    format!("AC{}", "1".repeat(32))
}

pub(super) fn settings(base_url: String) -> TwilioSmsSettings {
    TwilioSmsSettings {
        account: TwilioAccountSettings {
            account_sid: account(),
            auth_token: Secret::new(TOKEN),
            account_auth_token: None,
            shared_key: None,
            api_key_sid: None,
            base_url,
            status_callback: None,
        },
        channel: TwilioSmsSenderSettings {
            from: Some("+34910000000".to_owned()),
            messaging_service_sid: None,
        },
    }
}

fn twilio(settings: &TwilioSmsSettings) -> TwilioSmsAdapter {
    TwilioSmsAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn twilios_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("twilio_messages") else { return };
    let number = settings(peer.url());
    let mut service = settings(peer.url());
    service.channel =
        TwilioSmsSenderSettings { from: None, messaging_service_sid: Some(format!("MG{}", "a".repeat(32))) };
    service.account.api_key_sid = Some(format!("SK{}", "b".repeat(32)));
    service.account.status_callback = Some("https://relevo.example.com/twilio?brand=acme".to_owned());
    for settings in [number, service] {
        let outcome = twilio(&settings).deliver(&envelopes::to_phone("Olá & até já, 1+1=2 👋")).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", peer.url(), account());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).basic_auth(account(), Some(TOKEN)).form(&[("Body", "to nobody")]);
    assert_eq!(request.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn the_request_holds_what_twilio_needs_and_no_more() {
    let stubs = WiremockStubs::new("twilio-request");
    stubs.answer(json!({}), json!({ "status": 201, "jsonBody": { "sid": "SM17" } })).await;
    let outcome = twilio(&settings(stubs.url())).deliver(&envelopes::to_phone("1 + 1 = 2 & más")).await;
    assert_eq!(outcome, Outcome::sent("SM17"));

    let own_sender =
        relevo::adapters::Envelope { from: Some("ACME".to_owned()), ..envelopes::to_phone("hello") };
    let key = format!("SK{}", "b".repeat(32));
    let mut with_key = settings(stubs.url());
    with_key.account.api_key_sid = Some(key.clone());
    with_key.account.status_callback = Some("https://relevo.example.com/twilio?a=b".to_owned());
    twilio(&with_key).deliver(&own_sender).await;

    let requests = stubs.requests().await;
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first["url"], format!("/twilio-request/2010-04-01/Accounts/{}/Messages.json", account()));
    assert_eq!(first["headers"]["Content-Type"], "application/x-www-form-urlencoded");
    assert_eq!(first["headers"]["User-Agent"], concat!("relevo/", env!("CARGO_PKG_VERSION")));
    assert_eq!(first["headers"]["Authorization"], basic(&account(), TOKEN));
    assert_eq!(
        form(first),
        [("To", "+34600123456"), ("Body", "1 + 1 = 2 & más"), ("From", "+34910000000")].map(owned)
    );
    assert_eq!(second["headers"]["Authorization"], basic(&key, TOKEN));
    assert_eq!(
        form(second),
        [
            ("To", "+34600123456"),
            ("Body", "hello"),
            ("From", "ACME"),
            (
                "StatusCallback",
                &format!("https://relevo.example.com/twilio?a=b&relevo={}", envelopes::echo())
            )
        ]
        .map(owned)
    );
}

pub(super) fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn every_documented_error_of_twilio_has_its_outcome() {
    let stubs = WiremockStubs::new("twilio-errors");
    replay(&stubs, &twilio(&settings(stubs.url())), envelopes::to_phone, rows()).await;
}

/// Every row of Twilio's error table, whichever channel the message was to go by.
pub(super) fn rows() -> Vec<Row> {
    let rows = ROWS.iter().flat_map(|&(outcome, status, codes)| {
        codes.iter().map(move |&code| Row {
            status,
            body: json!({
                "code": code,
                "message": format!("refused for reason {code}"),
                "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
                "status": status,
            }),
            outcome,
        })
    });
    rows.collect()
}

/// The outcome, the HTTP status, and the codes.
const ROWS: &[(&str, u16, &[u32])] = &[
    ("bad address", 400, &[21211, 21214, 21217, 21614, 30005, 30006, 63003, 63024]),
    ("opted out", 400, &[21610]),
    ("perhaps opted out", 400, &[30004, 63014]),
    ("content", 400, &[21617, 21619, 21620, 63005, 63021, 63027, 63028, 63029, 63030]),
    ("policy", 400, &[63013, 63016, 63032, 21408, 21608, 21612, 30010]),
    ("policy", 400, &[21703, 21266, 21910, 30007, 20001]),
    ("throttled", 429, &[20429]),
    ("throttled", 400, &[21611, 30001, 63018]),
    ("unavailable", 400, &[30003, 30008, 30017, 30410]),
    ("unavailable", 503, &[20503]),
    ("misconfigured", 401, &[20003]),
    ("misconfigured", 403, &[20008]),
    ("misconfigured", 404, &[20404]),
    ("misconfigured", 400, &[30002, 21212, 21603, 21606, 21659, 21660, 30034]),
    ("misconfigured", 400, &[21601, 21267, 21609, 21704, 21705]),
    ("misconfigured", 400, &[63001, 63007, 63019, 63020, 63022]),
    // Codes that are not in the table: by the status.
    ("policy", 400, &[99999]),
    ("misconfigured", 403, &[99999]),
    ("throttled", 429, &[99999]),
    ("unknown", 500, &[20500, 99999]),
];
