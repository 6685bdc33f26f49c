use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::adapters::webhooks::WebhookError;

const ARN: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";
const CERTIFICATE: &[u8] = include_bytes!("certificate.pem");

/// Messages of both versions of the signature, with a subject and without, and a question. They were signed by Python's
/// `cryptography`; `amazons_validator_judges_the_messages_of_the_unit_tests_as_they_do` shows what Amazon makes of them.
fn signed(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("signed.json")).unwrap();
    all[name].clone()
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// A topic that has seen the certificate.
fn topic() -> SnsTopic {
    let topic = SnsTopic::new(ARN, &[], &Transport::default()).unwrap();
    let url = Url::parse(signed("subject2")["SigningCertURL"].as_str().unwrap()).unwrap();
    topic.certificates.insert(&url, SigningCertificate::read(CERTIFICATE).unwrap());
    topic
}

async fn open(topic: &SnsTopic, message: &Value, now: Timestamp) -> Result<Option<String>, WebhookError> {
    let (headers, body) = (HeaderMap::new(), message.to_string());
    topic
        .verify_notification(&WebhookRequest {
            url: "",
            query: "",
            headers: &headers,
            body: Some(body.as_bytes()),
            now,
        })
        .await
}

#[tokio::test]
async fn what_is_signed_is_opened() {
    for name in ["notification1", "subject2"] {
        assert_eq!(open(&topic(), &signed(name), now()).await, Ok(Some("Hello\nñ".to_owned())), "{name}");
    }
    let question = serde_json::from_value(signed("confirm2")).unwrap();
    assert_eq!(topic().verify(&question, now()).await, Ok(()));
}

#[tokio::test]
async fn whatever_is_changed_breaks_the_signature() {
    for name in ["notification1", "subject2", "confirm2"] {
        let fields = signed(name);
        for field in fields.as_object().unwrap().keys() {
            let mut message = signed(name);
            message[field] = json!(format!("x{}", message[field].as_str().unwrap()));
            let answer = open(&topic(), &message, now()).await;
            assert!(matches!(answer, Err(WebhookError::Unauthenticated(_))), "{name} {field}: {answer:?}");
        }
    }
    let mut swapped = signed("notification1");
    swapped["Subject"] = json!("Hi");
    assert!(open(&topic(), &swapped, now()).await.is_err());
    swapped = signed("notification1");
    swapped["SignatureVersion"] = json!("2");
    assert!(open(&topic(), &swapped, now()).await.is_err());
    for nonsense in [json!(null), json!([]), json!({}), json!("hello")] {
        assert!(
            matches!(open(&topic(), &nonsense, now()).await, Err(WebhookError::Unauthenticated(_))),
            "{nonsense}"
        );
    }
}

#[tokio::test]
async fn another_topic_is_not_heard_nor_is_an_old_message() {
    let other =
        SnsTopic::new("arn:aws:sns:eu-west-1:123456789012:other", &[], &Transport::default()).unwrap();
    let answer = open(&other, &signed("subject2"), now()).await;
    assert_eq!(answer, Err(WebhookError::Unauthenticated("its topic is not topic_arn")));
    for (time, holds) in [
        ("2026-11-22T11:04:59Z", true),
        ("2026-11-22T11:05:00Z", false),
        ("2026-11-22T09:55:00Z", true),
        ("2026-11-22T09:54:59Z", false),
    ] {
        let answer = open(&topic(), &signed("subject2"), time.parse().unwrap()).await;
        assert_eq!(answer.is_ok(), holds, "{time}");
    }
}

#[test]
fn a_certificate_counts_while_it_is_valid() {
    let signer = SigningCertificate::read(CERTIFICATE).unwrap();
    for (time, valid) in [
        ("2026-10-31T23:59:59Z", false),
        ("2026-11-01T00:00:00Z", true),
        ("2027-11-01T00:00:00Z", true),
        ("2027-11-01T00:00:01Z", false),
    ] {
        assert_eq!(signer.is_valid(time.parse().unwrap()), valid, "{time}");
    }
    assert!(
        SigningCertificate::read(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_none()
    );
}

#[test]
fn only_amazons_host_in_the_topics_region_is_trusted_and_those_of_the_settings() {
    let hosts = CertificateHosts { own: host_of(ARN).unwrap(), more: vec!["127.0.0.1:4566".to_owned()] };
    for url in ["https://sns.eu-west-1.amazonaws.com/a.pem", "http://127.0.0.1:4566/a.pem"] {
        assert!(hosts.trusted(url).is_some(), "{url}");
    }
    for url in [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.example.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@example.com/a.pem",
        "https://a@sns.eu-west-1.amazonaws.com/a.pem",
        "http://127.0.0.1/a.pem",
        "ftp://127.0.0.1:4566/a.pem",
        "file:///a.pem",
        "a.pem",
    ] {
        assert!(hosts.trusted(url).is_none(), "{url}");
    }
    assert_eq!(
        host_of("arn:aws-cn:sns:cn-north-1:123456789012:a").unwrap(),
        "sns.cn-north-1.amazonaws.com.cn"
    );
}

#[test]
fn a_topic_has_an_arn() {
    for wrong in ["", "topic", "arn:aws:sqs:eu-west-1:1:a", "arn:aws:sns::1:a", "arn:aws:sns:e.x/y-z:1:a"] {
        let error = SnsTopic::new(wrong, &[], &Transport::default()).err().unwrap().to_string();
        assert!(error.starts_with("topic_arn must be a topic's ARN"), "{wrong}");
    }
}

#[tokio::test]
async fn without_the_certificate_nothing_is_proven() {
    // Nothing listens on this port of this machine.
    let topic = SnsTopic::new(ARN, &["127.0.0.1:1".to_owned()], &Transport::default()).unwrap();
    let mut message = signed("subject2");
    message["SigningCertURL"] = json!("http://127.0.0.1:1/SimpleNotificationService-0001.pem");
    assert!(matches!(open(&topic, &message, now()).await, Err(WebhookError::Unverifiable(_))));
    // Longer than a URI may be in a request.
    message["SigningCertURL"] = json!(format!("http://127.0.0.1:1/{}.pem", "x".repeat(70_000)));
    assert!(matches!(open(&topic, &message, now()).await, Err(WebhookError::Unverifiable(_))));
    message["SigningCertURL"] = json!("http://127.0.0.1:1/SimpleNotificationService-0001.txt");
    assert!(
        matches!(open(&topic, &message, now()).await, Err(WebhookError::Unauthenticated(_))),
        "no certificate is there"
    );
}

#[test]
fn the_certificates_last_seen_are_kept() {
    let certificates = CertificateCache::default();
    let url = |number: usize| Url::parse(&format!("https://example.com/{number}.pem")).unwrap();
    for number in 0..=CertificateCache::MAX {
        certificates.insert(&url(number), SigningCertificate::read(CERTIFICATE).unwrap());
    }
    assert!(certificates.get(&url(0)).is_none());
    assert!((1..=CertificateCache::MAX).all(|number| certificates.get(&url(number)).is_some()));
}
