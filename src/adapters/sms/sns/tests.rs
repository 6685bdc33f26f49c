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

fn sns() -> SnsAdapter {
    SnsAdapter::new(&settings(), &Transport::default()).unwrap()
}

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
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
        (500, error("NewError", ""), "unknown"),
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
        let sns = SnsAdapter::new(&settings, &Transport::default()).unwrap();
        let mut envelope = envelopes::to_phone(RenderedContent::Text("hello".to_owned()));
        envelope.class = MessageClass::Commercial;
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
