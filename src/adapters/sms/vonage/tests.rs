use super::*;
use crate::adapters::envelopes;
use crate::model::{Address, Rejection, RenderedContent};
use crate::secret::Secret;

const SECRET: &str = "the-api-secret";

fn settings() -> VonageSmsSettings {
    VonageSmsSettings {
        api_key: "abcd1234".to_owned(),
        api_secret: Secret::new(SECRET),
        from: "ACME".to_owned(),
        base_url: "https://rest.example.com".to_owned(),
        signature_secret: None,
        signature_method: VonageSignatureMethod::default(),
    }
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

#[test]
fn an_answer_is_judged_by_its_messages_then_by_its_status() {
    for (status, body, word) in [
        (
            200,
            r#"{"message-count":"1","messages":[{"to":"34600123456","message-id":"0A","status":"0"}]}"#,
            "sent",
        ),
        // HTTP says success, the message was refused.
        (200, r#"{"messages":[{"status":"2","error-text":"Missing to param"}]}"#, "rejected"),
        (200, r#"{"messages":[{"status":"1","error-text":"Throughput Rate Exceeded"}]}"#, "throttled"),
        (200, r#"{"messages":[{"status":"4","error-text":"Bad Credentials"}]}"#, "misconfigured"),
        (200, r#"{"messages":[{"status":"5"}]}"#, "unavailable"),
        (200, r#"{"messages":[{"status":"999","error-text":"new"}]}"#, "rejected"),
        (401, r#"{"messages":[{"status":"4"}]}"#, "misconfigured"),
        // Nonsense in a success: it may have been taken.
        (200, r#"{"messages":[{"status":"0","message-id":""}]}"#, "unknown"),
        (200, r#"{"messages":[{"status":"0"}]}"#, "unknown"),
        (200, r#"{"messages":[{"status":"ok","message-id":"0A"}]}"#, "unknown"),
        (200, r#"{"messages":[{"message-id":"0A"}]}"#, "unknown"),
        (200, r#"{"messages":[]}"#, "unknown"),
        (200, "{}", "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // What is no success is none, whatever its messages say.
        (500, r#"{"messages":[{"status":"0","message-id":"0A"}]}"#, "unknown"),
        (404, "no such page", "misconfigured"),
        (429, "slow down", "throttled"),
        (504, "upstream timed out", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn a_long_text_is_sent_when_all_of_its_parts_are() {
    let parts = |second: &str| {
        judge(200, &format!(r#"{{"messages":[{{"status":"0","message-id":"0A"}},{second}]}}"#))
    };
    assert_eq!(parts(r#"{"status":"0","message-id":"0B"}"#), Outcome::sent("0A"));
    let half = parts(r#"{"status":"9","error-text":"Quota Exceeded"}"#);
    assert_eq!(half.as_str(), "unknown");
    assert_eq!(half.evidence().unwrap().to_string(), "9 Quota Exceeded");
}

#[test]
fn the_evidence_holds_the_status_and_no_number() {
    let outcome = judge(200, r#"{"messages":[{"status":"33","error-text":"34600123456 is deactivated"}]}"#);
    let evidence = OutcomeEvidence { code: "33".to_owned(), text: "*** is deactivated".to_owned() };
    assert_eq!(outcome, Outcome::Rejected { cause: Rejection::Address { certain: true }, evidence });
}

fn form(envelope: &Envelope) -> Vec<(String, String)> {
    let vonage = VonageSmsAdapter::new(&settings(), &Transport::default()).unwrap();
    let request = vonage.request(envelope).unwrap().build().unwrap();
    let body = request.body().unwrap().as_bytes().unwrap();
    url::form_urlencoded::parse(body).into_owned().collect()
}

#[test]
fn a_text_beyond_the_networks_alphabet_goes_out_as_unicode() {
    for (text, kind) in [("1 < 2 € ñ", "text"), ("até", "text"), ("olá", "unicode"), ("👋", "unicode")]
    {
        let form = form(&envelopes::to_phone(RenderedContent::Text(text.to_owned())));
        assert!(form.contains(&("type".to_owned(), kind.to_owned())), "{text}: {form:?}");
    }
}

#[test]
fn a_reference_that_is_too_long_is_left_out() {
    let mut envelope = envelopes::to_phone(RenderedContent::Text("hello".to_owned()));
    let has_reference = |envelope: &Envelope| form(envelope).iter().any(|(key, _)| key == "client-ref");
    envelope.brand = "a".repeat(61).parse().unwrap();
    assert!(has_reference(&envelope));
    envelope.brand = "a".repeat(62).parse().unwrap();
    assert!(!has_reference(&envelope));
}

#[test]
fn what_an_sms_does_not_carry_is_refused_before_any_call() {
    let vonage = VonageSmsAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = vonage.request(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = vonage.request(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}
