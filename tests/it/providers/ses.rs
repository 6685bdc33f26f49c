//! Amazon SES.

use relevo::adapters::email::ses::{SesAdapter, SesSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::clock::Clock;
use relevo::model::{Address, Outcome, RenderedContent};
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::aws::{self, ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use super::{Answered, replay_answers, word};
use crate::peers::{WiremockStubs, aws as moto, prism};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> SesSettings {
    SesSettings {
        region: "eu-west-1".to_owned(),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET_ACCESS_KEY),
        session_token: None,
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        configuration_set: None,
        topic_arn: None,
        sns_certificate_hosts: Vec::new(),
        base_url: Some(base_url),
    }
}

fn full(base_url: String) -> SesSettings {
    SesSettings {
        session_token: Some(Secret::new("the-session-token")),
        reply_to: Some("Ñ <support@example.com>".to_owned()),
        configuration_set: Some("relevo".to_owned()),
        ..settings(base_url)
    }
}

fn ses(settings: &SesSettings) -> SesAdapter {
    SesAdapter::new(settings, &Transport::default()).unwrap()
}

fn html(text: &str) -> Envelope {
    let content = RenderedContent::Email {
        subject: "Tu pedido está aquí 🎉".to_owned(),
        text: Some(text.to_owned()),
        html: Some(format!("<p>{text}</p>")),
    };
    Envelope { content, ..envelopes::to_email("") }
}

#[tokio::test]
async fn amazons_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("ses_v2_botocore") else { return };
    for (settings, envelope) in
        [(settings(peer.url()), envelopes::to_email("Olá 👋")), (full(peer.url()), html("Olá 👋"))]
    {
        let outcome = ses(&settings).deliver(&envelope).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let right = json!({ "Data": "Hello" });
    for (subject, status) in [(right, 200), (json!("Hello"), 400)] {
        let body =
            json!({ "Content": { "Simple": { "Subject": subject, "Body": { "Text": { "Data": "Hi" } } } } });
        let request = client
            .post(format!("{}/v2/email/outbound-emails", peer.url()))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=x")
            .header("x-amz-date", "20261122T100000Z")
            .json(&body);
        assert_eq!(request.send().await.unwrap().status(), status, "{body}");
    }
}

#[tokio::test]
async fn the_request_holds_what_ses_needs_and_is_signed_as_botocore_signs_it() {
    let stubs = WiremockStubs::new("ses-request");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "MessageId": "0102" } })).await;
    let own_sender = Envelope { from: Some("Ñandú <n@acme.example>".to_owned()), ..html("1 < 2 & más") };
    for (settings, envelope) in
        [(settings(stubs.url()), envelopes::to_email("hello")), (full(stubs.url()), own_sender)]
    {
        let outcome = ses(&settings).deliver(&envelope).await;
        assert_eq!(outcome, Outcome::sent("0102"));
    }

    let requests = stubs.requests().await;
    let [plain, full] = requests.as_slice() else { panic!("{requests:?}") };
    let tag = format!("acme_{}_2", envelopes::to_email("").message_id);
    assert_eq!(plain["url"], "/ses-request/v2/email/outbound-emails");
    assert_eq!(
        body(plain),
        json!({
            "FromEmailAddress": "Shop <shop@example.com>",
            "Destination": { "ToAddresses": ["ana@example.org"] },
            "Content": { "Simple": {
                "Subject": { "Data": "Your order", "Charset": "UTF-8" },
                "Body": { "Text": { "Data": "hello", "Charset": "UTF-8" } },
            } },
            "EmailTags": [{ "Name": "relevo", "Value": tag }],
        })
    );
    let sent = body(full);
    assert_eq!(sent["FromEmailAddress"], "=?utf-8?b?w5FhbmTDug==?= <n@acme.example>");
    assert_eq!(sent["ReplyToAddresses"], json!(["=?utf-8?b?w5E=?= <support@example.com>"]));
    assert_eq!(sent["ConfigurationSetName"], "relevo");
    assert_eq!(sent["Content"]["Simple"]["Body"]["Html"]["Data"], "<p>1 < 2 & más</p>");
    aws::assert_signed_as_botocore_would(plain, &stubs.url(), "ses", None);
    aws::assert_signed_as_botocore_would(full, &stubs.url(), "ses", Some("the-session-token"));
}

