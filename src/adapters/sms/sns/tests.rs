use super::*;
use crate::adapters::envelopes;
use crate::model::{Address, Rejection, RenderedContent};
use crate::secret::Secret;

const SECRET: &str = "the-secret-access-key";

fn settings() -> SnsSettings {
    SnsSettings {
        region: "eu-west-1".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
        from: None,
        base_url: None,
    }
}

fn sns() -> Sns {
    Sns::new(&settings(), &Transport::default()).unwrap()
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpAnswer { status, body: body.into(), ..HttpAnswer::default() })
}

fn published(id: &str) -> String {
    format!(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\n  <PublishResult>\n    \
         <MessageId>{id}</MessageId>\n  </PublishResult>\n  <ResponseMetadata>\n    <RequestId>r</RequestId>\n  \
         </ResponseMetadata>\n</PublishResponse>"
    )
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\n  <Error>\n    <Type>Sender</Type>\n    \
         <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  <RequestId>r</RequestId>\n</ErrorResponse>"
    )
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (200, published("9b8a"), "sent"),
        // Nonsense in a success: it may have been taken.
        (200, published(""), "unknown"),
        (200, "<MessageId>9b8a</MessageId>".to_owned(), "unknown"),
        (200, "<PublishResult><MessageId>9b8a".to_owned(), "unknown"),
        (200, error("InternalError", ""), "unknown"),
        (200, String::new(), "unknown"),
        // A known code beats the status, an unknown one does not.
        (400, error("Throttling", "Rate exceeded"), "throttled"),
        (500, error("AuthorizationError", ""), "misconfigured"),
        (400, error("NewError", ""), "rejected"),
        (403, error("NewError", ""), "misconfigured"),
        (500, error("NewError", ""), "unavailable"),
        (400, "<Error>".to_owned(), "rejected"),
        (404, "no such page".to_owned(), "misconfigured"),
        (302, String::new(), "misconfigured"),
        (503, String::new(), "unavailable"),
        (504, String::new(), "unknown"),
    ] {
        assert_eq!(judge(status, &body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_code_and_no_number() {
    let text = "Invalid parameter: PhoneNumber Reason: +34600123456 is not valid to publish to";
    let outcome = judge(400, &error("InvalidParameter", text));
    let evidence = OutcomeEvidence {
        code: "InvalidParameter".to_owned(),
        text: "Invalid parameter: PhoneNumber Reason: *** is not valid to publish to".to_owned(),
    };
    assert_eq!(outcome, Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence });
}

#[test]
fn the_sender_is_a_number_or_an_id_and_the_class_goes_along() {
    let sender = |from: &str| {
        let settings = SnsSettings { from: Some(from.to_owned()), ..settings() };
        let sns = Sns::new(&settings, &Transport::default()).unwrap();
        let mut envelope = envelopes::to_phone(RenderedContent::Text("hello".to_owned()));
        envelope.class = Class::Commercial;
        let attributes = sns.attributes(&envelope);
        assert_eq!(attributes[0], ("AWS.SNS.SMS.SMSType", "Promotional"));
        attributes[1].0
    };
    assert_eq!(sender("+34910000000"), "AWS.MM.SMS.OriginationNumber");
    assert_eq!(sender("12345"), "AWS.MM.SMS.OriginationNumber");
    assert_eq!(sender("ACME-24"), "AWS.SNS.SMS.SenderID");
    let plain = envelopes::to_phone(RenderedContent::Text("hello".to_owned()));
    assert_eq!(sns().attributes(&plain), [("AWS.SNS.SMS.SMSType", "Transactional")]);
}

#[test]
fn what_an_sms_does_not_carry_is_refused_before_any_call() {
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = sns().request(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = sns().request(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    let error = |change: fn(&mut SnsSettings)| {
        let mut settings = settings();
        change(&mut settings);
        Sns::new(&settings, &Transport::default()).unwrap_err().to_string()
    };
    for from in ["", "+", "34910000000123", "Acme Shoes", "ACME-OF-SPAIN", "12", "Ácme"] {
        let settings = SnsSettings { from: Some(from.to_owned()), ..settings() };
        let error = Sns::new(&settings, &Transport::default()).unwrap_err().to_string();
        assert!(error.starts_with("from must be a phone number"), "{from}");
    }
    assert!(error(|settings| settings.region = "Ireland".to_owned()).starts_with("region must be"));
    let secret = |settings: &mut SnsSettings| settings.secret_access_key = Secret::new("");
    assert!(error(secret).starts_with("secret_access_key must be"));
    let base_url = |settings: &mut SnsSettings| settings.base_url = Some("sns".to_owned());
    assert!(error(base_url).starts_with("base_url must be a URL"));
}

#[test]
fn settings_are_read_from_configuration() {
    let text = format!(
        "region = \"eu-west-1\"\naccess_key_id = \"AKIAIOSFODNN7EXAMPLE\"\n\
         secret_access_key = {{ \"$secret\" = \"{SECRET}\" }}"
    );
    let settings: SnsSettings = toml::from_str(&text).unwrap();
    let sns = Sns::new(&settings, &Transport::default()).unwrap();
    assert_eq!(sns.endpoint.as_str(), "https://sns.eu-west-1.amazonaws.com/");
    assert!(toml::from_str::<SnsSettings>(&format!("{text}\nfrm = \"x\"")).is_err());
}

#[test]
fn the_secret_is_never_shown() {
    let sns = sns();
    let request = sns.request(&envelopes::to_phone(RenderedContent::Text("hello".to_owned()))).unwrap();
    let shown = format!("{sns:?} {request:?}");
    assert!(shown.contains("Secret(***)") && !shown.contains(SECRET), "{shown}");
}
