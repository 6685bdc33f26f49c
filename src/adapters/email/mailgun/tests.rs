use super::*;
use crate::model::Rejection;

const KEY: &str = "the-key-of-mailgun";

fn settings() -> MailgunSettings {
    MailgunSettings {
        domain: "mg.example.com".to_owned(),
        api_key: Secret::new(KEY),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        webhook_signing_key: None,
        base_url: "https://api.example.com".to_owned(),
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    outcome(&HttpAnswer { status, body: body.into(), ..HttpAnswer::default() }, now)
}

#[test]
fn an_answer_is_judged_by_its_status_and_message() {
    let sent = judge(200, r#"{"id":"<17.a@mg.example.com>","message":"Queued. Thank you."}"#);
    assert_eq!(sent, Outcome::Sent { reference: "17.a@mg.example.com".to_owned() });
    for (status, body, word) in [
        // Nonsense in a success: it may have been taken.
        (200, r#"{"id":"","message":"Queued. Thank you."}"#, "unknown"),
        (200, r#"{"id":"<>"}"#, "unknown"),
        (200, r#"{"message":"Queued. Thank you."}"#, "unknown"),
        (200, "Mailgun Magnificent API", "unknown"),
        (204, "", "unknown"),
        // What is not JSON, or not in the table: by the status.
        (401, "Forbidden", "misconfigured"),
        (404, "no such page", "misconfigured"),
        (422, r#"{"message":"something new"}"#, "rejected"),
        (302, "", "misconfigured"),
        (429, "slow down", "throttled"),
        (503, r#"{"message":"overloaded"}"#, "unavailable"),
        (504, "", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_status_and_no_address() {
    let body = r#"{"message":"to parameter is not a valid address: ana@example.org"}"#;
    let evidence = OutcomeEvidence {
        code: "400".to_owned(),
        text: "to parameter is not a valid address: ***".to_owned(),
    };
    assert_eq!(
        judge(400, body),
        Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
    );
}

#[test]
fn a_throttle_lasts_until_the_date_in_its_message() {
    let wait = |date: &str| {
        let message = format!("Domain example.com is not allowed to send: request limit exceeded, {date}");
        match judge(429, &serde_json::json!({ "message": message }).to_string()) {
            Outcome::Throttled { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait("try again after Sun, 22 Nov 2026 10:01:30 UTC"), Some(90));
    assert_eq!(wait("try again after Sun, 22 Nov 2026 10:01:30 GMT."), Some(90));
    assert_eq!(wait("try again after Mon, 23 Nov 2026 10:00:00 UTC"), Some(3_600));
    assert_eq!(wait("try again after a while"), None);
    assert_eq!(wait("try again"), None);
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    let error = |change: fn(&mut MailgunSettings)| {
        let mut settings = settings();
        change(&mut settings);
        Mailgun::new(&settings, &Transport::default()).unwrap_err().to_string()
    };
    for domain in ["", "localhost", "example..com", "example.com/", "ex ample.com"] {
        let wrong = MailgunSettings { domain: domain.to_owned(), ..settings() };
        let error = Mailgun::new(&wrong, &Transport::default()).unwrap_err().to_string();
        assert_eq!(error, "domain must be a domain at Mailgun such as mg.example.com");
    }
    assert!(error(|settings| settings.api_key = Secret::new("")).starts_with("api_key must be the key"));
    assert!(error(|settings| settings.from = "the shop".to_owned()).starts_with("from must be an email"));
    let reply_to = error(|settings| settings.reply_to = Some("nobody".to_owned()));
    assert!(reply_to.starts_with("reply_to must be an email"));
    assert!(error(|settings| settings.base_url = "mailgun".to_owned()).starts_with("base_url must be a URL"));
}

#[test]
fn settings_are_read_from_configuration() {
    let text = format!(
        "domain = 'mg.example.com'\nfrom = 'shop@example.com'\napi_key = {{ \"$secret\" = \"{KEY}\" }}"
    );
    let settings: MailgunSettings = toml::from_str(&text).unwrap();
    assert_eq!((settings.base_url.as_str(), settings.api_key.expose()), ("https://api.mailgun.net", KEY));
    assert!(toml::from_str::<MailgunSettings>(&format!("{text}\nfrm = 'x'")).is_err());
}

#[test]
fn the_key_is_never_shown() {
    let mailgun = Mailgun::new(&settings(), &Transport::default()).unwrap();
    let request = mailgun.request(&api::tests::envelope(Some("Hi"), None)).unwrap();
    let shown = format!("{mailgun:?} {request:?}");
    assert!(shown.contains("Sensitive") && !shown.contains(KEY), "{shown}");
}
