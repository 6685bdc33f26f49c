//! Webhooks of the other providers of SMS and WhatsApp, signed by the providers' own software.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use relevo::wire::v1::{self, Channel, ConsentAction, MessageState};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::webhooks::{InboundGateway, PUBLIC_URL, reference, sign};
use crate::gateway::history::route_taken;
use crate::gateway::process::SECRET;
use crate::gateway::providers::{provider, twilio, webhook};
use crate::gateway::{by, offer, order};
use crate::peers::WiremockStubs;

const FORM: &str = "application/x-www-form-urlencoded";

/// The answer of a provider that accepts a message. Each answer has another id in place of `{{ID}}`.
fn accepting_answer(status: u16, body: &str) -> Value {
    json!({
        "status": status,
        "body": body.replace("{{ID}}", "{{randomValue length=32 type='HEXADECIMAL'}}"),
        "headers": { "content-type": "application/json" },
        "transformers": ["response-template"],
    })
}

async fn status(call: RequestBuilder) -> StatusCode {
    call.send().await.unwrap().status()
}

/// A secret in the form of Standard Webhooks; that of [`SECRET`] is the one in the configurations.
fn webhook_secret(text: &str) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(format!("{text}, signing")))
}

/// The echo of the message's first attempt: our reference, as the provider returns it.
fn echo(message: &v1::Message) -> String {
    format!("acme/{}/1", message.message_id)
}

impl InboundGateway {
    async fn send(&self, channel: Channel) -> v1::Message {
        let sent = self.gateway.send_until_ended(by(&[channel], order())).await;
        assert_eq!(sent.state(), MessageState::Sent);
        sent
    }

    async fn state(&self, message: &v1::Message) -> MessageState {
        self.gateway.message(&message.message_id).await.state()
    }

    /// Asserts that each of these calls is refused and that none changes anything.
    async fn assert_all_refused(&self, message: &v1::Message, calls: Vec<RequestBuilder>) {
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(status(call).await, StatusCode::UNAUTHORIZED, "call {number}");
        }
        assert_eq!(self.gateway.message(&message.message_id).await.history, message.history);
        assert!(self.consent().await.suppressions.is_empty());
    }
}

