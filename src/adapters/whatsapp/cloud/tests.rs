use serde_json::json;

use super::*;
use crate::adapters::envelopes;
use crate::model::{Address, Phone, Rejection, RenderedContent, Template, ThrottleScope};

fn phone() -> Address {
    Address::Phone(Phone::from_e164("+34600123456").unwrap())
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() }, &phone())
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (200, r#"{"messages":[{"id":"wamid.1"}]}"#, "sent"),
        (200, r#"{"messages":[{"id":"wamid.1","message_status":"held_for_quality_assessment"}]}"#, "sent"),
        (200, r#"{"messages":[]}"#, "unknown"),
        (200, r#"{"messages":[{"id":""}]}"#, "unknown"),
        (200, "{}", "unknown"),
        (200, "", "unknown"),
        // A known code beats the status, an unknown one does not.
        (500, r#"{"error":{"code":190,"message":"expired"}}"#, "misconfigured"),
        (400, r#"{"error":{"code":131016}}"#, "unavailable"),
        (400, r#"{"error":{"code":999999}}"#, "rejected"),
        (403, r#"{"error":{"code":999999}}"#, "misconfigured"),
        (500, r#"{"error":{"code":-1}}"#, "unknown"),
        // `error_data` is an object or not.
        (400, r#"{"error":{"code":190,"error_data":"text"}}"#, "misconfigured"),
        // Code 100 is the content's fault, unless the number does not exist.
        (400, r#"{"error":{"code":100}}"#, "rejected"),
        (400, r#"{"error":{"code":100,"error_subcode":33}}"#, "misconfigured"),
        (400, "bad request", "rejected"),
        (502, "<html>", "unknown"),
        (504, "<html>", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn a_number_that_looked_like_spam_waits_for_long() {
    let wait = |code: u32| match judge(400, &json!({ "error": { "code": code } }).to_string()) {
        Outcome::Throttled { retry_after, scope, .. } => (retry_after, scope),
        other => panic!("{other:?}"),
    };
    assert_eq!(wait(131_048), (Some(Duration::from_secs(3_600)), ThrottleScope::Provider));
    assert_eq!(wait(130_429), (None, ThrottleScope::Provider));
    assert_eq!(wait(131_056), (None, ThrottleScope::Recipient));
}

#[test]
fn the_evidence_holds_the_details_and_no_number() {
    let outcome = judge(
        400,
        r#"{"error":{"code":131026,"message":"Undeliverable","error_data":{"details":"to 34600123456"}}}"#,
    );
    assert_eq!(outcome.evidence().unwrap().to_string(), "131026 Undeliverable to ***");
}

#[test]
fn a_template_carries_its_parameters_in_order() {
    let template = |parameters: &[&str]| Template {
        name: "order_update".to_owned(),
        language: "en_US".to_owned(),
        parameters: parameters.iter().map(|&text| text.to_owned()).collect(),
        ..Template::default()
    };
    let body = |parameters| {
        request::message(&envelopes::to_phone(RenderedContent::Template(template(parameters)))).unwrap()["template"]
            .clone()
    };
    assert_eq!(
        body(&["Ana", "A-17"]),
        json!({
            "name": "order_update",
            "language": { "code": "en_US" },
            "components": [{
                "type": "body",
                "parameters": [{ "type": "text", "text": "Ana" }, { "type": "text", "text": "A-17" }],
            }],
        })
    );
    assert_eq!(body(&[]), json!({ "name": "order_update", "language": { "code": "en_US" } }));
}

#[test]
fn what_whatsapp_does_not_carry_is_refused_before_any_call() {
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = request::message(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = request::message(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn the_number_by_which_meta_knows_the_recipient_is_told_where_it_is_another() {
    let sent = |wa_id: &str| {
        let body =
            format!(r#"{{"contacts":[{{"input":"1","wa_id":"{wa_id}"}}],"messages":[{{"id":"wamid.1"}}]}}"#);
        judge(200, &body)
    };
    let known = |number: &str| Some(Address::Phone(Phone::from_e164(number).unwrap()));
    for (wa_id, recipient) in [("34600123456", None), ("34700123456", known("+34700123456")), ("", None)] {
        assert_eq!(sent(wa_id), Outcome::Sent { reference: "wamid.1".to_owned(), recipient }, "{wa_id}");
    }
}

#[test]
fn a_user_id_is_named_as_the_recipient_and_not_as_a_number() {
    let user = Address::whatsapp_user(&"shop".parse().unwrap(), "ES.13491208655302741918").unwrap();
    let message = request::message(&envelopes::to(user, RenderedContent::Text("Hi".to_owned()))).unwrap();
    assert_eq!((&message["recipient"], &message["to"]), (&json!("ES.13491208655302741918"), &Value::Null));
}
