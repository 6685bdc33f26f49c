use reqwest::header::HeaderMap;

use super::*;
use crate::adapters::webhooks::parse_phone;
use crate::model::Address;

const URL: &str = "https://hooks.example.com/providers/twilio";

const NOW: &str = "2026-11-22T10:00:00Z";

fn handler() -> TwilioWebhooks {
    TwilioWebhooks {
        auth_token: Some(Secret::new("12345")),
        shared_key: Some(Secret::new("shared")),
        business: "shop".parse().unwrap(),
    }
}

async fn handle(url: &str, signed: &str, body: &str) -> Result<WebhookPayload, WebhookError> {
    hear_with(&handler(), &[("X-Twilio-Signature", signed)], url, body).await
}

async fn hear_with(
    handler: &TwilioWebhooks,
    headers: &[(&'static str, &str)],
    url: &str,
    body: &str,
) -> Result<WebhookPayload, WebhookError> {
    let parsed = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let headers: HeaderMap = parsed.collect();
    let (now, query) = (NOW.parse().unwrap(), url.split_once('?').map_or("", |(_, query)| query));
    handler.handle(&WebhookRequest { url, query, headers: &headers, body: Some(body.as_bytes()), now }).await
}

fn sign(url: &str, body: &str) -> String {
    sign_with(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "12345", url, body)
}

fn sign_with(algorithm: ring::hmac::Algorithm, key: &str, url: &str, body: &str) -> String {
    let mut parameters: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
    parameters.sort();
    let joined: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = ring::hmac::Key::new(algorithm, key.as_bytes());
    STANDARD.encode(ring::hmac::sign(&key, format!("{url}{joined}").as_bytes()))
}

/// A webhook in JSON, with the digest of `digested` in its URL.
async fn handle_json(digested: &str, body: &str) -> Result<WebhookPayload, WebhookError> {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(digested));
    let url = format!("{URL}?bodySHA256={digest}");
    handle(&url, &sign(&url, ""), body).await
}

async fn events_in(body: &str) -> Vec<ProviderEvent> {
    match handle(URL, &sign(URL, body), body).await {
        Ok(WebhookPayload::Events(events)) => events,
        other => panic!("{other:?}"),
    }
}

async fn delivery_report(body: &str) -> DeliveryReport {
    match events_in(body).await.as_slice() {
        [ProviderEvent::Receipt(delivery_report)] => delivery_report.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_callback_says_what_became_of_the_message() {
    for (status, expected) in [
        ("sent", ReceiptStatus::Sent),
        ("delivered", ReceiptStatus::Delivered),
        ("read", ReceiptStatus::Read),
        ("undelivered", ReceiptStatus::Failed),
        ("failed", ReceiptStatus::Failed),
        ("canceled", ReceiptStatus::Failed),
    ] {
        let delivery_report =
            delivery_report(&format!("MessageSid=SM1&MessageStatus={status}&To=%2B34600123456")).await;
        assert_eq!((delivery_report.reference.as_str(), delivery_report.status), ("SM1", expected));
        assert_eq!(delivery_report.address, parse_phone("34600123456"));
    }
    for status in ["queued", "sending", "accepted", "a-word-of-tomorrow"] {
        assert_eq!(events_in(&format!("MessageSid=SM1&MessageStatus={status}")).await, [], "{status}");
    }
}

#[tokio::test]
async fn the_url_of_a_callback_names_the_attempt_and_is_signed_with_it() {
    let echo = "acme/01900000-0000-7000-8000-000000000000/2";
    let body = "MessageSid=SM1&MessageStatus=delivered";
    let url = format!("{URL}?a=b&relevo={echo}");
    let Ok(WebhookPayload::Events(events)) = handle(&url, &sign(&url, body), body).await else { panic!() };
    let [ProviderEvent::Receipt(report)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((report.reference.as_str(), &report.echo), ("SM1", &echo.parse().ok()));
    assert_eq!(delivery_report(body).await.echo, None);
    let other = url.replace("/2", "/1");
    assert!(matches!(handle(&other, &sign(&url, body), body).await, Err(WebhookError::Unauthenticated(_))));
}

#[tokio::test]
async fn only_what_is_certain_suppresses_the_address() {
    for (code, expected) in [
        ("30005", Some(Objection::BadAddress)),
        ("21610", Some(Objection::OptedOut)),
        ("30004", None),
        ("30003", None),
        ("30007", None),
        ("99999", None),
        ("", None),
    ] {
        let body = format!("MessageSid=SM1&MessageStatus=undelivered&ErrorCode={code}");
        assert_eq!(delivery_report(&body).await.objection, expected, "{code}");
    }
}

#[tokio::test]
async fn whatever_is_changed_breaks_the_signature() {
    let body = "MessageSid=SM1&MessageStatus=delivered";
    let right = sign(URL, body);
    assert!(handle(URL, &right, body).await.is_ok());
    assert!(
        handle(URL, &right, "MessageStatus=delivered&MessageSid=SM1").await.is_ok(),
        "the order is no matter"
    );
    for (configured, signed) in [
        ("https://hooks.example.com/providers/twilio", "https://hooks.example.com:443/providers/twilio"),
        ("https://hooks.example.com:443/providers/twilio", "https://hooks.example.com/providers/twilio"),
        ("https://hooks.example.com:8443/providers/twilio", "https://hooks.example.com/providers/twilio"),
        ("https://[::1]:8443/providers/twilio", "https://[::1]/providers/twilio"),
        ("http://hooks.example.com/providers/twilio", "http://hooks.example.com:80/providers/twilio"),
    ] {
        assert!(handle(configured, &sign(signed, body), body).await.is_ok(), "nor is the port: {configured}");
        assert!(handle(configured, &sign(configured, body), body).await.is_ok(), "{configured}");
    }
    let other = format!("{URL}?a=b");
    for (url, signed, body) in [
        (URL, right.as_str(), "MessageSid=SM1&MessageStatus=read"),
        (URL, right.as_str(), "MessageSid=SM1&MessageStatus=delivered&To=1"),
        (other.as_str(), right.as_str(), body),
        (URL, "", body),
        (URL, "not base64", body),
        (URL, &right[..20], body),
    ] {
        assert!(
            matches!(handle(url, signed, body).await, Err(WebhookError::Unauthenticated(_))),
            "{url} {signed} {body}"
        );
    }
}

#[tokio::test]
async fn a_webhook_that_names_the_shared_key_is_signed_by_it_with_sha_256() {
    const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";
    let sha256 = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256";
    let body = "MessageSid=SM1&MessageStatus=delivered";
    let signed = sign_with(ring::hmac::HMAC_SHA256, "shared", URL, body);
    let is_believed = async |handler: &TwilioWebhooks, signature: &str, settings: &str| {
        let headers = [("X-Twilio-Signature", signature), (SETTINGS, settings)];
        hear_with(handler, &headers, URL, body).await.is_ok()
    };
    assert!(is_believed(&handler(), &signed, sha256).await);
    assert!(!is_believed(&handler(), &sign(URL, body), sha256).await, "the auth token does not do then");
    assert!(!is_believed(&handler(), &signed, "key=webhooks_sharedkey_1,algorithm=HMAC_SHA1").await);
    assert!(!is_believed(&handler(), &signed, "").await);
    assert!(!is_believed(&TwilioWebhooks { shared_key: None, ..handler() }, &signed, sha256).await);
    assert!(handle(URL, &signed, body).await.is_err(), "nor is the shared key used without being named");
}

#[tokio::test]
async fn what_people_write_comes_with_the_message_that_it_answers() {
    let body = "MessageSid=SM2&SmsStatus=received&From=whatsapp%3A%2B34600123456&To=whatsapp%3A%2B34910000000\
                &Body=Yes%2C+please%21&OriginalRepliedMessageSid=SM1&NumMedia=0&ProfileName=Ana";
    let text = InboundText {
        id: "SM2".to_owned(),
        from: parse_phone("34600123456").unwrap(),
        aliases: Vec::new(),
        to: Some("+34910000000".to_owned()),
        text: "Yes, please!".to_owned(),
        reply_to: Some("SM1".to_owned()),
        at: NOW.parse().unwrap(),
    };
    assert_eq!(events_in(body).await, [ProviderEvent::Text(text.clone())]);
    let picture = "MessageSid=MM2&From=%2B34600123456&Body=&NumMedia=1";
    let empty = InboundText { id: "MM2".to_owned(), to: None, text: String::new(), reply_to: None, ..text };
    assert_eq!(events_in(picture).await, [ProviderEvent::Text(empty)]);
    assert_eq!(events_in("MessageSid=SM2&From=messenger%3A1&Body=hello").await, [], "not a number");
}

#[tokio::test]
async fn what_twilio_takes_for_an_opt_out_is_one() {
    let changes = async |kind: &str| {
        let body = format!("MessageSid=SM2&From=%2B34600123456&To=%2B34910000000&Body=x&OptOutType={kind}");
        let events = events_in(&body).await;
        assert!(matches!(&events[0], ProviderEvent::Text(text) if text.text == "x"), "{events:?}");
        let report = events.into_iter().skip(1).map(|event| match event {
            ProviderEvent::Address(report) if report.id != "SM2" => (report.address, report.change),
            other => panic!("{other:?}"),
        });
        report.collect::<Vec<_>>()
    };
    let address = parse_phone("34600123456").unwrap();
    let objected = AddressChange::Objected(Objection::OptedOut);
    assert_eq!(changes("STOP").await, [(address.clone(), objected)]);
    assert_eq!(changes("START").await, [(address, AddressChange::Returned)]);
    for kind in ["HELP", "A-WORD-OF-TOMORROW", ""] {
        assert_eq!(changes(kind).await, [], "{kind}");
    }
}

#[tokio::test]
async fn json_is_believed_when_the_url_is_signed_and_has_the_digest_of_the_body() {
    let body = r#"[{"type":"com.twilio.messaging.message.read","data":{"messageSid":"SM1","messageStatus":"READ"}}]"#;
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(body));
    let url = |digest: &str| format!("{URL}?brand=acme&bodySHA256={digest}");
    let capitals = digest.to_ascii_uppercase();
    for digest in [&digest, &capitals] {
        let url = url(digest);
        assert!(handle(&url, &sign(&url, ""), body).await.is_ok(), "{digest}");
        let with_port = url.replace(".com/", ".com:443/");
        assert!(handle(&url, &sign(&with_port, ""), body).await.is_ok(), "the port is no matter");
    }
    let unsigned = "X-Twilio-Signature is not that of this account";
    let (other, missing) =
        ("bodySHA256 is not that of the body", "JSON needs a bodySHA256 in the URL's query");
    let right = url(&digest);
    for (url, signed, media_type, body, reason) in [
        (right.as_str(), sign(&right, ""), "application/json", body.replace("SM1", "SM2").as_str(), other),
        (right.as_str(), sign(&right, ""), "application/json", "", other),
        (&right[..right.len() - 1], sign(&right[..right.len() - 1], ""), "application/json", body, other),
        (
            &right.replace("bodySHA256", "bodySHA"),
            sign(&right.replace("bodySHA256", "bodySHA"), ""),
            "application/json",
            body,
            missing,
        ),
        (URL, sign(URL, ""), "application/json", body, missing),
        (&right.replace("acme", "other"), sign(&right, ""), "application/json", body, unsigned),
        (right.as_str(), sign(URL, ""), "application/json", body, unsigned),
        (right.as_str(), sign(&right, ""), "application/x-www-form-urlencoded", body, unsigned),
    ] {
        let headers = [("X-Twilio-Signature", signed.as_str()), ("Content-Type", media_type)];
        let answer = hear_with(&handler(), &headers, url, body).await;
        assert_eq!(answer, Err(WebhookError::Unauthenticated(reason)), "{url} {media_type} {body}");
    }
}

#[tokio::test]
async fn events_in_json_say_what_a_form_says_and_when_it_was() {
    let event = |kind: &str, data: &str| {
        format!(r#"{{"specversion":"1.0","type":"{kind}","id":"EZ1","data":{data}}}"#)
    };
    let status = event(
        "com.twilio.messaging.message.undelivered",
        r#"{"messageSid":"SM1","messageStatus":"UNDELIVERED","errorCode":30005,"from":"+34910000000",
            "to":"whatsapp:+34600123456","timestamp":"2026-11-22T09:59:00.123Z"}"#,
    );
    let text = event(
        "com.twilio.messaging.inbound-message.received",
        r#"{"messageSid":"SM2","from":"+34600123456","to":"+34910000000","body":"hello","numMedia":0,
            "messagingServiceSid":null,"recipients":[],"timestamp":"2026-11-22T09:59:30Z"}"#,
    );
    let call = event("com.twilio.voice.status-callback.call.completed", r#"{"callSid":"CA1"}"#);
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let events = async |body: &str| match handle_json(body, body).await {
        Ok(WebhookPayload::Events(events)) => events,
        other => panic!("{other:?}"),
    };
    let address = parse_phone("34600123456");
    let [ProviderEvent::Receipt(receipt), ProviderEvent::Text(wrote)] =
        &events(&format!("[{call},{status},{text}]")).await[..]
    else {
        panic!("a call is about other things");
    };
    assert_eq!((receipt.reference.as_str(), receipt.status), ("SM1", ReceiptStatus::Failed));
    assert_eq!((&receipt.address, receipt.objection), (&address, Some(Objection::BadAddress)));
    assert_eq!(
        (receipt.evidence.code.as_str(), receipt.reported_at),
        ("30005", at("2026-11-22T09:59:00.123Z"))
    );
    assert_eq!(
        (wrote.id.as_str(), wrote.text.as_str(), wrote.at),
        ("SM2", "hello", at("2026-11-22T09:59:30Z"))
    );
    assert_eq!((Some(&wrote.from), wrote.to.as_deref()), (address.as_ref(), Some("+34910000000")));

    let alone = events(&status).await;
    assert_eq!(alone, [ProviderEvent::Receipt(receipt.clone())], "an event need not be in an array");
    let form = r#"{"MessageSid":"SM1","MessageStatus":"delivered"}"#;
    let [ProviderEvent::Receipt(receipt)] = &events(form).await[..] else { panic!("it is a receipt") };
    assert_eq!((receipt.status, receipt.reported_at), (ReceiptStatus::Delivered, at(NOW)));
    for body in ["[]", &call, &format!("[{call}]")] {
        assert_eq!(events(body).await, [], "{body}");
    }
    for body in ["", "hello", "[1]", r#"{"MessageSid":"SM1"}"#, "[", &status.replace("messageSid", "sid")] {
        assert!(matches!(handle_json(body, body).await, Err(WebhookError::Malformed(_))), "{body}");
    }
}

#[tokio::test]
async fn what_is_signed_and_says_nothing_is_told_apart() {
    for body in
        ["From=%2B34600123456&Body=STOP", "MessageSid=SM2&Body=STOP", "MessageSid=&MessageStatus=sent", ""]
    {
        let answer = handle(URL, &sign(URL, body), body).await;
        assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{body}");
    }
}

#[tokio::test]
async fn people_on_whatsapp_are_known_by_their_number_their_user_id_or_both() {
    let user = Address::whatsapp_user(&"shop".parse().unwrap(), "ES.1").unwrap();
    let number = parse_phone("34600123456").unwrap();
    for (form, from, aliases) in [
        ("From=whatsapp%3A%2B34600123456&ExternalUserId=ES.1", &number, vec![user.clone()]),
        ("From=whatsapp%3A%2B34600123456&ExternalUserId=whatsapp%3AES.1", &number, vec![user.clone()]),
        ("From=whatsapp%3AES.1&ExternalUserId=ES.1", &user, vec![]),
        ("From=whatsapp%3AES.1", &user, vec![]),
    ] {
        let events = events_in(&format!("MessageSid=SM1&OptOutType=STOP&Body=STOP&{form}")).await;
        let named = events.into_iter().map(|event| match event {
            ProviderEvent::Text(text) => (text.from, text.aliases),
            ProviderEvent::Address(report) => (report.address, report.aliases),
            other => panic!("{other:?}"),
        });
        assert_eq!(named.collect::<Vec<_>>(), vec![(from.clone(), aliases); 2], "{form}");
    }
    let receipt = delivery_report("MessageSid=SM1&MessageStatus=delivered&To=whatsapp%3AES.1").await;
    assert_eq!(receipt.address, Some(user));
}
