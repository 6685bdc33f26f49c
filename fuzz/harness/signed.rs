//! Signs a call as its provider does, so that what is behind the signature is reached.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use url::form_urlencoded;

use super::providers::{Provider, SECRET};

/// The headers that make a body from this provider one to be believed.
pub fn headers(provider: &Provider, url: &str, body: &[u8]) -> HeaderMap {
    let (name, value) = match provider.kind {
        "twilio" | "whatsapp_twilio" => ("x-twilio-signature", twilio(url, body)),
        "whatsapp_cloud" => ("x-hub-signature-256", meta(body)),
        other => panic!("nobody knows how {other} signs: add it here"),
    };
    let value = HeaderValue::from_str(&value).expect("it is ASCII");
    HeaderMap::from_iter([(HeaderName::from_static(name), value)])
}

fn twilio(url: &str, body: &[u8]) -> String {
    let mut parameters: Vec<_> = form_urlencoded::parse(body).collect();
    parameters.sort();
    let joined: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{joined}").as_bytes()))
}

fn meta(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, body);
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}
