use std::time::Duration;

use serde_json::json;

use super::*;
use crate::adapters::envelopes;
use crate::model::{
    Address, ButtonAction, MessageClass, Rejection, RenderedContent, TelegramContent, TelegramFile, Template,
    TemplateButton, TemplateHeader, TextFormat, ThrottleScope,
};

fn text() -> Envelope {
    envelopes::to_phone(RenderedContent::Text("hello".to_owned()))
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() }, &text().echo())
}

#[test]
fn an_answer_is_judged_by_its_word_then_by_its_status() {
    for (status, body, word) in [
        (200, "", "sent"),
        (204, "", "sent"),
        (202, " \r\n", "sent"),
        (200, "{}", "sent"),
        (200, r#"{"reference":"r-17","more":[1]}"#, "sent"),
        (200, r#"{"reference":null,"outcome":null}"#, "sent"),
        // Nonsense in a success: it may have been taken.
        (200, "OK", "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (200, "[]", "unknown"),
        (200, r#"{"reference":17}"#, "unknown"),
        (200, r#"{"reference":"#, "unknown"),
        // A known word beats the status, success included; an unknown one does not.
        (200, r#"{"outcome":"rejected","cause":"content"}"#, "rejected"),
        (200, r#"{"outcome":"misconfigured","reference":"r-17"}"#, "misconfigured"),
        (503, r#"{"outcome":"rejected"}"#, "rejected"),
        (400, r#"{"outcome":"throttled"}"#, "throttled"),
        (504, r#"{"outcome":"unavailable"}"#, "unavailable"),
        (200, r#"{"outcome":"gone fishing"}"#, "unknown"),
        (400, r#"{"outcome":"gone fishing"}"#, "rejected"),
        (503, r#"{"outcome":"gone fishing"}"#, "unavailable"),
        // Without a word.
        (400, r#"{"text":"too long"}"#, "rejected"),
        (401, "", "misconfigured"),
        (429, "slow down", "throttled"),
        (302, "", "misconfigured"),
        (503, "{}", "unavailable"),
        (500, "{}", "unknown"),
        (502, "", "unknown"),
        (504, "", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_reference_is_the_receivers_or_else_the_echo() {
    let reference = |body: &str| match judge(200, body) {
        Outcome::Sent { reference, .. } => reference,
        other => panic!("{other:?}"),
    };
    let echo = format!("acme/{}/2", text().message_id);
    assert_eq!(reference(r#"{"reference":"r-17"}"#), "r-17");
    assert_eq!(
        [reference(""), reference("{}"), reference(r#"{"reference":""}"#)],
        [(); 3].map(|()| echo.clone())
    );
}

#[test]
fn the_wait_in_the_body_comes_before_that_of_the_header_and_is_capped() {
    let wait = |header: Option<u64>, body: &str| {
        let retry_after = header.map(Duration::from_secs);
        match outcome(
            &HttpResponse { status: 429, retry_after, body: body.into(), ..HttpResponse::default() },
            &text().echo(),
        ) {
            Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, .. } => {
                retry_after.map(|wait| wait.as_secs())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(Some(9), r#"{"outcome":"throttled","retry_after_seconds":30}"#), Some(30));
    assert_eq!(wait(Some(9), r#"{"outcome":"throttled"}"#), Some(9));
    assert_eq!(wait(Some(9), ""), Some(9));
    assert_eq!(wait(None, r#"{"outcome":"throttled","retry_after_seconds":99999999}"#), Some(3_600));
    assert_eq!(wait(None, r#"{"outcome":"throttled","retry_after_seconds":-1.5}"#), Some(0));
    assert_eq!(wait(None, r#"{"outcome":"throttled"}"#), None);
}

#[test]
fn the_evidence_holds_the_code_and_no_address() {
    let said = |body: &str| judge(400, body).evidence().unwrap().to_string();
    let cause = r#"{"outcome":"rejected","cause":"address","code":"E7","text":"+34600123456 is a landline"}"#;
    let evidence = OutcomeEvidence { code: "E7".to_owned(), text: "*** is a landline".to_owned() };
    assert_eq!(
        judge(400, cause),
        Outcome::Rejected { cause: Rejection::Address { certain: true }, evidence }
    );
    assert_eq!(said(r#"{"outcome":"rejected","code":17,"text":"no"}"#), "17 no");
    assert_eq!(said(r#"{"outcome":"rejected","text":"no"}"#), "400 no");
    assert_eq!(said(r#"{"text":"no"}"#), "400 no");
}

#[test]
fn the_body_says_all_of_a_message() {
    let mut envelope = text();
    envelope.class = MessageClass::Commercial;
    let id = envelope.message_id.to_string();
    assert_eq!(
        request::message(&envelope, None),
        json!({
            "message_id": id,
            "attempt": 2,
            "brand": "acme",
            "class": "commercial",
            "topic": "orders",
            "channel": "sms",
            "from": null,
            "to": "+34600123456",
            "content": { "type": "text", "text": "hello" },
            "sent_at": "2026-11-22T10:00:00Z",
        })
    );
    assert_eq!(request::message(&envelope, Some("ACME"))["from"], "ACME");
    envelope.from = Some("Acme Shoes".to_owned());
    assert_eq!(request::message(&envelope, Some("ACME"))["from"], "Acme Shoes");
}

#[test]
fn each_kind_of_content_has_its_form() {
    let email = |text: Option<&str>| RenderedContent::Email {
        subject: "Hello".to_owned(),
        text: text.map(str::to_owned),
        html: Some("<p>Hi</p>".to_owned()),
    };
    let template = Template {
        name: "order_update".to_owned(),
        language: "en_US".to_owned(),
        parameters: vec!["Ana".to_owned()],
        header: Some(TemplateHeader::Text("May".to_owned())),
        buttons: vec![TemplateButton { index: 1, action: ButtonAction::Url("A-17".to_owned()) }],
        authentication: false,
    };
    let file = TelegramFile::Photo("https://example.com/a.png".to_owned());
    let telegram =
        TelegramContent { text: Some("*hi*".to_owned()), format: TextFormat::MarkdownV2, file: Some(file) };
    let to = Address::Email("ana@example.org".parse().unwrap());
    for (content, json) in [
        (
            email(Some("Hi")),
            json!({ "type": "email", "subject": "Hello", "text": "Hi", "html": "<p>Hi</p>" }),
        ),
        (email(None), json!({ "type": "email", "subject": "Hello", "text": null, "html": "<p>Hi</p>" })),
        (
            RenderedContent::Telegram(telegram),
            json!({
                "type": "telegram", "text": "*hi*", "format": "markdown_v2",
                "file": { "type": "photo", "url": "https://example.com/a.png" },
            }),
        ),
        (
            RenderedContent::Template(template),
            json!({ "type": "template", "name": "order_update", "language": "en_US", "parameters": ["Ana"], "header": { "type": "text", "text": "May" }, "buttons": [{ "type": "url", "index": 1, "value": "A-17" }] }),
        ),
    ] {
        assert_eq!(request::message(&envelopes::to(to.clone(), content), None)["content"], json);
    }
    let chat = envelopes::to(Address::TelegramChat(42), RenderedContent::Text(String::new()));
    let body = request::message(&chat, None);
    assert_eq!((&body["channel"], &body["to"]), (&json!("telegram"), &json!("42")));
}

#[test]
fn a_receiver_that_knows_ids_is_asked_again_under_the_one_in_doubt() {
    let id = |minutes: Option<u32>| {
        let repeats =
            minutes.map(|minutes| format!("repeat_window_minutes = {minutes}\n")).unwrap_or_default();
        let key = "whsec_dGhlLXNlY3JldC1vZi1hLXdlYmhvb2stLS0=";
        let settings =
            format!("url = 'https://relay.example.com'\nsecret = {{ '$secret' = '{key}' }}\n{repeats}");
        let settings: CustomWebhookSettings = toml::from_str(&settings).unwrap();
        let adapter = CustomWebhookAdapter::new(&settings, &crate::adapters::Transport::default()).unwrap();
        adapter.id(&Envelope { attempt: 3, idempotency_attempt: 2, ..text() }).attempt
    };
    assert_eq!((id(None), id(Some(60))), (3, 2));
}
