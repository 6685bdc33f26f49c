//! Signs a call as its provider does, so that what is behind the signature is reached.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use relevo::model::AttemptRef;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{digest, hmac};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::api;
use super::providers::{Provider, SECRET, SNS_HOST, STANDARD_SECRET, TOPIC_ARN, USER};

/// By what messages of SNS are signed here: a certificate in PEM, and its private key in PKCS #8.
const SNS_CERTIFICATE: &[u8] = include_bytes!("sns/certificate.pem");
const SNS_KEY: &[u8] = include_bytes!("sns/key.der");

/// The query of the URL of a call with this body: with JSON, Twilio has the digest of the body there.
pub fn query(provider: &Provider, body: &[u8]) -> String {
    let is_json = body.trim_ascii_start().starts_with(b"[") || body.trim_ascii_start().starts_with(b"{");
    let is_twilio = matches!(provider.kind.as_str(), "twilio" | "whatsapp_twilio");
    if !(is_twilio && is_json) {
        return String::new();
    }
    format!("bodySHA256={}", HEXLOWER.encode(digest::digest(&digest::SHA256, body).as_ref()))
}

/// The headers and the body that make a call with this body one to be believed; `None` where the signature belongs within the
/// body, and this one has no place for it.
pub fn call(provider: &Provider, url: &str, body: &[u8]) -> Option<(HeaderMap, Vec<u8>)> {
    let mut body = body.to_vec();
    let headers = match provider.kind.as_str() {
        "twilio" | "whatsapp_twilio" => vec![("x-twilio-signature", twilio(url, &body))],
        "whatsapp_cloud" => vec![("x-hub-signature-256", format!("sha256={}", mac_hex(&[&body])))],
        "vonage" => {
            body = vonage(&body)?;
            vec![]
        }
        "mailgun" => {
            body = mailgun(&body)?;
            vec![]
        }
        "whatsapp_vonage" => vec![("authorization", format!("Bearer {}", token(&body)))],
        "infobip" | "whatsapp_infobip" | "postmark" => {
            vec![("authorization", format!("Basic {}", STANDARD.encode(format!("{USER}:{SECRET}"))))]
        }
        "brevo" => vec![("authorization", format!("Bearer {SECRET}"))],
        "telegram" => vec![("x-telegram-bot-api-secret-token", SECRET.to_owned())],
        "sinch" => sinch(&body),
        "webhook" => standard(["webhook-id", "webhook-timestamp", "webhook-signature"], &body),
        "resend" => standard(["svix-id", "svix-timestamp", "svix-signature"], &body),
        "sendgrid" => sendgrid(&body),
        "ses" => {
            body = sns(&String::from_utf8_lossy(&body), SNS_CERTIFICATE);
            vec![]
        }
        other => panic!("nobody knows how {other} signs: add it here"),
    };
    let header = |(name, value): (&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("it is ASCII"))
    };
    Some((headers.into_iter().map(header).collect(), body))
}

/// A message of SNS that says this. Its signature is right, if only it names the right certificate.
pub fn sns(message: &str, certificate: &[u8]) -> Vec<u8> {
    let timestamp = super::now().to_string();
    let fields = [
        ("Message", message),
        ("MessageId", "1"),
        ("Timestamp", &timestamp),
        ("TopicArn", TOPIC_ARN),
        ("Type", "Notification"),
    ];
    let signed: String = fields.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect();
    let key = RsaKeyPair::from_pkcs8(SNS_KEY).expect("it is a key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("there is randomness");
    let mut message: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    message.insert("SignatureVersion".to_owned(), json!("2"));
    message.insert("Signature".to_owned(), json!(STANDARD.encode(signature)));
    message.insert("SigningCertURL".to_owned(), json!(api::certificate_url(SNS_HOST, certificate)));
    Value::Object(message).to_string().into_bytes()
}

/// The public key by which SendGrid's calls are known: a SubjectPublicKeyInfo (RFC 5480) in base64.
pub fn sendgrid_public_key() -> String {
    const ALGORITHM: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    STANDARD.encode([ALGORITHM, sendgrid_key().public_key().as_ref()].concat())
}

/// The token in the envelope sender of an attempt.
pub fn bounce_token(echo: &AttemptRef) -> String {
    let signature = mac(&[echo.to_string().as_bytes()]);
    let token =
        [&echo.message.as_bytes()[..], &echo.attempt.to_be_bytes(), &signature.as_ref()[..10]].concat();
    BASE32_NOPAD.encode(&token).to_ascii_lowercase()
}

fn mac(parts: &[&[u8]]) -> hmac::Tag {
    mac_by(SECRET.as_bytes(), parts)
}

fn mac_by(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat())
}

