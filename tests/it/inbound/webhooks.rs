//! Webhooks of Twilio and Meta, signed by the providers' own software; and the gateway of the other tests of webhooks.

use std::process::Command;

use relevo::wire::v1::{self, Channel, MessageState};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::history::{attempts, route_taken};
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE, SECRET};
use crate::gateway::providers::{provider, twilio, twilio_accepts, whatsapp_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::{WiremockStubs, free_port, installed, root};

/// The public URL of the webhooks, which providers sign. A proxy is assumed to stand there.
pub(super) const PUBLIC_URL: &str = "https://hooks.example.com";

/// A gateway with a listener for webhooks and the contact `ana`.
pub(super) struct InboundGateway {
    pub(super) gateway: Gateway,
    _directory: GatewayDirectory,
    url: String,
}

impl InboundGateway {
    pub(super) async fn start(providers: &str) -> Self {
        Self::start_with("", providers).await
    }

    async fn start_with(settings: &str, providers: &str) -> Self {
        let port = free_port();
        let listener = format!(
            "\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = '{PUBLIC_URL}'\nmax_body_bytes = 10_000\n{settings}\n"
        );
        let directory = GatewayDirectory::new(&format!("{listener}{providers}")).await;
        let gateway = directory.start().await;
        gateway.upsert_contact(ana()).await;
        Self { gateway, _directory: directory, url: format!("http://127.0.0.1:{port}") }
    }

    pub(super) fn post(&self, path: &str, body: &str) -> RequestBuilder {
        self.post_by(&client(), path, body)
    }

    fn post_by(&self, client: &reqwest::Client, path: &str, body: &str) -> RequestBuilder {
        client.post(format!("{}{path}", self.url)).body(body.to_owned())
    }

    /// A status callback of Twilio's, signed as for this URL.
    pub(super) async fn twilio(&self, signed_url: &str, path: &str, body: &str) -> StatusCode {
        self.twilio_answer(signed_url, path, body).await.status()
    }

    async fn twilio_answer(&self, signed_url: &str, path: &str, body: &str) -> reqwest::Response {
        signed_by_twilio(self.post(path, body), signed_url, body).send().await.unwrap()
    }

    pub(super) async fn consent(&self) -> v1::GetConsentResponse {
        let request = v1::GetConsentRequest { contact_id: "ana".into(), ..Default::default() };
        self.gateway.consents().get_consent(request).await.unwrap().into_inner()
    }
}

/// A client with connections of its own.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn signed_by_twilio(call: RequestBuilder, signed_url: &str, body: &str) -> RequestBuilder {
    let signature = sign(&["twilio", SECRET, signed_url, body]);
    let call = call.header("X-Twilio-Signature", signature);
    call.header("Content-Type", "application/x-www-form-urlencoded")
}