fn body(request: &Value) -> Value {
    serde_json::from_str(request["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn moto_takes_an_email_of_whom_it_knows_and_of_no_other() {
    let peer = moto("ses");
    let key = aws::taken(&peer).await;
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let known = SesSettings {
        access_key_id: text("access_key_id"),
        secret_access_key: Secret::new(text("secret_access_key")),
        ..settings(peer.url())
    };
    let envelope = Envelope { now: Clock::system().unwrap().now(), ..html("Olá & até já 👋") };
    let outcome = ses(&known).deliver(&envelope).await;
    let Outcome::Sent { reference, .. } = outcome else { panic!("{outcome:?}") };

    let another = Secret::new("another-secret-access-key");
    for wrong in [
        SesSettings { secret_access_key: another, ..known.clone() },
        SesSettings { access_key_id: ACCESS_KEY_ID.to_owned(), ..known.clone() },
    ] {
        let outcome = ses(&wrong).deliver(&envelope).await;
        assert_eq!(outcome.as_str(), "misconfigured", "{outcome:?}");
    }

    let emails = aws::taken(&peer).await["emails"].clone();
    let [email] = emails.as_array().unwrap().as_slice() else { panic!("{emails}") };
    assert_eq!(email["id"], reference);
    assert_eq!(
        (&email["from"], &email["to"]),
        (&json!("Shop <shop@example.com>"), &json!(["ana@example.org"]))
    );
    assert_eq!(email["subject"], "Tu pedido está aquí 🎉");
}

#[tokio::test]
async fn every_documented_error_of_ses_has_its_outcome() {
    let stubs = WiremockStubs::new("ses-errors");
    let specific = ROWS.iter().map(|&(outcome, status, name, text)| answered(outcome, status, name, text));
    let common = aws::ROWS.iter().flat_map(|&(outcome, status, names)| {
        names.iter().map(move |&name| answered(outcome, status, name, "refused"))
    });
    let rows = specific.chain(common).collect();
    replay_answers(&stubs, &ses(&settings(stubs.url())), envelopes::to_email, rows).await;
}

fn answered(outcome: &'static str, status: u16, name: &str, text: &str) -> Answered {
    let answer = json!({
        "status": status,
        "headers": { "x-amzn-ErrorType": format!("{name}:http://internal.amazon.com/coral/") },
        "jsonBody": { "message": text },
    });
    (answer, outcome)
}

/// The outcome, the HTTP status, the name and the message.
const ROWS: &[(&str, u16, &str, &str)] = &[
    ("content", 400, "MessageRejected", "The message contains a virus."),
    (
        "misconfigured",
        400,
        "MessageRejected",
        "Email address is not verified. The following identities failed the check in region EU-WEST-1: shop@example.com",
    ),
    (
        "policy",
        400,
        "MessageRejected",
        "Email address is not verified. The following identities failed the check in region EU-WEST-1: ana@example.org",
    ),
    ("misconfigured", 400, "MessageRejected", "Email address is not verified."),
    ("doubtful address", 400, "BadRequestException", "Missing final '@domain'"),
    ("doubtful address", 400, "BadRequestException", "Missing domain"),
    ("doubtful address", 400, "BadRequestException", "Illegal address"),
    ("doubtful address", 400, "BadRequestException", "Domain contains illegal character"),
    ("doubtful address", 400, "BadRequestException", "Local address contains control or whitespace"),
    ("policy", 400, "BadRequestException", "The request is wrong."),
    ("misconfigured", 400, "MessageRejected", "Sending suspended for this account."),
    ("misconfigured", 400, "MessageRejected", "Sending paused for this account."),
    ("misconfigured", 400, "AccountSuspendedException", "suspended"),
    ("misconfigured", 400, "SendingPausedException", "paused"),
    ("misconfigured", 400, "MailFromDomainNotVerifiedException", "not verified"),
    ("misconfigured", 404, "NotFoundException", "Configuration set <relevo> does not exist."),
    ("unavailable", 409, "ConcurrentModificationException", "refused"),
    ("throttled", 400, "ThrottlingException", "Daily message quota exceeded."),
    ("throttled", 429, "TooManyRequestsException", "Maximum sending rate exceeded."),
];

#[tokio::test]
async fn an_address_that_is_none_of_an_emails_is_refused_before_any_call() {
    let stubs = WiremockStubs::new("ses-no-call");
    let envelope = Envelope { address: Address::telegram(42).unwrap(), ..envelopes::to_email("hello") };
    let outcome = ses(&settings(stubs.url())).deliver(&envelope).await;
    assert_eq!(word(&outcome), "doubtful address");
    assert!(stubs.requests().await.is_empty());
}
