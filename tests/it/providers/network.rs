//! What the network does to a call, whichever the provider: the outcome must say whether the message may have gone out.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use relevo::adapters::custom_webhook::CustomWebhookAdapter;
use relevo::adapters::email::brevo::BrevoAdapter;
use relevo::adapters::email::mailgun::MailgunAdapter;
use relevo::adapters::email::postmark::PostmarkAdapter;
use relevo::adapters::email::resend::ResendAdapter;
use relevo::adapters::email::sendgrid::SendgridAdapter;
use relevo::adapters::email::ses::SesAdapter;
use relevo::adapters::sms::infobip::InfobipSmsAdapter;
use relevo::adapters::sms::sinch::SinchAdapter;
use relevo::adapters::sms::sns::SnsAdapter;
use relevo::adapters::sms::twilio::TwilioSmsAdapter;
use relevo::adapters::sms::vonage::VonageSmsAdapter;
use relevo::adapters::telegram::bot::TelegramBot;
use relevo::adapters::whatsapp;
use relevo::adapters::whatsapp::cloud::WhatsappCloudAdapter;
use relevo::adapters::{Adapter, Envelope, ProviderLimits, Transport};
use relevo::model::Outcome;
use serde_json::{Value, json};

use super::{
    brevo, infobip, mailgun, postmark, resend, sendgrid, ses, sinch, sns, telegram, twilio, vonage, webhook,
    whatsapp as cloud, whatsapp_infobip, whatsapp_twilio, whatsapp_vonage,
};
use crate::peers::{WiremockStubs, free_port};
use crate::support::envelopes;

pub(super) type Delivery = (Box<dyn Adapter>, Envelope);

/// Every adapter, with a message it carries.
pub(super) fn deliveries(base_url: &str, transport: &Transport) -> Vec<Delivery> {
    let url = || base_url.to_owned();
    let text = || envelopes::to_phone("hello");
    let of_whatsapp: [Box<dyn Adapter>; 4] = [
        Box::new(WhatsappCloudAdapter::new(&cloud::settings(url()), transport).unwrap()),
        Box::new(
            whatsapp::vonage::VonageWhatsappAdapter::new(&whatsapp_vonage::settings(url()), transport)
                .unwrap(),
        ),
        Box::new(
            whatsapp::twilio::TwilioWhatsappAdapter::new(&whatsapp_twilio::settings(url()), transport)
                .unwrap(),
        ),
        Box::new(
            whatsapp::infobip::InfobipWhatsappAdapter::new(&whatsapp_infobip::settings(url()), transport)
                .unwrap(),
        ),
    ];
    let of_sms: [Box<dyn Adapter>; 6] = [
        Box::new(TwilioSmsAdapter::new(&twilio::settings(url()), transport).unwrap()),
        Box::new(VonageSmsAdapter::new(&vonage::settings(url()), transport).unwrap()),
        Box::new(InfobipSmsAdapter::new(&infobip::settings(url()), transport).unwrap()),
        Box::new(SnsAdapter::new(&sns::settings(url()), transport).unwrap()),
        Box::new(CustomWebhookAdapter::new(&webhook::settings(url()), transport).unwrap()),
        Box::new(SinchAdapter::new(&sinch::settings(url()), transport).unwrap()),
    ];
    let of_email: [Box<dyn Adapter>; 6] = [
        Box::new(SesAdapter::new(&ses::settings(url()), transport).unwrap()),
        Box::new(SendgridAdapter::new(&sendgrid::settings(url()), transport).unwrap()),
        Box::new(ResendAdapter::new(&resend::settings(url()), transport).unwrap()),
        Box::new(PostmarkAdapter::new(&postmark::settings(url()), transport).unwrap()),
        Box::new(MailgunAdapter::new(&mailgun::settings(url()), transport).unwrap()),
        Box::new(BrevoAdapter::new(&brevo::settings(url()), transport).unwrap()),
    ];
    let by_email = of_email.into_iter().map(|adapter| (adapter, envelopes::to_email("hello")));
    let bot = Box::new(TelegramBot::new(&telegram::settings(url()), transport).unwrap());
    let by_phone = of_sms.into_iter().chain(of_whatsapp).map(|adapter| (adapter, text()));
    by_phone.chain(by_email).chain([(bot as Box<dyn Adapter>, envelopes::to_chat("hello"))]).collect()
}

/// Delivers once by every adapter.
async fn deliver_all(base_url: &str, transport: &Transport) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (adapter, envelope) in deliveries(base_url, transport) {
        outcomes.push(adapter.deliver(&envelope).await);
    }
    outcomes
}

fn hasty(limits: ProviderLimits) -> Transport {
    Transport { limits, ..Transport::default() }
}

async fn stubbed(name: &'static str, response: Value, transport: &Transport) -> Vec<Outcome> {
    let stubs = WiremockStubs::new(name);
    stubs.answer(json!({}), response).await;
    let outcomes = deliver_all(&stubs.url(), transport).await;
    assert!(!stubs.requests().await.is_empty(), "the peer was asked");
    outcomes
}