#[tokio::test]
async fn what_twilio_takes_for_an_opt_out_holds_whatever_the_words() {
    let sms = WiremockStubs::new("hooks-opt-out");
    let inbound = InboundGateway::start(&twilio("sms", sms.url(), "")).await;
    let url = format!("{PUBLIC_URL}/providers/sms");
    let write = async |sid: &str, body: &str, kind: &str| {
        let form =
            format!("MessageSid={sid}&From=%2B34600123456&To=%2B34910000000&Body={body}&OptOutType={kind}");
        assert_eq!(inbound.twilio(&url, "/providers/sms", &form).await, StatusCode::OK);
        let suppressions = inbound.consent().await.suppressions;
        suppressions.into_iter().map(|suppression| suppression.reason).collect::<Vec<_>>()
    };
    assert!(write("SM1", "ayuda", "HELP").await.is_empty());
    assert_eq!(write("SM2", "basta+ya", "STOP").await, ["opted_out"]);
    assert!(write("SM3", "otra+vez", "START").await.is_empty());
    assert!(write("SM2", "basta+ya", "STOP").await.is_empty(), "it is the one of before");
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_start_at_twilio_ends_the_opt_out_and_no_court_order() {
    let sms = WiremockStubs::new("hooks-court-order");
    let inbound = InboundGateway::start(&twilio("sms", sms.url(), "")).await;
    let url = format!("{PUBLIC_URL}/providers/sms");
    let write = async |sid: &str, body: &str, kind: &str| {
        let form = format!("MessageSid={sid}&From=%2B34600123456&To=%2B34910000000&Body={body}{kind}");
        assert_eq!(inbound.twilio(&url, "/providers/sms", &form).await, StatusCode::OK);
        inbound.consent().await
    };
    write("SM1", "STOP", "&OptOutType=STOP").await;
    let court_order = v1::SuppressAddressRequest {
        channel: Channel::Sms.into(),
        address: Some(crate::api::phone("+34600123456")),
        reason: "manual".into(),
        explanation: "court order".into(),
    };
    inbound.gateway.consents().suppress_address(court_order).await.unwrap();
    let standing = |consent: &v1::GetConsentResponse| {
        consent.suppressions.iter().map(|suppression| suppression.reason.clone()).collect::<Vec<_>>()
    };
    assert_eq!(standing(&inbound.consent().await), ["opted_out", "manual"]);
    // By a text, and by what Twilio took for one.
    for (sid, body, kind) in [("SM2", "START", ""), ("SM3", "otra+vez", "&OptOutType=START")] {
        let consent = write(sid, body, kind).await;
        assert_eq!(standing(&consent), ["manual"]);
        let [lifted] = consent.lifted_suppressions.as_slice() else { panic!("{consent:?}") };
        assert_eq!(lifted.lift.as_ref().unwrap().recorded_by, "sms");
        write(&format!("{sid}-stop"), "STOP", "&OptOutType=STOP").await;
    }
    let sent = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!(sent.state(), MessageState::Suppressed);
    inbound.gateway.stop().await;
}

/// Measured before: 57 commercial messages that were delivered stayed in doubt, because Twilio's reports named nothing of ours.
#[tokio::test]
async fn a_commercial_message_in_doubt_is_finished_by_its_report() {
    let sms = WiremockStubs::new("hooks-doubt");
    sms.answer(json!({}), json!({ "fault": "CONNECTION_RESET_BY_PEER" })).await;
    let url = format!("{PUBLIC_URL}/providers/sms");
    let account = twilio("sms", sms.url(), "") + &format!("status_callback = '{url}'\n");
    let inbound = InboundGateway::start(&account).await;
    inbound.gateway.record_consent(ConsentAction::Grant, Channel::Sms, "*").await;
    let id = inbound.gateway.send(by(&[Channel::Sms], offer())).await;
    let reached = async |state| {
        inbound.gateway.wait_until_all(std::slice::from_ref(&id), |event| event.state() == state).await;
    };
    reached(MessageState::Waiting).await;
    let requests = sms.requests().await;
    let form = requests[0]["body"].as_str().unwrap();
    let mut form = url::form_urlencoded::parse(form.as_bytes());
    let (_, callback) = form.find(|(name, _)| name == "StatusCallback").unwrap();
    let path = callback.strip_prefix(PUBLIC_URL).unwrap();
    for (word, state) in [("sent", MessageState::Sent), ("delivered", MessageState::Delivered)] {
        let report = format!("MessageSid=SM77&MessageStatus={word}&To=%2B34600123456");
        assert_eq!(inbound.twilio(&callback, path, &report).await, StatusCode::OK);
        reached(state).await;
    }
    let message = inbound.gateway.message(&id).await;
    assert_eq!((message.state(), route_taken(&message).as_str()), (MessageState::Delivered, "sms UNKNOWN"));
    inbound.gateway.stop().await;
}

/// A gateway that sends by Vonage, whose account signs by this method, and what stands for Vonage.
async fn with_vonage(name: &'static str, method: &str) -> (InboundGateway, WiremockStubs) {
    let vonage = WiremockStubs::new(name);
    vonage
        .answer(json!({}), accepting_answer(200, r#"{"messages":[{"status":"0","message-id":"{{ID}}"}]}"#))
        .await;
    let adapter = format!(
        "[providers.vonage]\napi_key = 'abcd1234'\napi_secret = {{ file = 'secret' }}\nfrom = 'ACME'\n\
         signature_secret = {{ file = 'secret' }}\nsignature_method = '{method}'\nbase_url = '{}'",
        vonage.url()
    );
    (InboundGateway::start(&provider("sms", "sms", "", &adapter)).await, vonage)
}

/// Asserts that the gateway believes a receipt that Vonage's software signed by `signer`, and none that was tampered with or
/// signed by the method `other`.
async fn assert_receipt_is_believed(inbound: &InboundGateway, signer: &str, other: &str) {
    let post = |form: &str| inbound.post("/providers/sms", form).header("content-type", FORM);
    let sent = inbound.send(Channel::Sms).await;
    // The receipt of another part: our own reference leads to the message.
    let delivered = format!("messageId=another&status=delivered&client-ref={}&text=a%26b%3Dc", echo(&sent));
    let signed = sign(&[signer, SECRET, &delivered]);
    let calls = [
        signed.replace("delivered", "failed"),
        signed.replace("sig=", "sig=00"),
        signed.replace("timestamp=1", "timestamp=2"),
        delivered.clone(),
        sign(&[signer, SECRET, &format!("{delivered}&timestamp=1795000000")]),
        sign(&[signer, "another-secret", &delivered]),
        sign(&[other, SECRET, &delivered]),
    ];
    inbound.assert_all_refused(&sent, calls.iter().map(|form| post(form)).collect()).await;
    assert_eq!(status(post(&signed)).await, StatusCode::OK);
    assert_eq!(inbound.state(&sent).await, MessageState::Delivered);
}

#[tokio::test]
async fn vonages_receipts_move_the_message_and_suppress_who_opted_out() {
    let (inbound, _vonage) = with_vonage("hooks-vonage", "sha256").await;
    assert_receipt_is_believed(&inbound, "vonage", "vonage-md5hash").await;

    let second = inbound.send(Channel::Sms).await;
    let refused = format!("messageId={}&msisdn=34600123456&status=rejected&err-code=9", reference(&second));
    let post = inbound.post("/providers/sms", &sign(&["vonage", SECRET, &refused]));
    assert_eq!(status(post.header("content-type", FORM)).await, StatusCode::OK);
    let consent = inbound.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Sms, "opted_out"));
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_number_that_works_again_is_not_written_to_when_the_person_said_stop() {
    let (inbound, _vonage) = with_vonage("hooks-repaired", "sha256").await;
    let [dead, stopped] = [inbound.send(Channel::Sms).await, inbound.send(Channel::Sms).await];
    for (message, code) in [(&dead, 3), (&stopped, 9)] {
        let id = reference(message);
        let refused = format!("messageId={id}&msisdn=34600123456&status=rejected&err-code={code}");
        let post = inbound.post("/providers/sms", &sign(&["vonage", SECRET, &refused]));
        assert_eq!(status(post.header("content-type", FORM)).await, StatusCode::OK);
    }
    let evidence = v1::Evidence {
        source: "support".into(),
        method: "telephone".into(),
        wording: "the number is in service again".into(),
        ..v1::Evidence::default()
    };
    let lift = v1::LiftSuppressionRequest {
        channel: Channel::Sms.into(),
        address: Some(crate::api::phone("+34600123456")),
        reasons: vec!["bad_address".into()],
        evidence: Some(evidence),
    };
    let answer = inbound.gateway.consents().lift_suppression(lift).await.unwrap().into_inner();
    assert_eq!((answer.lifted[0].reason.as_str(), answer.lifted.len()), ("bad_address", 1));
    assert_eq!(inbound.consent().await.suppressions, answer.remaining);
    assert_eq!((answer.remaining[0].reason.as_str(), answer.remaining.len()), ("opted_out", 1));
    let next = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!(next.state(), MessageState::Suppressed);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn what_a_new_account_at_vonage_signs_is_believed_where_it_is_set() {
    let (inbound, _vonage) = with_vonage("hooks-vonage-md5", "md5hash").await;
    assert_receipt_is_believed(&inbound, "vonage-md5hash", "vonage").await;
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn vonages_statuses_on_whatsapp_are_believed_with_a_token_over_their_body() {
    let vonage = WiremockStubs::new("hooks-vonage-wa");
    vonage.answer(json!({}), accepting_answer(202, r#"{"message_uuid":"{{ID}}"}"#)).await;
    let adapter = format!(
        "[providers.whatsapp_vonage]\napi_key = 'abcd1234'\napi_secret = {{ file = 'secret' }}\n\
         from = '+34910000000'\nsignature_secret = {{ file = 'secret' }}\nbase_url = '{}'",
        vonage.url()
    );
    let inbound = InboundGateway::start(&provider("wa", "whatsapp", "", &adapter)).await;
    let post = |token: &str, body: &str| inbound.post("/providers/wa", body).bearer_auth(token);
    let sent = inbound.send(Channel::Whatsapp).await;

    let body = json!({
        "message_uuid": reference(&sent), "to": "34600123456", "from": "34910000000", "channel": "whatsapp",
        "timestamp": "2026-11-22T10:00:00.000Z", "status": "read", "client_ref": echo(&sent),
    })
    .to_string();
    let token = sign(&["vonage-jwt", SECRET, &body]);
    let calls = vec![
        post(&token, &body.replace("read", "rejected")),
        post(&token[..token.len() - 2], &body),
        post(&sign(&["vonage-jwt", SECRET, &body, "1795000000"]), &body),
        post(&sign(&["vonage-jwt", "another-secret", &body]), &body),
        inbound.post("/providers/wa", &body),
    ];
    inbound.assert_all_refused(&sent, calls).await;
    assert_eq!(status(post(&token, &body)).await, StatusCode::OK);
    assert_eq!(inbound.state(&sent).await, MessageState::Read);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn sinchs_reports_move_the_message() {
    let sinch = WiremockStubs::new("hooks-sinch");
    sinch.answer(json!({}), accepting_answer(201, r#"{"id":"{{ID}}"}"#)).await;
    let adapter = format!(
        "[providers.sinch]\nservice_plan_id = 'plan'\napi_token = {{ file = 'secret' }}\nfrom = 'ACME'\n\
         webhook_secret = {{ file = 'secret' }}\nbase_url = '{}'",
        sinch.url()
    );
    let inbound = InboundGateway::start(&provider("sms", "sms", "", &adapter)).await;
    let post = |signed: &str, body: &str| {
        let values: Vec<&str> = signed.split(' ').collect();
        let call = inbound.post("/providers/sms", body).header("x-sinch-webhook-signature", values[0]);
        let call = call.header("x-sinch-webhook-signature-nonce", values[1]);
        call.header("x-sinch-webhook-signature-timestamp", values[2])
    };
    let sent = inbound.send(Channel::Sms).await;

    let body = json!({
        "type": "recipient_delivery_report_sms", "batch_id": reference(&sent), "recipient": "34600123456",
        "code": 0, "status": "Delivered", "at": "2026-11-22T10:00:00.000Z",
    })
    .to_string();
    let signed = sign(&["sinch", SECRET, &body]);
    let calls = vec![
        post(&signed, &body.replace("Delivered", "Failed")),
        post(&format!("x{signed}"), &body),
        post(&format!("{signed}0"), &body),
        post(&signed.replace(" 01F", " 02F"), &body),
        post(&sign(&["sinch", SECRET, &body, "1795000000"]), &body),
        post(&sign(&["sinch", "another-secret", &body]), &body),
        inbound.post("/providers/sms", &body),
    ];
    inbound.assert_all_refused(&sent, calls).await;
    assert_eq!(status(post(&signed, &body)).await, StatusCode::OK);
    assert_eq!(inbound.state(&sent).await, MessageState::Delivered);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn infobips_reports_move_the_message_when_they_bring_the_password() {
    let infobip = WiremockStubs::new("hooks-infobip");
    let taken = r#"{"messages":[{"messageId":"{{ID}}","status":{"groupId":1,"id":26}}]}"#;
    infobip.answer(json!({}), accepting_answer(200, taken)).await;
    let adapter = format!(
        "[providers.infobip]\napi_key = {{ file = 'secret' }}\nfrom = 'ACME'\nwebhook_user = 'relevo'\n\
         webhook_password = {{ file = 'secret' }}\nbase_url = '{}'",
        infobip.url()
    );
    let inbound = InboundGateway::start(&provider("sms", "sms", "", &adapter)).await;
    let post = |user: &str, password: &str, body: &str| {
        inbound.post("/providers/sms", body).basic_auth(user, Some(password))
    };
    let sent = inbound.send(Channel::Sms).await;

    let result = json!({
        "messageId": reference(&sent), "to": "34600123456", "doneAt": "2026-11-22T10:00:00.000+0000",
        "status": { "groupId": 2, "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED" },
        "error": { "groupId": 1, "id": 1, "name": "EC_UNKNOWN_SUBSCRIBER", "permanent": true },
    });
    let body = json!({ "results": [result] }).to_string();
    let calls = vec![
        post("relevo", "another-secret", &body),
        post("another", SECRET, &body),
        inbound.post("/providers/sms", &body),
    ];
    inbound.assert_all_refused(&sent, calls).await;
    assert_eq!(status(post("relevo", SECRET, &body)).await, StatusCode::OK);
    assert_eq!(inbound.consent().await.suppressions[0].reason, "bad_address");
    assert_eq!(status(post("relevo", SECRET, "{}")).await, StatusCode::BAD_REQUEST);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_service_of_ones_own_tells_what_became_of_a_message() {
    let relay = WiremockStubs::new("hooks-relay");
    relay.answer(json!({}), accepting_answer(200, r#"{"reference":"{{ID}}"}"#)).await;
    let inbound = InboundGateway::start(&webhook("relay", "sms", relay.url())).await;
    let secret = webhook_secret(SECRET);
    let post = |id: &str, signed: &str, body: &str| {
        let (signature, timestamp) = signed.split_once(' ').unwrap();
        let call = inbound.post("/providers/relay", body).header("webhook-id", id);
        call.header("webhook-timestamp", timestamp).header("webhook-signature", signature)
    };
    let sent = inbound.send(Channel::Sms).await;

    // It names the request alone, as if the answer with its reference had been lost.
    let body = json!([{ "type": "receipt", "webhook_id": echo(&sent), "status": "delivered" }]).to_string();
    let signed = sign(&["standard", &secret, "e-1", &body]);
    let other_key = sign(&["standard", &webhook_secret("another-secret-of-a-test"), "e-1", &body]);
    let calls = vec![
        post("e-1", &signed, &body.replace("delivered", "failed")),
        post("e-2", &signed, &body),
        post("e-1", &format!("{signed}0"), &body),
        post("e-1", &sign(&["standard", &secret, "e-1", &body, "1795000000"]), &body),
        post("e-1", &other_key, &body),
        inbound.post("/providers/relay", &body),
    ];
    inbound.assert_all_refused(&sent, calls).await;
    assert_eq!(status(post("e-1", &signed, &body)).await, StatusCode::OK);
    assert_eq!(inbound.state(&sent).await, MessageState::Delivered);

    let second = inbound.send(Channel::Sms).await;
    let body = json!({
        "type": "receipt", "reference": reference(&second), "status": "failed", "objection": "opted_out",
        "to": "+34600123456", "code": "E9", "detail": "they asked us to stop",
    })
    .to_string();
    let signed = sign(&["standard", &secret, "e-2", &body]);
    assert_eq!(status(post("e-2", &signed, &body)).await, StatusCode::OK);
    assert_eq!(inbound.consent().await.suppressions[0].reason, "opted_out");
    inbound.gateway.stop().await;
}

/// Its answer is read by one room and its receipts by another, and both know a long reference by the same.
#[tokio::test]
async fn references_longer_than_any_provider_has_are_told_apart_and_keep_little() {
    let relay = WiremockStubs::new("hooks-long-reference");
    let inbound = InboundGateway::start(&webhook("relay", "sms", relay.url())).await;
    let mut sent = Vec::new();
    for reference in ["1", "2"].map(|end| format!("{}{end}", "x".repeat(3_000))) {
        let answer = json!({ "reference": reference });
        relay.answer(json!({}), json!({ "status": 200, "jsonBody": answer })).await;
        sent.push((inbound.send(Channel::Sms).await, reference));
    }
    let [(first, given), (second, _)] = sent.as_slice() else { unreachable!("there are two") };
    assert!(reference(first).len() <= 255, "{}", reference(first));

    let body = json!([{ "type": "receipt", "reference": given, "status": "delivered" }]).to_string();
    let signed = sign(&["standard", &webhook_secret(SECRET), "e-1", &body]);
    let (signature, timestamp) = signed.split_once(' ').unwrap();
    let call = inbound.post("/providers/relay", &body).header("webhook-id", "e-1");
    let call = call.header("webhook-timestamp", timestamp).header("webhook-signature", signature);
    assert_eq!(status(call).await, StatusCode::OK);
    assert_eq!(inbound.state(first).await, MessageState::Delivered);
    assert_eq!(inbound.state(second).await, MessageState::Sent);
    inbound.gateway.stop().await;
}

/// Whoever has the secret may be a service that hands on what others wrote.
#[tokio::test]
async fn what_a_signed_webhook_says_is_kept_on_one_line_and_forges_none() {
    let relay = WiremockStubs::new("hooks-forged");
    relay.answer(json!({}), json!({ "status": 200, "jsonBody": { "reference": "r-1" } })).await;
    let inbound = InboundGateway::start(&webhook("relay", "sms", relay.url())).await;
    let sent = inbound.send(Channel::Sms).await;
    let post = |body: &str| {
        let signed = sign(&["standard", &webhook_secret(SECRET), "e-1", body]);
        let (signature, timestamp) = signed.split_once(' ').unwrap();
        let call = inbound.post("/providers/relay", body).header("webhook-id", "e-1");
        call.header("webhook-timestamp", timestamp).header("webhook-signature", signature)
    };
    let (code, detail) = ("E9\u{1b}[2J\n", "gone\n2026 ERROR all is lost\u{202e}\u{9b}");
    let receipt = json!({
        "type": "receipt", "reference": reference(&sent), "status": "failed", "code": code, "detail": detail,
    });
    assert_eq!(status(post(&receipt.to_string())).await, StatusCode::OK);
    let history = inbound.gateway.message(&sent.message_id).await.history;
    let receipts = history.into_iter().filter_map(|event| match event.detail {
        Some(v1::event::Detail::Receipt(receipt)) => Some((receipt.code, receipt.text)),
        _ => None,
    });
    assert_eq!(
        receipts.collect::<Vec<_>>(),
        [("E9 [2J".to_owned(), "gone 2026 ERROR all is lost".to_owned())]
    );

    let forged = json!({ "type": "fax\n2026 ERROR all is lost\u{1b}[2J\u{202e}" }).to_string();
    let refused = post(&forged).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let answer = refused.text().await.unwrap();
    assert!(answer.starts_with("unknown variant `fax 2026 ERROR all is lost [2J`"), "{answer:?}");
    let line = inbound.gateway.log.wait_for("a webhook request was refused").await;
    assert_eq!((&line["reason"], &line["error"]), (&"malformed".into(), &answer.into()));
    inbound.gateway.stop().await;
}
