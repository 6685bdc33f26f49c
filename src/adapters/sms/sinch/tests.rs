use super::*;
use crate::adapters::envelopes;
use crate::model::{Address, Rejection, RenderedContent};
use crate::secret::Secret;

const TOKEN: &str = "the-api-token";

fn settings() -> SinchSettings {
    SinchSettings {
        service_plan_id: "plan-1".to_owned(),
        api_token: Secret::new(TOKEN),
        from: "ACME".to_owned(),
        base_url: "https://eu.example.com".to_owned(),
        callback_url: None,
        webhook_secret: None,
        webhook_user: None,
        webhook_password: None,
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (201, r#"{"id":"01FC66621","to":["34600123456"],"canceled":false}"#, "sent"),
        (200, r#"{"id":"01FC66621"}"#, "sent"),
        // Nonsense in a success: it may have been taken.
        (201, r#"{"id":""}"#, "unknown"),
        (201, r#"{"id":7}"#, "unknown"),
        (201, r#"{"code":"syntax_invalid_json"}"#, "unknown"),
        (201, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known code beats the status, an unknown one does not.
        (403, r#"{"code":"unknown_group","text":"no such group"}"#, "rejected"),
        (400, r#"{"code":"missing_callback_url"}"#, "misconfigured"),
        (400, r#"{"code":"new"}"#, "rejected"),
        (403, r#"{"code":"new"}"#, "misconfigured"),
        (401, "", "misconfigured"),
        (404, "no such page", "misconfigured"),
        (409, "", "rejected"),
        (429, "", "throttled"),
        (500, r#"{"id":"01FC66621"}"#, "unknown"),
        (502, "bad gateway", "unknown"),
        (503, "", "unavailable"),
        (504, "upstream timed out", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_code_and_no_number() {
    let body = r#"{"code":"syntax_invalid_parameter_format","text":"34600123456 is not a valid MSISDN"}"#;
    assert_eq!(
        judge(400, body).evidence().unwrap().to_string(),
        "syntax_invalid_parameter_format *** is not a valid MSISDN"
    );
}

#[test]
fn what_an_sms_does_not_carry_is_refused_before_any_call() {
    let sinch = SinchAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = sinch.request(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = sinch.request(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}
