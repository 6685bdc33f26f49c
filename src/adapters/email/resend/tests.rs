use super::*;
use crate::model::Rejection;
use crate::secret::Secret;

const KEY: &str = "re_the-key-of-resend";

fn settings() -> ResendSettings {
    ResendSettings {
        api_key: Secret::new(KEY),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        webhook_secret: None,
        base_url: "https://api.example.com".to_owned(),
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpAnswer { status, body: body.into(), ..HttpAnswer::default() })
}

#[test]
fn an_answer_is_judged_by_its_name_then_by_its_status() {
    for (status, body, word) in [
        (200, r#"{"id":"17"}"#, "sent"),
        // Nonsense in a success: it may have been taken.
        (200, r#"{"id":""}"#, "unknown"),
        (200, r#"{"object":"email"}"#, "unknown"),
        (200, r#"{"name":"validation_error","message":"no"}"#, "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known name beats the status, an unknown one does not.
        (400, r#"{"name":"rate_limit_exceeded"}"#, "throttled"),
        (403, r#"{"name":"invalid_api_Key","message":"API key is invalid"}"#, "misconfigured"),
        (422, r#"{"name":"something_new","message":"no"}"#, "rejected"),
        (401, r#"{"name":"something_new"}"#, "misconfigured"),
        (429, r#"{"name":"something_new"}"#, "throttled"),
        (503, r#"{"name":"something_new"}"#, "unavailable"),
        (504, r#"{"name":"something_new"}"#, "unknown"),
        (404, "no such page", "misconfigured"),
        (302, "", "misconfigured"),
        (503, "", "unavailable"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_name_and_no_address() {
    let body =
        r#"{"statusCode":422,"name":"validation_error","message":"Invalid `to` field: ana@example.org"}"#;
    let evidence =
        OutcomeEvidence { code: "validation_error".to_owned(), text: "Invalid `to` field: ***".to_owned() };
    assert_eq!(
        judge(422, body),
        Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
    );
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    let error = |change: fn(&mut ResendSettings)| {
        let mut settings = settings();
        change(&mut settings);
        Resend::new(&settings, &Transport::default()).unwrap_err().to_string()
    };
    assert!(error(|settings| settings.api_key = Secret::new("")).starts_with("api_key must be the key"));
    assert!(error(|settings| settings.from = "the shop".to_owned()).starts_with("from must be an email"));
    let reply_to = error(|settings| settings.reply_to = Some("nobody".to_owned()));
    assert!(reply_to.starts_with("reply_to must be an email"));
    assert!(error(|settings| settings.base_url = "resend".to_owned()).starts_with("base_url must be a URL"));
}

#[test]
fn settings_are_read_from_configuration() {
    let text = format!("from = 'shop@example.com'\napi_key = {{ \"$secret\" = \"{KEY}\" }}");
    let settings: ResendSettings = toml::from_str(&text).unwrap();
    assert_eq!((settings.base_url.as_str(), settings.api_key.expose()), ("https://api.resend.com", KEY));
    assert!(toml::from_str::<ResendSettings>(&format!("{text}\nfrm = 'x'")).is_err());
}

#[test]
fn the_key_is_never_shown() {
    let resend = Resend::new(&settings(), &Transport::default()).unwrap();
    let request = resend.request(&api::tests::envelope(Some("Hi"), None)).unwrap();
    let shown = format!("{resend:?} {request:?}");
    assert!(shown.contains("Sensitive") && !shown.contains(KEY), "{shown}");
}