/// Every outcome is the one expected, says something, and holds no secret.
fn assert_all(outcomes: &[Outcome], word: &str) {
    assert_eq!(outcomes.len(), 17);
    for outcome in outcomes {
        assert_eq!(outcome.as_str(), word, "{outcome:?}");
        assert!(!outcome.evidence().unwrap().to_string().is_empty());
        let debug_text = format!("{outcome:?}");
        for secret in [
            "the-auth-token",
            "the-access-token",
            "the-secret-of-a-bot",
            "the-api-",
            "the-key-of",
            "the-token-of",
            "whsec_",
            "the-secret-access-key",
        ] {
            assert!(!debug_text.contains(secret), "{debug_text}");
        }
    }
}

#[tokio::test]
async fn a_refused_connection_took_nothing() {
    let url = format!("http://127.0.0.1:{}", free_port());
    assert_all(&deliver_all(&url, &Transport::default()).await, "unavailable");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_took_nothing() {
    assert_all(&deliver_all("http://provider.invalid", &Transport::default()).await, "unavailable");
}

#[tokio::test]
async fn a_failed_tls_handshake_took_nothing() {
    // WireMock speaks plain HTTP here, so that no handshake succeeds.
    let url = WiremockStubs::new("tls").url().replace("http://", "https://");
    assert_all(&deliver_all(&url, &Transport::default()).await, "unavailable");
}

#[tokio::test]
async fn a_handshake_without_an_answer_took_nothing() {
    // The system accepts the connection, and nobody ever reads from it.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let hasty = hasty(ProviderLimits { connect_timeout_ms: 100, ..ProviderLimits::default() });
    assert_all(&deliver_all(&url, &hasty).await, "unavailable");
}

#[tokio::test]
async fn a_reset_after_the_request_is_in_doubt() {
    let fault = json!({ "fault": "CONNECTION_RESET_BY_PEER" });
    assert_all(&stubbed("reset", fault, &Transport::default()).await, "unknown");
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_in_doubt() {
    let fault = json!({ "fault": "EMPTY_RESPONSE" });
    assert_all(&stubbed("empty", fault, &Transport::default()).await, "unknown");
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_in_doubt() {
    let fault = json!({ "fault": "RANDOM_DATA_THEN_CLOSE" });
    assert_all(&stubbed("random", fault, &Transport::default()).await, "unknown");
}

#[tokio::test]
async fn a_success_with_a_broken_body_is_in_doubt() {
    let fault = json!({ "status": 200, "fault": "MALFORMED_RESPONSE_CHUNK" });
    assert_all(&stubbed("chunk", fault, &Transport::default()).await, "unknown");
}

#[tokio::test]
async fn a_success_with_somebody_elses_body_is_in_doubt() {
    let page = json!({ "status": 200, "body": "<html>Welcome to the hotel</html>" });
    assert_all(&stubbed("page", page, &Transport::default()).await, "unknown");
}

#[tokio::test]
async fn a_success_with_an_endless_body_is_in_doubt() {
    let long = json!({ "status": 200, "body": " ".repeat(70_000) });
    let outcomes = stubbed("long", long, &Transport::default()).await;
    assert_all(&outcomes, "unknown");
    assert!(outcomes[0].evidence().unwrap().text.contains("longer than 65536 bytes"), "{outcomes:?}");
}

#[tokio::test]
async fn a_gateways_own_timeout_is_in_doubt() {
    let page = json!({ "status": 504, "body": "<html>Gateway Timeout</html>" });
    assert_all(&stubbed("gateway", page, &Transport::default()).await, "unknown");
}

/// Whoever answers so may have failed after the message was taken: a commercial one that went out again would be a second
/// copy.
#[tokio::test]
async fn a_server_error_without_a_word_is_in_doubt() {
    let page = json!({ "status": 500, "body": "<html>Internal Server Error</html>" });
    assert_all(&stubbed("server-error", page, &Transport::default()).await, "unknown");
    let page = json!({ "status": 502, "body": "<html>Bad Gateway</html>" });
    assert_all(&stubbed("bad-gateway", page, &Transport::default()).await, "unknown");
}

#[tokio::test]
async fn a_service_that_says_that_it_is_unavailable_took_nothing() {
    let page = json!({ "status": 503, "body": "<html>Service Unavailable</html>" });
    assert_all(&stubbed("service-unavailable", page, &Transport::default()).await, "unavailable");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = WiremockStubs::new("redirect-target").url();
    let redirect = json!({ "status": 307, "headers": { "Location": format!("{elsewhere}/x") } });
    assert_all(&stubbed("redirect", redirect, &Transport::default()).await, "misconfigured");
    assert!(WiremockStubs::new("redirect-target").requests().await.is_empty());
}

/// What is no answer of any provider's, whatever it says it is, with the words for what every adapter must make of it.
const SHAPES: &[(&str, &[u8])] = &[
    ("application/json", b"{\"id\":\"17\",\"messageId\":\"17\",\"MessageId\":\"17\",\"sid\":\"SM1"),
    ("application/json", b"{}"),
    ("application/json", b"[]"),
    ("application/json", b"null"),
    ("application/json", b"\"sent\""),
    ("application/json", b"17"),
    ("application/json", b"{\"id\":17,\"messages\":{},\"sid\":null,\"error\":[],\"message\":{}}"),
    // Not the encoding of JSON (RFC 8259, section 8.1), and not one at all.
    ("application/json; charset=utf-16", b"\xff\xfe{\0\"\0i\0d\0\"\0:\0\"\x001\0\"\0}\0"),
    ("application/json", b"{\"id\":\"\xff\xfe\xfd\"}"),
    ("application/octet-stream", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
    ("text/xml", b"<?xml version=\"1.0\"?><PublishResponse><PublishResult><MessageId>17</Messa"),
    ("text/html; charset=iso-8859-1", b"<html><title>\xa1Bienvenido!</title></html>"),
    ("", b"OK"),
];

/// A status, and the outcome of an answer with it that says nothing else.
const MEANINGS: &[(u16, &str)] = &[
    (200, "unknown"),
    (202, "unknown"),
    (302, "misconfigured"),
    (400, "rejected"),
    (401, "misconfigured"),
    (429, "throttled"),
    (500, "unknown"),
    (502, "unknown"),
    (503, "unavailable"),
    (504, "unknown"),
];

#[tokio::test]
async fn an_answer_that_cannot_be_understood_is_never_sent() {
    use base64::Engine as _;
    let stubs = WiremockStubs::new("shapes");
    let deliveries = deliveries(&stubs.url(), &Transport::default());
    // JSON nested so deep that reading it must not take the stack.
    let deep = [b"[".repeat(30_000), b"]".repeat(30_000)].concat();
    let shapes = SHAPES.iter().copied().chain([("application/json", deep.as_slice())]);
    for (number, (kind, body)) in shapes.enumerate() {
        for (status, word) in MEANINGS {
            let body = base64::engine::general_purpose::STANDARD.encode(body);
            let headers = if kind.is_empty() { json!({}) } else { json!({ "Content-Type": kind }) };
            stubs
                .answer(json!({}), json!({ "status": status, "headers": headers, "base64Body": body }))
                .await;
            for (index, (adapter, envelope)) in deliveries.iter().enumerate() {
                let outcome = adapter.deliver(envelope).await;
                let context = format!("shape {number} with {status}, adapter {index}: {outcome:?}");
                if index == WEBHOOK && matches!(number, 1 | 6 | 8) && *status < 300 {
                    // An object without a word of refusal is what its contract asks of a success.
                    assert_eq!(outcome.as_str(), "sent", "{context}");
                    continue;
                }
                assert_eq!(outcome.as_str(), *word, "{context}");
                assert!(!outcome.evidence().unwrap().to_string().is_empty(), "{context}");
            }
        }
    }
}

/// The receiver of webhooks among the deliveries.
const WEBHOOK: usize = 4;

#[tokio::test]
async fn an_empty_success_is_in_doubt_but_where_that_is_the_contract() {
    for (name, status) in [("empty-200", 200), ("empty-204", 204)] {
        let mut outcomes = stubbed(name, json!({ "status": status }), &Transport::default()).await;
        assert_eq!(outcomes.remove(WEBHOOK).as_str(), "sent");
        assert!(outcomes.iter().all(|outcome| outcome.as_str() == "unknown"), "{outcomes:?}");
    }
}

#[tokio::test]
async fn the_wait_that_was_asked_for_is_passed_on_whatever_the_status() {
    // The envelope's time is 10:00:00.
    let date = "Sun, 22 Nov 2026 10:01:30 GMT";
    for (name, status, value) in [
        ("wait-seconds", 429, "90"),
        ("wait-date", 429, date),
        ("wait-unavailable", 503, "90"),
        ("wait-unavailable-date", 503, date),
        // Whatever became of the message.
        ("wait-unknown", 500, "90"),
        ("wait-unknown-date", 502, date),
    ] {
        let later = json!({ "status": status, "headers": { "Retry-After": value }, "body": "slow down" });
        for outcome in stubbed(name, later, &Transport::default()).await {
            let (Outcome::Throttled { retry_after, .. } | Outcome::Unknown { retry_after, .. }) = outcome
            else {
                panic!("{outcome:?}")
            };
            assert_eq!(retry_after, Some(Duration::from_secs(90)), "{name}");
            let expected = if matches!(status, 500 | 502) { "unknown" } else { "throttled" };
            assert_eq!(outcome.as_str(), expected, "{name}");
        }
    }
}