fn mac_hex(parts: &[&[u8]]) -> String {
    HEXLOWER.encode(mac(parts).as_ref())
}

/// When it is signed.
fn seconds() -> i64 {
    super::now().as_second()
}

fn twilio(url: &str, body: &[u8]) -> String {
    let form = if url.contains('?') { &[] } else { body };
    let mut parameters: Vec<_> = form_urlencoded::parse(form).collect();
    parameters.sort();
    let joined: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{joined}").as_bytes()))
}

/// The body with a time and a signature among its parameters, which are in JSON or a form.
fn vonage(body: &[u8]) -> Option<Vec<u8>> {
    if !body.trim_ascii_start().starts_with(b"{") {
        let timed = [body, format!("&timestamp={}", seconds()).as_bytes()].concat();
        let signature = vonage_signature(form_urlencoded::parse(&timed).into_owned());
        return Some([&timed, format!("&sig={signature}").as_bytes()].concat());
    }
    let mut object: Map<String, Value> = serde_json::from_slice(body).ok()?;
    object.remove("sig");
    object.insert("timestamp".to_owned(), json!(seconds().to_string()));
    let timed = Value::Object(object).to_string();
    // A number may not be the same when it was written and read.
    let read: Map<String, Value> = serde_json::from_str(&timed).ok()?;
    let text = |value| if let Value::String(text) = value { text } else { value.to_string() };
    let signature = vonage_signature(read.into_iter().map(|(name, value)| (name, text(value))));
    Some(format!("{{\"sig\":\"{signature}\",{}", &timed[1..]).into_bytes())
}

fn vonage_signature(parameters: impl Iterator<Item = (String, String)>) -> String {
    let mut parameters: BTreeMap<String, String> = parameters.collect();
    parameters.remove("sig");
    let pair = |(name, value): (&String, &String)| format!("&{name}={}", value.replace(['&', '='], "_"));
    mac_hex(&[parameters.iter().map(pair).collect::<String>().as_bytes()])
}

/// The body with a signature in it, which covers a token that is another for each body.
fn mailgun(body: &[u8]) -> Option<Vec<u8>> {
    let mut object: Map<String, Value> = serde_json::from_slice(body).ok()?;
    object.get("event-data")?;
    let (timestamp, token) = (seconds().to_string(), mac_hex(&[body]));
    let signature = mac_hex(&[timestamp.as_bytes(), token.as_bytes()]);
    let signature = json!({ "timestamp": timestamp, "token": token, "signature": signature });
    object.insert("signature".to_owned(), signature);
    Some(Value::Object(object).to_string().into_bytes())
}

/// A JSON Web Token (RFC 7519).
fn token(body: &[u8]) -> String {
    let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, body).as_ref());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let signed = format!("{header}.{}", part(json!({ "iat": seconds(), "payload_hash": hash })));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac(&[signed.as_bytes()])))
}

fn sinch(body: &[u8]) -> Vec<(&'static str, String)> {
    let (nonce, timestamp) = ("nonce", seconds().to_string());
    let signature = mac(&[body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()]);
    vec![
        ("x-sinch-webhook-signature-nonce", nonce.to_owned()),
        ("x-sinch-webhook-signature-timestamp", timestamp),
        ("x-sinch-webhook-signature", STANDARD.encode(signature)),
    ]
}

/// By Standard Webhooks, under the names that the headers of the id, the time and the signature have.
fn standard(names: [&'static str; 3], body: &[u8]) -> Vec<(&'static str, String)> {
    let key = STANDARD.decode(&STANDARD_SECRET["whsec_".len()..]).expect("it is base64");
    let (id, timestamp) = ("msg_1", seconds().to_string());
    let signature = mac_by(&key, &[format!("{id}.{timestamp}.").as_bytes(), body]);
    let values = [id.to_owned(), timestamp, format!("v1,{}", STANDARD.encode(signature))];
    names.into_iter().zip(values).collect()
}

fn sendgrid(body: &[u8]) -> Vec<(&'static str, String)> {
    let timestamp = seconds().to_string();
    let signed = [timestamp.as_bytes(), body].concat();
    let signature = sendgrid_key().sign(&SystemRandom::new(), &signed).expect("there is randomness");
    vec![
        ("x-twilio-email-event-webhook-timestamp", timestamp),
        ("x-twilio-email-event-webhook-signature", STANDARD.encode(signature)),
    ]
}

fn sendgrid_key() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("there is randomness");
        EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("it was just made")
    })
}