/// The output of the provider's own signing software for these arguments.
pub(super) fn sign(arguments: &[&str]) -> String {
    let mut command = Command::new(installed("venv/bin/python"));
    let output = command.arg(root().join("tests/peers/sign.py")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn reference(message: &v1::Message) -> String {
    let attempts = attempts(message);
    attempts.last().unwrap().ended.as_ref().unwrap().1.reference.clone()
}

#[tokio::test]
async fn twilios_callbacks_move_the_message_and_suppress_a_number_that_is_dead() {
    let sms = WiremockStubs::new("hooks-sms");
    sms.answer(json!({}), twilio_accepts()).await;
    let inbound = InboundGateway::start(&twilio("sms", sms.url(), "")).await;
    let url = format!("{PUBLIC_URL}/providers/sms");
    let sent = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!(route_taken(&sent), "sms SENT");
    let sid = reference(&sent);

    let delivered = format!("MessageSid={sid}&MessageStatus=delivered&To=%2B34600123456&NewField=1");
    let about_another = delivered.replace("123456", "654321");
    assert_eq!(inbound.twilio(&url, "/providers/sms", &about_another).await, StatusCode::OK);
    assert_eq!(inbound.gateway.message(&sent.message_id).await, sent, "it names another number");
    for _ in 0..2 {
        assert_eq!(inbound.twilio(&url, "/providers/sms", &delivered).await, StatusCode::OK);
    }
    let message = inbound.gateway.message(&sent.message_id).await;
    assert_eq!(message.state(), MessageState::Delivered);
    let events = message.history.len();

    let second = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    let sid = reference(&second);
    let failed = format!("MessageSid={sid}&MessageStatus=undelivered&ErrorCode=30005");
    assert_eq!(inbound.twilio(&url, "/providers/sms", &failed).await, StatusCode::OK);
    let consent = inbound.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Sms, "bad_address"));
    assert_eq!(suppression.recorded_by, "sms");
    let third = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!(third.state(), MessageState::Suppressed);

    assert_eq!(inbound.gateway.message(&sent.message_id).await.history.len(), events, "twice is once");
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn events_that_twilio_streams_in_json_are_believed_when_the_url_proves_the_body() {
    let sms = WiremockStubs::new("hooks-json");
    sms.answer(json!({}), twilio_accepts()).await;
    let inbound = InboundGateway::start(&twilio("sms", sms.url(), "")).await;
    let sent = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    let data = json!({
        "messageSid": reference(&sent), "messageStatus": "DELIVERED", "to": "+34600123456", "from": "+34910000000",
        "accountSid": "AC1", "eventName": "com.twilio.messaging.message.delivered", "apiVersion": "2010-04-01",
        "timestamp": "2026-11-22T10:00:00.000Z", "numberOfSegments": 1,
    });
    let events = json!([{
        "specversion": "1.0", "type": "com.twilio.messaging.message.delivered", "source": "AB1", "id": "NO1",
        "dataschema": "https://events-schemas.twilio.com/Messaging.MessageStatus/8", "data": data,
    }])
    .to_string();
    let signed = sign(&["twilio-json", SECRET, &format!("{PUBLIC_URL}/providers/sms"), &events]);
    let (url, signature) = signed.split_once(' ').unwrap();
    let call = async |url: &str, body: &str| {
        let call = inbound.post(url.strip_prefix(PUBLIC_URL).unwrap(), body);
        let call = call.header("X-Twilio-Signature", signature).header("Content-Type", "application/json");
        call.send().await.unwrap().status()
    };
    assert_eq!(call(url, &events.replace("DELIVERED", "READ")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(call(&format!("{PUBLIC_URL}/providers/sms"), &events).await, StatusCode::UNAUTHORIZED);
    assert_eq!(inbound.gateway.message(&sent.message_id).await.history, sent.history);
    assert_eq!(call(url, &events).await, StatusCode::OK);
    assert_eq!(inbound.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_or_too_much_changes_nothing() {
    let sms = WiremockStubs::new("hooks-forged");
    sms.answer(json!({}), twilio_accepts()).await;
    let inbound = InboundGateway::start(&twilio("sms", sms.url(), "")).await;
    let sent = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    let body = format!("MessageSid={}&MessageStatus=delivered", reference(&sent));
    let right = format!("{PUBLIC_URL}/providers/sms");

    let there = format!("{}/providers/sms", inbound.url);
    for (signed, path, expected) in [
        // Signed as for the address that it came to, which anybody can claim.
        (there.as_str(), "/providers/sms", StatusCode::UNAUTHORIZED),
        (right.as_str(), "/providers/sms?brand=other", StatusCode::UNAUTHORIZED),
        (right.as_str(), "/providers/nobody", StatusCode::NOT_FOUND),
        (right.as_str(), "/", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(inbound.twilio(signed, path, &body).await, expected, "{signed} {path}");
    }
    let unsigned = inbound.post("/providers/sms", &body).send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let no_callback = "From=%2B34600123456&Body=hello";
    assert_eq!(inbound.twilio(&right, "/providers/sms", no_callback).await, StatusCode::BAD_REQUEST);
    let long = "a".repeat(10_001);
    assert_eq!(inbound.twilio(&right, "/providers/sms", &long).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(client().put(&there).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);

    assert_eq!(inbound.gateway.message(&sent.message_id).await.history, sent.history);
    assert!(inbound.consent().await.suppressions.is_empty());
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn more_calls_than_allowed_are_put_off() {
    let sms = WiremockStubs::new("hooks-pace");
    // One, and the next after a quarter of an hour.
    let inbound =
        InboundGateway::start_with("max_calls_per_second = 0.001", &twilio("sms", sms.url(), "")).await;
    let body = "MessageSid=SM1&MessageStatus=delivered";
    let call =
        async || inbound.twilio_answer(&format!("{PUBLIC_URL}/providers/sms"), "/providers/sms", body).await;
    assert_eq!(call().await.status(), StatusCode::OK);
    let put_off = call().await;
    assert_eq!(
        (put_off.status(), &put_off.headers()["Retry-After"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
    );
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_flood_of_calls_that_no_provider_made_spends_nothing_of_the_pace() {
    let sms = WiremockStubs::new("hooks-flood");
    // Two, and the next after a quarter of an hour.
    let inbound = InboundGateway::start_with("max_calls_per_second = 2", &twilio("sms", sms.url(), "")).await;
    let url = format!("{PUBLIC_URL}/providers/sms");
    let body = "MessageSid=SM1&MessageStatus=delivered";
    let flood = async |times: usize| {
        for _ in 0..times {
            let unsigned = inbound.post("/providers/sms", body).send();
            let nobody = inbound.post("/providers/nobody", body).send();
            let (unsigned, nobody) = (unsigned.await.unwrap().status(), nobody.await.unwrap().status());
            assert_eq!((unsigned, nobody), (StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND));
        }
    };
    for _ in 0..2 {
        flood(50).await;
        assert_eq!(inbound.twilio(&url, "/providers/sms", body).await, StatusCode::OK);
    }
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn bodies_that_nobody_proved_a_right_to_leave_room_for_a_provider() {
    let sms = WiremockStubs::new("hooks-room");
    let inbound =
        InboundGateway::start_with("max_request_bytes = 10_100", &twilio("sms", sms.url(), "")).await;
    let (url, body) = (format!("{PUBLIC_URL}/providers/sms"), "MessageSid=SM1&MessageStatus=delivered");
    let known = client();
    let call = async || {
        let call = inbound.post_by(&known, "/providers/sms", body);
        signed_by_twilio(call, &url, body).send().await.unwrap().status()
    };
    assert_eq!(call().await, StatusCode::OK);

    // It holds all the room there is for those who proved nothing, and never ends.
    let mut stranger = TcpStream::connect(inbound.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /providers/sms HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n";
    stranger.write_all(format!("{head}{}", "a".repeat(9_999)).as_bytes()).await.unwrap();
    let other = async || inbound.post("/providers/sms", body).send().await.unwrap().status();
    let no_room = async { while other().await != StatusCode::SERVICE_UNAVAILABLE {} };
    timeout(PATIENCE, no_room).await.expect("a stranger should find no room");
    assert_eq!(call().await, StatusCode::OK);
    drop(stranger);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn metas_webhooks_are_verified_once_and_believed_when_signed() {
    let meta = WiremockStubs::new("hooks-meta");
    meta.answer(json!({}), whatsapp_accepts()).await;
    let adapter = format!(
        "[providers.whatsapp_cloud]\nphone_number_id = '106540352242922'\naccess_token = {{ file = 'secret' }}\n\
         app_secret = {{ file = 'secret' }}\nverify_token = {{ file = 'token' }}\nbase_url = '{}'",
        meta.url()
    );
    let inbound = InboundGateway::start(&provider("wa", "whatsapp", "", &adapter)).await;
    let client = client();
    let ask = async |token: &str| {
        let query = [("hub.mode", "subscribe"), ("hub.verify_token", token), ("hub.challenge", "1158201444")];
        let answer = client.get(format!("{}/providers/wa", inbound.url)).query(&query).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(ask(&format!("1234567890:{SECRET}")).await, (StatusCode::OK, "1158201444".to_owned()));
    assert_eq!(ask("guessed").await.0, StatusCode::UNAUTHORIZED);

    let sent = inbound.gateway.send_until_ended(by(&[Channel::Whatsapp], order())).await;
    let statuses = ["read", "sent", "delivered"].map(|status| {
        json!({ "id": reference(&sent), "status": status, "timestamp": "1795000000", "recipient_id": "34600123456" })
    });
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": { "statuses": statuses } }] }],
    })
    .to_string();
    let call = |signature: String, body: &str| {
        inbound.post("/providers/wa", body).header("X-Hub-Signature-256", signature).send()
    };
    let signature = sign(&["meta", SECRET, &body]);
    let tampered = body.replace("sent", "gone");
    assert_eq!(call(signature.clone(), &tampered).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(call(signature, &body).await.unwrap().status(), StatusCode::OK);
    let message = inbound.gateway.message(&sent.message_id).await;
    assert_eq!(message.state(), MessageState::Read, "an older word does not take it back");
    inbound.gateway.stop().await;
}
