use super::*;
use crate::model::Rejection;
use crate::secret::Secret;

const TOKEN: &str = "the-token-of-postmark";

fn settings() -> PostmarkSettings {
    PostmarkSettings {
        server_token: Secret::new(TOKEN),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        message_stream: None,
        webhook_user: None,
        webhook_password: None,
        base_url: "https://api.example.com".to_owned(),
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpAnswer { status, body: body.into(), ..HttpAnswer::default() })
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (200, r#"{"MessageID":"17","ErrorCode":0,"Message":"OK"}"#, "sent"),
        // A success that hides a refusal.
        (200, r#"{"ErrorCode":406,"Message":"inactive"}"#, "rejected"),
        (200, r#"{"MessageID":"17","ErrorCode":405,"Message":"no credits"}"#, "misconfigured"),
        (200, r#"{"ErrorCode":9999,"Message":"something new"}"#, "rejected"),
        // Nonsense in a success: it may have been taken.
        (200, r#"{"MessageID":"","ErrorCode":0}"#, "unknown"),
        (200, r#"{"ErrorCode":0,"Message":"OK"}"#, "unknown"),
        (200, r#"{"MessageID":"17"}"#, "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known code beats the status, an unknown one does not.
        (422, r#"{"ErrorCode":429,"Message":"slow down"}"#, "throttled"),
        (422, r#"{"ErrorCode":9999,"Message":"something new"}"#, "rejected"),
        (401, r#"{"ErrorCode":9999}"#, "misconfigured"),
        (500, r#"{"ErrorCode":0,"Message":"broken"}"#, "unavailable"),
        (504, r#"{"ErrorCode":0}"#, "unknown"),
        // A network filter on the way answers with a page.
        (403, "<html>Forbidden</html>", "misconfigured"),
        (302, "", "misconfigured"),
        (503, "", "unavailable"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_code_and_no_address() {
    let body = r#"{"ErrorCode":300,"Message":"Invalid 'To' address: 'ana@example.org'."}"#;
    let Outcome::Rejected { cause, evidence } = judge(422, body) else { panic!() };
    assert_eq!((cause, evidence.code.as_str()), (Rejection::Address { certain: false }, "300"));
    assert!(!evidence.text.contains("ana"), "{evidence}");
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    let error = |change: fn(&mut PostmarkSettings)| {
        let mut settings = settings();
        change(&mut settings);
        Postmark::new(&settings, &Transport::default()).unwrap_err().to_string()
    };
    assert!(
        error(|settings| settings.server_token = Secret::new("")).starts_with("server_token must be the key")
    );
    assert!(error(|settings| settings.from = "the shop".to_owned()).starts_with("from must be an email"));
    let reply_to = error(|settings| settings.reply_to = Some("nobody".to_owned()));
    assert!(reply_to.starts_with("reply_to must be an email"));
    let stream = error(|settings| settings.message_stream = Some("my stream".to_owned()));
    assert!(stream.starts_with("message_stream must be a stream's id"));
    assert!(
        error(|settings| settings.base_url = "postmark".to_owned()).starts_with("base_url must be a URL")
    );
}

#[test]
fn settings_are_read_from_configuration() {
    let text = format!("from = 'shop@example.com'\nserver_token = {{ \"$secret\" = \"{TOKEN}\" }}");
    let settings: PostmarkSettings = toml::from_str(&text).unwrap();
    assert_eq!((settings.base_url.as_str(), settings.message_stream), ("https://api.postmarkapp.com", None));
    assert!(toml::from_str::<PostmarkSettings>(&format!("{text}\nfrm = 'x'")).is_err());
}

#[test]
fn the_token_is_never_shown() {
    let postmark = Postmark::new(&settings(), &Transport::default()).unwrap();
    let request = postmark.request(&api::tests::envelope(Some("Hi"), None)).unwrap();
    let shown = format!("{postmark:?} {request:?}");
    assert!(shown.contains("Sensitive") && !shown.contains(TOKEN), "{shown}");
}
