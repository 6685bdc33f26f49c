//! SendGrid's Event Webhook (twilio.com/docs/sendgrid, "Event Webhook Reference"), and how it is signed ("Getting Started
//! with the Event Webhook Security Features").

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::adapters::email::events::{
    DELIVERED, EmailEvent, EmailEventMeaning, FAILED, READ, address, parse, required,
};
use crate::adapters::webhooks::{
    ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest, is_recent, read_each,
};
use crate::model::Objection::{BadAddress, CommercialOptedOut, Complaint, OptedOut};
use crate::model::{OutcomeEvidence, Timestamp};

/// SendGrid calls again for 24 hours, and nothing says whether it signs anew for that. What a narrower window would refuse
/// is lost; what comes twice within this one changes nothing.
const WINDOW: SignedDuration = SignedDuration::from_hours(25);

/// Takes the events of an account.
#[derive(Debug)]
pub(super) struct SendgridWebhooks {
    /// The point on the curve P-256 that is the account's public key.
    key: Vec<u8>,
}

impl SendgridWebhooks {
    /// Reads a public key: base64 of a SubjectPublicKeyInfo (RFC 5480) for P-256, as SendGrid shows it.
    pub(super) fn new(public_key: &str) -> Option<Self> {
        const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        let der = BASE64_STANDARD.decode(public_key).ok()?;
        let info = SubjectPublicKeyInfoRef::from_der(&der).ok()?;
        info.algorithm.assert_oids(EC_PUBLIC_KEY, P256).ok()?;
        Some(Self { key: info.subject_public_key.as_bytes()?.to_vec() })
    }

    /// The signature is over the timestamp, as its header spells it, and the body.
    fn check<'a>(&self, request: &WebhookRequest<'a>) -> Result<&'a [u8], WebhookError> {
        let header = |name| request.header(&format!("X-Twilio-Email-Event-Webhook-{name}"));
        let (Some(signature), Some(time), Some(body)) =
            (header("Signature"), header("Timestamp"), request.body)
        else {
            return Err(WebhookError::Unauthenticated("it lacks the headers of a signature, or a body"));
        };
        let signed = [time.as_bytes(), body].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key);
        let is_right = |signature: Vec<u8>| key.verify(&signed, &signature).is_ok();
        if !BASE64_STANDARD.decode(signature).is_ok_and(is_right) {
            return Err(WebhookError::Unauthenticated("its signature is not by this account's key"));
        }
        let time = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        if time.is_some_and(|time| is_recent(time, request.now, WINDOW)) {
            Ok(body)
        } else {
            Err(WebhookError::Unauthenticated("it was not signed within the last day"))
        }
    }
}

#[async_trait]
impl WebhookHandler for SendgridWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let payload: Vec<Value> = parse(self.check(request)?, "events of SendGrid's")?;
        read_each(payload, read).map(WebhookPayload::Events)
    }
}

/// What one event says; nothing when that is nothing new.
fn read(payload: Value) -> Result<Vec<ProviderEvent>, WebhookError> {
    let malformed = |error| WebhookError::Malformed(format!("not an event of SendGrid's: {error}"));
    let payload: SendgridPayload = serde_json::from_value(payload).map_err(malformed)?;
    let Some(meaning) = meaning(&payload) else { return Ok(Vec::new()) };
    Ok(event(payload)?.provider_event(meaning).into_iter().collect())
}

/// The parts we read of an event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SendgridPayload {
    event: String,
    email: String,
    /// Seconds since the Unix epoch.
    timestamp: Option<i64>,
    sg_event_id: Option<String>,
    sg_message_id: String,
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    status: String,
    sg_machine_open: bool,
    /// The custom argument that went out with the email.
    relevo: String,
}

