//! What the adapters over HTTP share: one client, one way to exchange a request for an answer, and what the network's
//! own failures mean.
//!
//! An attempt is called once, so the line that matters is whether its request may have gone out. Until there is a
//! connection it cannot have (`Unavailable`); after that only an answer tells (`Unknown`).

mod client;

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use url::Url;

pub use client::{HttpSettings, HttpTransport};

pub(super) use client::client;

use super::error_meaning::ErrorMeaning;
use super::{Adapter, BuildError, Envelope};
use crate::model::{Outcome, OutcomeEvidence, Timestamp};

/// No answer to a send is longer; what goes beyond is not from the API.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The longest wait that is believed, so that one wrong answer cannot stop a provider for a day.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// Reads a base URL of the settings.
///
/// # Errors
/// When it is not an `http` or `https` URL, or carries credentials, a query or a fragment.
pub(super) fn base_url(setting: &'static str, text: &str) -> Result<Url, BuildError> {
    let must = "must be a URL such as https://api.example.com, without credentials, query or fragment";
    let wrong = BuildError::Setting { setting, must };
    let url = Url::parse(text).map_err(|_| wrong.clone())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && plain { Ok(url) } else { Err(wrong) }
}

/// `base` with the segments appended to its path, each escaped.
pub(super) fn endpoint(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The wait asked for in the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// The body; empty when an error's body could not be read.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// Whether the provider says that it took the request.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text; `None` when it is absent, empty or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The outcome of an answer whose code is not in the provider's table, by its status alone.
    pub fn outcome_by_status(&self, evidence: OutcomeEvidence) -> Outcome {
        match ErrorMeaning::of_status(self.status) {
            Some(meaning) => meaning.outcome(evidence, self.retry_after),
            None => Outcome::Unknown { evidence },
        }
    }

    /// The outcome of an answer that is not the API's. Of its body only the size is kept: it may be anybody's page.
    pub fn unrecognized(&self) -> Outcome {
        let (size, kind) = (self.body.len(), self.header(CONTENT_TYPE.as_str()).unwrap_or("no stated type"));
        let text = format!("the answer is not one of the API's: {size} bytes of {kind}");
        self.outcome_by_status(OutcomeEvidence::new(self.status, &text))
    }
}

/// A provider that takes each message with one request.
pub(super) trait HttpAdapter: Send + Sync {
    /// The request that carries an envelope.
    ///
    /// # Errors
    /// The outcome, when the provider does not carry it.
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome>;

    /// What the answer means.
    fn outcome(&self, answer: &HttpAnswer, envelope: &Envelope) -> Outcome;
}

#[async_trait]
impl<T: HttpAdapter> Adapter for T {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let request = match self.request(envelope) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        match exchange(request, envelope.now).await {
            Ok(answer) => self.outcome(&answer, envelope),
            Err(outcome) => outcome,
        }
    }
}

/// Sends a request and reads the answer.
///
/// # Errors
/// The outcome, when there is no answer to judge.
pub(super) async fn exchange(request: RequestBuilder, now: Timestamp) -> Result<HttpAnswer, Outcome> {
    exchange_up_to(MAX_BODY_BYTES, request, now).await
}

/// The same, for an answer of at most `max_bytes`.
///
/// # Errors
/// The outcome, when there is no answer to judge.
pub(super) async fn exchange_up_to(
    max_bytes: usize,
    request: RequestBuilder,
    now: Timestamp,
) -> Result<HttpAnswer, Outcome> {
    let mut response = request.send().await.map_err(failure)?;
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let retry_after = retry_after(&headers, now);
    let body = match read(response, max_bytes).await {
        Ok(body) => body,
        // The status is all that is needed to know that it was refused.
        Err(_) if !status.is_success() => Vec::new(),
        Err(text) => return Err(Outcome::Unknown { evidence: OutcomeEvidence::new(status.as_u16(), &text) }),
    };
    Ok(HttpAnswer { status: status.as_u16(), headers, retry_after, body })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

async fn read(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(format!("the answer is longer than {max_bytes} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Without a connection nothing was sent. Of everything later, a time-out included, nothing is certain.
fn failure(error: reqwest::Error) -> Outcome {
    // A request that cannot be built never leaves, but it is ours to put right.
    let (connecting, building, timeout) = (error.is_connect(), error.is_builder(), error.is_timeout());
    let code = if timeout { "timeout" } else { "" };
    let evidence = OutcomeEvidence::new(code, &describe(error));
    match (building, connecting) {
        (true, _) => Outcome::Misconfigured { evidence },
        (_, true) => Outcome::Unavailable { evidence },
        _ => Outcome::Unknown { evidence },
    }
}

/// The error and its causes, without the URL: Telegram's holds the bot's token.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The wait of a `Retry-After` header, in seconds or until a date (RFC 9110, section 10.2.3), at most [`MAX_WAIT`].
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = header(headers, RETRY_AFTER.as_str())?;
    parse_retry_seconds(value).or_else(|| wait_until_http_date(value, now))
}

/// The wait of so many seconds, at most [`MAX_WAIT`].
pub(super) fn parse_retry_seconds(text: &str) -> Option<Duration> {
    Some(Duration::from_secs(text.parse().ok()?).min(MAX_WAIT))
}

/// The wait until a date of HTTP (RFC 9110, section 5.6.7), at most [`MAX_WAIT`].
pub(super) fn wait_until_http_date(date: &str, now: Timestamp) -> Option<Duration> {
    Some(wait_until(DateTimeParser::new().parse_timestamp(date).ok()?, now))
}

/// The wait until a moment, at most [`MAX_WAIT`]; none when it is past.
pub(super) fn wait_until(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(now)).unwrap_or(Duration::ZERO).min(MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn wait(header: &str) -> Option<u64> {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, header.parse().unwrap())]);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_capped() {
        for (header, seconds) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("99999999", Some(3_600)),
            ("Sun, 22 Nov 2026 10:01:30 GMT", Some(90)),
            ("Sun, 22 Nov 2026 09:00:00 GMT", Some(0)),
            ("Mon, 23 Nov 2026 10:00:00 GMT", Some(3_600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(header), seconds, "{header}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_header_is_text_or_nothing() {
        let headers: HeaderMap = [("X-Message-Id", &b" 17 "[..]), ("X-Empty", b" "), ("X-Binary", b"\xff")]
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value).unwrap()))
            .into_iter()
            .collect();
        let read = ["x-message-id", "X-Empty", "X-Binary", "X-Absent"].map(|name| header(&headers, name));
        assert_eq!(read, [Some("17"), None, None, None]);
    }

    #[test]
    fn an_endpoint_keeps_the_path_of_its_base_and_escapes_what_is_added() {
        for (base, url) in [
            ("https://api.example.com", "https://api.example.com/v1/a%2Fb"),
            ("https://api.example.com/", "https://api.example.com/v1/a%2Fb"),
            ("http://127.0.0.1:8080/mock", "http://127.0.0.1:8080/mock/v1/a%2Fb"),
            ("http://127.0.0.1:8080/mock/", "http://127.0.0.1:8080/mock/v1/a%2Fb"),
        ] {
            let base = base_url("base_url", base).unwrap();
            assert_eq!(endpoint(&base, &["v1", "a/b"]).as_str(), url);
        }
    }

    #[test]
    fn a_base_url_is_plain_http() {
        for text in
            ["", "api.example.com", "ftp://example.com", "https://u:p@example.com", "https://example.com?a=b"]
        {
            assert!(base_url("base_url", text).is_err(), "{text}");
        }
    }
}
