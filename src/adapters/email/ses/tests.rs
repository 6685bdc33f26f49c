use reqwest::header::HeaderMap;

use super::*;
use crate::adapters::envelopes;
use crate::model::{Address, AttemptRef, MessageId, RenderedContent};
use crate::secret::Secret;

const SECRET: &str = "the-secret-access-key";

fn settings() -> SesSettings {
    SesSettings {
        region: "eu-west-1".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: Some(Secret::new("the-session-token")),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        configuration_set: None,
        topic_arn: None,
        sns_certificate_hosts: Vec::new(),
        base_url: None,
    }
}

fn ses() -> SesAdapter {
    SesAdapter::new(&settings(), &Transport::default()).unwrap()
}

fn email(address: &str) -> Envelope {
    let content =
        RenderedContent::Email { subject: "Hello".to_owned(), text: Some("Hi".to_owned()), html: None };
    envelopes::to(Address::Email(address.parse().unwrap()), content)
}

fn judge(status: u16, name: &str, body: &str) -> Outcome {
    let headers = match name {
        "" => HeaderMap::new(),
        name => HeaderMap::from_iter([("x-amzn-errortype".parse().unwrap(), name.parse().unwrap())]),
    };
    let (ses, envelope) = (ses(), email("ana@example.org"));
    let email = ses.email(&envelope).unwrap();
    outcome(&HttpResponse { status, headers, body: body.into(), ..HttpResponse::default() }, &email)
}

#[test]
fn an_answer_is_judged_by_its_name_then_by_its_status() {
    for (status, name, body, word) in [
        (200, "", r#"{"MessageId":"0102"}"#, "sent"),
        (200, "", r#"{"MessageId":""}"#, "unknown"),
        (200, "", "{}", "unknown"),
        (200, "", "<html>ok</html>", "unknown"),
        (204, "", "", "unknown"),
        // A known name beats the status, an unknown one does not.
        (400, "TooManyRequestsException", "{}", "throttled"),
        (400, "AccountSuspendedException:http://internal.amazon.com/coral/", "{}", "misconfigured"),
        (400, "com.amazonaws.ses#SendingPausedException", "{}", "misconfigured"),
        (400, "MessageRejected", "not even JSON", "rejected"),
        (400, "NewException", "{}", "rejected"),
        (403, "NewException", "{}", "misconfigured"),
        (429, "NewException", "{}", "throttled"),
        (500, "NewException", "{}", "unknown"),
        (502, "", "", "unknown"),
        // Without a name it is not SES that speaks.
        (400, "", r#"{"message":"no"}"#, "rejected"),
        (404, "", "no such page", "misconfigured"),
        (302, "", "", "misconfigured"),
        (503, "", "", "unavailable"),
        (504, "", "", "unknown"),
    ] {
        assert_eq!(judge(status, name, body).as_str(), word, "{status} {name} {body}");
    }
}

#[test]
fn who_is_not_verified_decides_whether_the_provider_is_set_up_wrongly() {
    let unverified = |who: &str| {
        let text = format!("Email address is not verified. The following identities failed the check: {who}");
        judge(400, "MessageRejected", &format!(r#"{{"message":"{text}"}}"#))
    };
    let is_policy = |outcome| matches!(outcome, Outcome::Rejected { cause: Rejection::Policy, .. });
    assert!(is_policy(unverified("Ana@Example.org")));
    assert_eq!(unverified("Shop <shop@example.com>").as_str(), "misconfigured");
    assert_eq!(unverified("ana@example.org, shop@example.com").as_str(), "misconfigured");
    assert_eq!(unverified("...").as_str(), "misconfigured");
}

#[test]
fn the_daily_quota_is_tried_again_after_an_hour_and_the_rate_sooner() {
    let wait = |name, text| match judge(429, name, &format!(r#"{{"message":"{text}"}}"#)) {
        Outcome::Throttled { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
        other => panic!("{other:?}"),
    };
    for name in ["ThrottlingException", "TooManyRequestsException", "LimitExceededException"] {
        assert_eq!(wait(name, "Daily message quota exceeded."), Some(3_600), "{name}");
        assert_eq!(wait(name, "Maximum sending rate exceeded."), None, "{name}");
    }
}

#[test]
fn the_evidence_holds_the_name_and_no_address() {
    let outcome = judge(400, "BadRequestException", r#"{"message":"Illegal address: ana@example.org"}"#);
    assert_eq!(outcome.evidence().unwrap().to_string(), "BadRequestException Illegal address: ***");
}

#[test]
fn a_tag_is_one_that_ses_takes_and_gives_the_echo_back() {
    let brand = format!("a-{}", "9".repeat(61)).parse().unwrap();
    let echo = AttemptRef { brand, message: MessageId::new(1, &[7; 10]), attempt: u32::MAX };
    let tag = request::tag(&echo);
    assert!(
        tag.len() <= 256 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
        "{tag}"
    );
    assert_eq!(tag.replace('_', "/").parse(), Ok(echo));
}

#[test]
fn names_beyond_ascii_are_encoded_and_subjects_are_one_line() {
    let mut envelope = email("ana@bücher.example");
    envelope.from = Some("Tienda Ñandú <tienda@acme.example>".to_owned());
    envelope.content = RenderedContent::Email {
        subject: "Olá\r\nBcc: eve@example.org".to_owned(),
        text: None,
        html: Some("<p>Olá</p>".to_owned()),
    };
    let ses = ses();
    let body = request::message(&envelope, &ses.email(&envelope).unwrap(), &ses.settings);
    assert_eq!(body["FromEmailAddress"], "=?utf-8?b?VGllbmRhIMORYW5kw7o=?= <tienda@acme.example>");
    assert_eq!(body["Destination"]["ToAddresses"][0], "ana@xn--bcher-kva.example");
    let simple = &body["Content"]["Simple"];
    assert_eq!(simple["Subject"]["Data"], "Olá Bcc: eve@example.org");
    assert_eq!(simple["Body"].as_object().unwrap().len(), 1);
}

#[test]
fn what_ses_does_not_carry_is_refused_before_any_call() {
    let ses = ses();
    let refusal = |envelope: &Envelope| match ses.email(envelope) {
        Ok(email) => panic!("{email:?}"),
        Err(outcome) => outcome,
    };
    let text = Envelope { content: RenderedContent::Text("hello".to_owned()), ..email("ana@example.org") };
    assert!(matches!(refusal(&text), Outcome::Rejected { cause: Rejection::Content, .. }));
    let empty = RenderedContent::Email { subject: "Hello".to_owned(), text: None, html: None };
    let empty = Envelope { content: empty, ..email("ana@example.org") };
    assert!(matches!(refusal(&empty), Outcome::Rejected { cause: Rejection::Content, .. }));
    for address in [Address::TelegramChat(7), Address::Email("añá@example.org".parse().unwrap())] {
        let wrong = Envelope { address, ..email("ana@example.org") };
        assert!(matches!(
            refusal(&wrong),
            Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }
        ));
    }
    let sender = Envelope { from: Some("ACME".to_owned()), ..email("ana@example.org") };
    assert_eq!(refusal(&sender).as_str(), "misconfigured");
}