/// The table of events in the reference. `processed`, `deferred` and `click` say nothing of what became of the email. A
/// `group_resubscribe` takes back the opt-out of one group, and is no opt-in.
fn meaning(payload: &SendgridPayload) -> Option<EmailEventMeaning> {
    Some(match payload.event.as_str() {
        "delivered" => DELIVERED,
        // `blocked` is about this email, or this moment: SendGrid itself goes on sending to the address.
        "bounce" if payload.kind == "bounce" => FAILED.with_objection(BadAddress),
        "bounce" => FAILED,
        // SendGrid did not send it; `reason` says why in fixed words.
        "dropped" => match payload.reason.as_str() {
            "Bounced Address" | "Invalid" => FAILED.with_objection(BadAddress),
            "Spam Reporting Address" => FAILED.with_objection(Complaint),
            "Unsubscribed Address" => FAILED.with_objection(OptedOut),
            _ => FAILED,
        },
        // A program of the recipient's mail service opened it.
        "open" if payload.sg_machine_open => return None,
        "open" => READ,
        "spamreport" => DELIVERED.with_objection(Complaint),
        // From everything of this account; SendGrid sends nothing to the address any more.
        "unsubscribe" => DELIVERED.with_objection(OptedOut),
        // From one group of mailings.
        "group_unsubscribe" => DELIVERED.with_objection(CommercialOptedOut),
        _ => return None,
    })
}

