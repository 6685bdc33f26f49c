//! SMS by Amazon SNS.

use relevo::adapters::sms::sns::{SnsAdapter, SnsSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::clock::Clock;
use relevo::model::{MessageClass, Outcome};
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::aws::{self, ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use super::{Answered, replay_answers};
use crate::peers::{WiremockStubs, aws as moto};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> SnsSettings {
    SnsSettings {
        region: "eu-west-1".to_owned(),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET_ACCESS_KEY),
        session_token: None,
        from: Some("ACME".to_owned()),
        base_url: Some(base_url),
    }
}

fn sns(settings: &SnsSettings) -> SnsAdapter {
    SnsAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn the_request_holds_what_sns_needs_and_is_signed_as_botocore_signs_it() {
    let stubs = WiremockStubs::new("sns-request");
    stubs.answer(json!({}), json!({ "status": 200, "body": published("9b8a") })).await;
    let outcome = sns(&settings(stubs.url())).deliver(&envelopes::to_phone("1 + 1 = 2 & más 👋")).await;
    assert_eq!(outcome, Outcome::sent("9b8a"));
    let own_number = Envelope {
        from: Some("+34910000000".to_owned()),
        class: MessageClass::Commercial,
        ..envelopes::to_phone("hello")
    };
    let with_session =
        SnsSettings { session_token: Some(Secret::new("the-session-token")), ..settings(stubs.url()) };
    sns(&with_session).deliver(&own_number).await;

    let requests = stubs.requests().await;
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first["url"], "/sns-request/");
    assert_eq!(first["headers"]["Content-Type"], "application/x-www-form-urlencoded");
    let attribute = |index: u32, name: &str, value: &str| {
        let entry = format!("MessageAttributes.entry.{index}");
        [
            (format!("{entry}.Name"), name.to_owned()),
            (format!("{entry}.Value.DataType"), "String".to_owned()),
            (format!("{entry}.Value.StringValue"), value.to_owned()),
        ]
    };
    let message = |text: &str| {
        [("Action", "Publish"), ("Version", "2010-03-31"), ("PhoneNumber", "+34600123456"), ("Message", text)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    };
    assert_eq!(
        form(first),
        [
            message("1 + 1 = 2 & más 👋"),
            attribute(1, "AWS.SNS.SMS.SMSType", "Transactional").to_vec(),
            attribute(2, "AWS.SNS.SMS.SenderID", "ACME").to_vec(),
        ]
        .concat()
    );
    assert_eq!(
        form(second),
        [
            message("hello"),
            attribute(1, "AWS.SNS.SMS.SMSType", "Promotional").to_vec(),
            attribute(2, "AWS.MM.SMS.OriginationNumber", "+34910000000").to_vec(),
        ]
        .concat()
    );
    aws::assert_signed_as_botocore_would(first, &stubs.url(), "sns", None);
    aws::assert_signed_as_botocore_would(second, &stubs.url(), "sns", Some("the-session-token"));
}

fn form(request: &Value) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request["body"].as_str().unwrap().as_bytes()).into_owned().collect()
}

fn published(id: &str) -> String {
    format!(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>{id}</MessageId>\
         </PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"
    )
}

#[tokio::test]
async fn moto_takes_an_sms_of_whom_it_knows_and_of_no_other() {
    let peer = moto("sns");
    let key = aws::taken(&peer).await;
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let known = SnsSettings {
        access_key_id: text("access_key_id"),
        secret_access_key: Secret::new(text("secret_access_key")),
        ..settings(peer.url())
    };
    let envelope =
        Envelope { now: Clock::system().unwrap().now(), ..envelopes::to_phone("1 + 1 = 2 & más 👋") };
    let outcome = sns(&known).deliver(&envelope).await;
    assert!(matches!(&outcome, Outcome::Sent { reference, .. } if !reference.is_empty()), "{outcome:?}");

    let another = Secret::new("another-secret-access-key");
    for (wrong, code) in [
        (SnsSettings { secret_access_key: another, ..known.clone() }, "SignatureDoesNotMatch"),
        (SnsSettings { access_key_id: ACCESS_KEY_ID.to_owned(), ..known.clone() }, "InvalidClientTokenId"),
    ] {
        let outcome = sns(&wrong).deliver(&envelope).await;
        let Outcome::Misconfigured { evidence } = outcome else { panic!("{outcome:?}") };
        assert_eq!(evidence.code, code);
    }
    assert_eq!(aws::taken(&peer).await["sms"], json!([["+34600123456", "1 + 1 = 2 & más 👋"]]));
}

#[tokio::test]
async fn every_documented_error_of_sns_has_its_outcome() {
    let stubs = WiremockStubs::new("sns-errors");
    let specific = ROWS.iter().map(|&(outcome, status, code, text)| answered(outcome, status, code, text));
    let common = aws::ROWS.iter().flat_map(|&(outcome, status, codes)| {
        codes.iter().map(move |&code| answered(outcome, status, code, "refused"))
    });
    let rows = specific.chain(common).collect();
    replay_answers(&stubs, &sns(&settings(stubs.url())), envelopes::to_phone, rows).await;
}

fn answered(outcome: &'static str, status: u16, code: &str, text: &str) -> Answered {
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{text}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    (json!({ "status": status, "body": body }), outcome)
}

/// The outcome, the HTTP status, the code and the message.
const ROWS: &[(&str, u16, &str, &str)] = &[
    (
        "doubtful address",
        400,
        "InvalidParameter",
        "Invalid parameter: PhoneNumber Reason: +34600123456 is not valid to publish to",
    ),
    ("doubtful address", 400, "ParameterValueInvalid", "Invalid parameter: PhoneNumber"),
    ("misconfigured", 400, "InvalidParameter", "Invalid parameter: AWS.SNS.SMS.SenderID is not valid"),
    ("misconfigured", 400, "ParameterValueInvalid", "Invalid parameter: AWS.MM.SMS.OriginationNumber"),
    ("content", 400, "InvalidParameter", "Invalid parameter: Message too long"),
    ("content", 400, "ParameterValueInvalid", "Invalid parameter: Message"),
    ("policy", 400, "InvalidParameter", "Invalid parameter: MessageAttributes Reason: too many"),
    ("policy", 400, "InvalidParameter", "Invalid parameter: Subject"),
    ("policy", 400, "ValidationError", "refused"),
    ("policy", 400, "ValidationException", "refused"),
    ("opted out", 400, "OptedOut", "refused"),
    ("misconfigured", 403, "AuthorizationError", "not authorized to perform: SNS:Publish"),
    ("misconfigured", 403, "InvalidSecurity", "refused"),
];
