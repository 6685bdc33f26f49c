use super::*;
use crate::adapters::envelopes;
use crate::model::Address;
use crate::secret::Secret;

const SECRET: &str = "the-api-secret";

fn settings() -> VonageWhatsappSettings {
    VonageWhatsappSettings {
        api_key: "abcd1234".to_owned(),
        api_secret: Secret::new(SECRET),
        from: "+34910000000".to_owned(),
        base_url: "https://api.example.com".to_owned(),
        signature_secret: None,
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

fn problem(code: &str, title: &str) -> String {
    json!({
        "type": format!("https://developer.example.com/api-errors/messages#{code}"),
        "title": title,
        "detail": "in more words",
        "instance": "bf0ca0bf",
    })
    .to_string()
}

#[test]
fn an_answer_is_judged_by_its_title_then_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (202, r#"{"message_uuid":"aaaa"}"#.to_owned(), "sent"),
        (200, r#"{"message_uuid":"aaaa"}"#.to_owned(), "sent"),
        // Nonsense in a success: it may have been taken.
        (202, r#"{"message_uuid":""}"#.to_owned(), "unknown"),
        (202, "{}".to_owned(), "unknown"),
        (202, problem("1000", "Rate Limit Hit"), "unknown"),
        (202, "<html>ok</html>".to_owned(), "unknown"),
        (204, String::new(), "unknown"),
        // The code of a throttle with the title of an internal error.
        (500, problem("1000", "Internal error"), "unavailable"),
        (422, problem("1000", "new"), "throttled"),
        (422, problem("9999", "new"), "rejected"),
        (403, problem("forbidden", "new"), "misconfigured"),
        (402, r#"{"title":"new"}"#.to_owned(), "misconfigured"),
        (500, r#"{"message_uuid":"aaaa"}"#.to_owned(), "unknown"),
        (502, "bad gateway".to_owned(), "unknown"),
        (404, "no such page".to_owned(), "misconfigured"),
        (429, "slow down".to_owned(), "throttled"),
        (504, "upstream timed out".to_owned(), "unknown"),
    ] {
        assert_eq!(judge(status, &body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn what_went_out_before_is_sent() {
    assert_eq!(judge(422, &problem("1320", "Message already sent")), Outcome::sent(""));
}

#[test]
fn the_evidence_holds_the_code_and_no_number() {
    let body = problem("1300", "new").replace("in more words", "34600123456 is not on WhatsApp");
    assert_eq!(judge(422, &body).evidence().unwrap().to_string(), "1300 new *** is not on WhatsApp");
}

#[test]
fn a_reference_that_is_too_long_is_left_out() {
    let vonage = VonageWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let mut envelope = envelopes::to_phone(RenderedContent::Text("hello".to_owned()));
    envelope.brand = "a".repeat(61).parse().unwrap();
    assert!(vonage.message(&envelope).unwrap()["client_ref"].is_string());
    envelope.brand = "a".repeat(62).parse().unwrap();
    assert!(vonage.message(&envelope).unwrap()["client_ref"].is_null());
}

#[test]
fn what_whatsapp_does_not_carry_is_refused_before_any_call() {
    let vonage = VonageWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = vonage.request(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = vonage.request(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn a_user_id_is_named_whole() {
    let user = Address::whatsapp_user(&"shop".parse().unwrap(), "ES.13491208655302741918").unwrap();
    let vonage = VonageWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let message = vonage.message(&envelopes::to(user, RenderedContent::Text("Hi".to_owned()))).unwrap();
    assert_eq!(message["to"], "ES.13491208655302741918");
}