fn event(payload: SendgridPayload) -> Result<EmailEvent, WebhookError> {
    let code = if payload.status.is_empty() { &payload.kind } else { &payload.status };
    let evidence = OutcomeEvidence::new(code, &payload.reason);
    let at = payload.timestamp.and_then(|seconds| Timestamp::from_second(seconds).ok());
    // The id that was given with the acceptance, and after a dot what SendGrid's servers made of it.
    let reference = payload.sg_message_id.split('.').next().unwrap_or_default().to_owned();
    Ok(EmailEvent {
        id: payload.sg_event_id,
        reference,
        echo: payload.relevo.parse().ok(),
        address: address(&payload.email),
        at: required("timestamp", at)?,
        evidence,
    })
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::*;
    use crate::adapters::email::events::tests::{NOW, delivery_report, echo, handle, summary};

    /// Before the point in a SubjectPublicKeyInfo for P-256.
    const PREFIX: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];

    struct SendgridPublicKey(EcdsaKeyPair);

    impl SendgridPublicKey {
        fn new() -> Self {
            let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
        }

        fn handler(&self) -> SendgridWebhooks {
            let info = [&PREFIX, self.0.public_key().as_ref()].concat();
            SendgridWebhooks::new(&BASE64_STANDARD.encode(info)).unwrap()
        }

        fn sign(&self, time: &str, body: &str) -> String {
            let signed = format!("{time}{body}");
            BASE64_STANDARD.encode(self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap())
        }
    }

    async fn call(
        handler: &SendgridWebhooks,
        signature: &str,
        time: &str,
        body: &str,
    ) -> Result<WebhookPayload, WebhookError> {
        let headers = [
            ("X-Twilio-Email-Event-Webhook-Signature", signature),
            ("X-Twilio-Email-Event-Webhook-Timestamp", time),
        ];
        handle(handler, &headers, body).await
    }

    async fn signed(body: &str) -> Result<WebhookPayload, WebhookError> {
        let (signer, time) = (SendgridPublicKey::new(), NOW.to_string());
        call(&signer.handler(), &signer.sign(&time, body), &time, body).await
    }

    fn body(event: &str, more: Value) -> String {
        let mut event = json!({
            "event": event, "email": "ana@example.org", "timestamp": NOW, "sg_event_id": "ev1",
            "sg_message_id": "14c5d75ce93.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0", "relevo": echo().to_string(),
            "category": ["cat facts"], "attempt": "5", "tls": 1,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([event]).to_string()
    }

    #[tokio::test]
    async fn every_event_has_its_meaning() {
        for (event, more, expected) in [
            ("processed", json!({}), "-"),
            ("deferred", json!({ "response": "400 try again later" }), "-"),
            ("delivered", json!({ "response": "250 OK" }), "delivered"),
            ("bounce", json!({ "type": "bounce", "status": "5.1.1" }), "failed bad_address"),
            ("bounce", json!({ "type": "blocked" }), "failed"),
            ("dropped", json!({ "reason": "Bounced Address" }), "failed bad_address"),
            ("dropped", json!({ "reason": "Invalid" }), "failed bad_address"),
            ("dropped", json!({ "reason": "Spam Reporting Address" }), "failed complaint"),
            ("dropped", json!({ "reason": "Unsubscribed Address" }), "failed opted_out"),
            ("dropped", json!({ "reason": "Spam Content" }), "failed"),
            ("open", json!({}), "read"),
            ("open", json!({ "sg_machine_open": true }), "-"),
            ("click", json!({ "url": "https://example.com" }), "-"),
            ("spamreport", json!({}), "delivered complaint"),
            ("unsubscribe", json!({}), "delivered opted_out"),
            ("group_unsubscribe", json!({ "asm_group_id": 10 }), "delivered commercial_opted_out"),
            ("group_resubscribe", json!({ "asm_group_id": 10 }), "-"),
            ("a_word_of_tomorrow", json!({}), "-"),
        ] {
            assert_eq!(summary(&signed(&body(event, more.clone())).await), expected, "{event} {more}");
        }
        assert_eq!(summary(&signed(r#"[{"event":"account_status_change","type":"x"}]"#).await), "-");
    }

    #[tokio::test]
    async fn what_cannot_be_read_keeps_nothing_else_back() {
        let good = body("bounce", json!({ "type": "bounce", "status": "5.1.1" }));
        let both = format!(r#"[{{"event":"bounce","reason":null}},{}"#, good.strip_prefix('[').unwrap());
        let Ok(WebhookPayload::Events(events)) = signed(&both).await else { panic!() };
        let [ProviderEvent::Receipt(_), ProviderEvent::Unreadable { count: 1, .. }] = events.as_slice()
        else {
            panic!("{events:?}");
        };
    }

    #[tokio::test]
    async fn the_email_is_known_by_the_beginning_of_its_id_and_by_the_echo() {
        let bounce = json!({ "type": "bounce", "status": "5.1.1", "reason": "550 unknown user a@b.example" });
        let report = delivery_report(signed(&body("bounce", bounce)).await);
        assert_eq!((report.reference.as_str(), report.echo), ("14c5d75ce93", Some(echo())));
        assert_eq!(report.address, address("ana@example.org"));
        assert_eq!(
            (report.evidence.code.as_str(), report.evidence.text.as_str()),
            ("5.1.1", "550 unknown user ***")
        );
        let alone = json!({ "sg_message_id": "", "relevo": "" });
        assert_eq!(summary(&signed(&body("unsubscribe", alone.clone())).await), "Objected(OptedOut)");
        assert_eq!(summary(&signed(&body("delivered", alone)).await), "-");
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let (signer, body, time) = (SendgridPublicKey::new(), body("delivered", json!({})), NOW.to_string());
        let right = signer.sign(&time, &body);
        assert!(call(&signer.handler(), &right, &time, &body).await.is_ok());
        let (other_time, other_body) = ((NOW + 1).to_string(), body.replace("ana", "eve"));
        for (handler, signature, time, body) in [
            (signer.handler(), right.as_str(), time.as_str(), other_body.as_str()),
            (signer.handler(), &right, &other_time, &body),
            (SendgridPublicKey::new().handler(), &right, &time, &body),
            (signer.handler(), "", &time, &body),
            (signer.handler(), "not base64", &time, &body),
        ] {
            let answer = call(&handler, signature, time, body).await;
            assert!(matches!(answer, Err(WebhookError::Unauthenticated(_))), "{signature} {time} {body}");
        }
        assert!(matches!(handle(&signer.handler(), &[], &body).await, Err(WebhookError::Unauthenticated(_))));
    }

    #[tokio::test]
    async fn a_signature_holds_for_as_long_as_sendgrid_may_call_again() {
        let (signer, body) = (SendgridPublicKey::new(), body("delivered", json!({})));
        for (time, holds) in
            [(NOW - 90_000, true), (NOW - 90_001, false), (NOW + 300, true), (NOW + 301, false)]
        {
            let time = time.to_string();
            let handled = call(&signer.handler(), &signer.sign(&time, &body), &time, &body).await;
            assert_eq!(handled.is_ok(), holds, "{time}");
        }
    }

    #[tokio::test]
    async fn what_is_signed_and_cannot_be_read_is_told_apart() {
        for wrong in ["", "{}", "[1]", r#"[{"event":"delivered"}]"#, r#"[{"event":1}]"#] {
            assert!(matches!(signed(wrong).await, Err(WebhookError::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_one_for_this_curve() {
        let right = [&PREFIX[..], &[4; 65]].concat();
        assert!(SendgridWebhooks::new(&BASE64_STANDARD.encode(&right)).is_some());
        let other_curve = {
            let mut key = right.clone();
            key[22] = 0x22;
            key
        };
        for wrong in [&right[..90], &right[26..], &other_curve] {
            assert!(SendgridWebhooks::new(&BASE64_STANDARD.encode(wrong)).is_none());
        }
        assert!(SendgridWebhooks::new("a key").is_none());
    }
}
