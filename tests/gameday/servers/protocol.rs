//! What the kinds of providers have in common: a message comes in, an answer goes out, and a report follows.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use serde_json::Value;

use super::trouble::Refusal;

/// The value of every secret in the configurations.
pub const SECRET: &str = "the-secret-of-this-game-day";

/// The URL that the gateway was told that providers reach it by, which some of them sign.
pub const PUBLIC_URL: &str = "https://hooks.example.com";

/// How a kind of provider speaks.
pub trait Protocol: Send + Sync {
    /// The channel that it carries.
    fn channel(&self) -> &'static str;

    /// The table of its adapter in the configuration, for a server at `url`.
    fn config(&self, url: &str) -> String;

    /// What a request asks for; `None` when it carries no message.
    fn read(&self, request: &HttpCall) -> Option<Submission>;

    /// The answer to a message that it took under `id`.
    fn taken(&self, id: &str, submission: &Submission) -> HttpAnswer;

    /// The answer to a message that it had taken before, where it knows such.
    fn taken_before(&self, id: &str, submission: &Submission) -> HttpAnswer {
        self.taken(id, submission)
    }

    /// The answer to a message that it refuses.
    fn refused(&self, refusal: Refusal) -> HttpAnswer;

    /// The answer of this status that comes when it fails inside.
    fn failed(&self, status: u16) -> HttpAnswer {
        HttpAnswer { status, body: "<html><body>Bad Gateway</body></html>".to_owned() }
    }

    /// What it calls back with; `None` where it reports nothing of the kind.
    fn report(&self, report: &Report<'_>) -> Option<Callback>;
}

/// A request.
pub struct HttpCall {
    /// Its path.
    pub path: String,
    /// Its header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl HttpCall {
    /// Its body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Its body as a form.
    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// A message as a provider is asked to carry it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The token in its text, which no other message has.
    pub token: u32,
    /// The address.
    pub recipient: String,
    /// Who sends it.
    pub sender: String,
    /// By what the provider knows a repetition, where it does.
    pub repeat_key: Option<String>,
    /// The id that the caller gives it, where the provider lets the caller choose.
    pub own_id: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl HttpAnswer {
    /// One in JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string() }
    }
}

/// What a provider has to report of a message.
pub struct Report<'a> {
    /// The URL at which the gateway takes the reports of this provider.
    pub url: String,
    /// The id that the provider gave it.
    pub id: &'a str,
    /// The address.
    pub recipient: &'a str,
    /// Whether it was delivered; else a carrier filtered it.
    pub is_delivered: bool,
    /// The time in seconds since the Unix epoch.
    pub at: i64,
    /// The same by RFC 3339.
    pub time: String,
}

/// A call of a provider.
pub struct Callback {
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: String,
}

/// What a text holds of a message's token.
pub fn token_text(token: u32) -> String {
    format!("tk{token:07}")
}

/// The token in a text.
pub fn token_in(text: &[u8]) -> Option<u32> {
    let found =
        text.windows(9).find(|part| part.starts_with(b"tk") && part[2..].iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(&found[2..]).ok()?.parse().ok()
}

/// The signature of `data` by HMAC.
pub fn sign(algorithm: hmac::Algorithm, secret: &[u8], data: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(algorithm, secret), data.as_bytes())
}

/// The same in base64.
pub fn sign_base64(algorithm: hmac::Algorithm, secret: &[u8], data: &str) -> String {
    BASE64_STANDARD.encode(sign(algorithm, secret, data))
}
