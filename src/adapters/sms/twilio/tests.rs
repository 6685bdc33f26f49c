use super::answer::outcome;
use super::*;
use crate::adapters::envelopes;
use crate::adapters::http::HttpResponse;
use crate::model::{Address, OutcomeEvidence, Rejection, RenderedContent};
use crate::secret::Secret;

const TOKEN: &str = "0123456789abcdef-the-auth-token";

fn settings() -> TwilioSmsSettings {
    TwilioSmsSettings {
        account: TwilioAccountSettings {
            account_sid: format!("AC{}", "1".repeat(32)),
            auth_token: Secret::new(TOKEN),
            account_auth_token: None,
            shared_key: None,
            api_key_sid: None,
            base_url: "https://api.example.com".to_owned(),
            status_callback: None,
        },
        channel: TwilioSmsSenderSettings {
            from: Some("+34910000000".to_owned()),
            messaging_service_sid: None,
        },
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (201, r#"{"sid":"SM1","status":"queued","error_code":null}"#, "sent"),
        (200, r#"{"sid":"SM1"}"#, "sent"),
        (
            201,
            r#"{"sid":"SM1","status":"failed","error_code":30002,"error_message":"suspended"}"#,
            "misconfigured",
        ),
        // Nonsense in a success: it may have been taken.
        (201, r#"{"sid":""}"#, "unknown"),
        (201, r#"{"status":"queued"}"#, "unknown"),
        (201, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known code beats the status, an unknown one does not.
        (400, r#"{"code":20429,"message":"Too many requests"}"#, "throttled"),
        (400, r#"{"code":99999,"message":"new"}"#, "rejected"),
        (401, r#"{"code":99999,"message":"new"}"#, "misconfigured"),
        (429, r#"{"code":99999}"#, "throttled"),
        (500, r#"{"code":99999}"#, "unknown"),
        (503, r#"{"code":99999}"#, "unavailable"),
        // Its own code says that it did not begin.
        (500, r#"{"code":20503}"#, "unavailable"),
        (400, r#"{"code":null}"#, "rejected"),
        (404, "no such page", "misconfigured"),
        (302, "", "misconfigured"),
        (503, "", "unavailable"),
        // It may have been taken before the server failed, or before the answer was lost on the way.
        (500, "", "unknown"),
        (502, "bad gateway", "unknown"),
        (504, "upstream timed out", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_code_and_no_number() {
    let outcome = judge(400, r#"{"code":21211,"message":"The 'To' number +34600123456 is not valid."}"#);
    let evidence =
        OutcomeEvidence { code: "21211".to_owned(), text: "The 'To' number *** is not valid.".to_owned() };
    assert_eq!(outcome, Outcome::Rejected { cause: Rejection::Address { certain: true }, evidence });
}

#[test]
fn what_an_sms_does_not_carry_is_refused_before_any_call() {
    let twilio = TwilioSmsAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = twilio.request(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = twilio.request(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn senders_are_checked() {
    let build = |from: Option<&str>, service: Option<&str>| {
        let (from, messaging_service_sid) = (from.map(str::to_owned), service.map(str::to_owned));
        let channel = TwilioSmsSenderSettings { from, messaging_service_sid };
        TwilioSmsAdapter::new(&TwilioSmsSettings { channel, ..settings() }, &Transport::default()).map(drop)
    };
    let service = format!("MG{}", "a".repeat(32));
    for from in ["+34910000000", "12345", "ACME", "Acme 24"] {
        assert_eq!(build(Some(from), None), Ok(()), "{from}");
    }
    assert_eq!(build(None, Some(&service)), Ok(()));
    for from in ["", "+", "34910000000123", "Acme Anonymous", "12", "Ácme", "+34 910"] {
        assert!(build(Some(from), None).is_err(), "{from}");
    }
    assert!(build(None, None).is_err());
    assert!(build(Some("ACME"), Some(&service)).is_err());
    assert!(build(None, Some("MG1")).is_err());
}
