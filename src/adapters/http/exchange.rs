//! One request exchanged for one answer.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, Response};

use super::header::header_text;
use super::wait::{self, retry_after};
use crate::adapters::adapter::Adapter;
use crate::adapters::envelope::Envelope;
use crate::adapters::error_meaning::ErrorMeaning;
use crate::adapters::local_failure::local_failure;
use crate::model::{Outcome, OutcomeEvidence, Timestamp};

/// No answer to a send is longer; what goes beyond is not from the API.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The answer to a request.
#[derive(Debug, Default)]
pub(in crate::adapters) struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The wait asked for in the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// The body; empty when an error's body could not be read.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Whether the provider says that it took the request.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text; `None` when it is absent, empty or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.headers, name)
    }

    /// When the provider answered by its own clock, against which the moments in its answer are held; `now` where it does not say.
    pub fn answered_at(&self, now: Timestamp) -> Timestamp {
        wait::answered_at(&self.headers, now)
    }

    /// The outcome of an answer whose code is not in the provider's table, by its status alone.
    pub fn outcome_from_status(&self, evidence: OutcomeEvidence) -> Outcome {
        match ErrorMeaning::from_http_status(self.status) {
            Some(meaning) => meaning.outcome(evidence, self.retry_after),
            None => Outcome::Unknown { retry_after: self.retry_after, evidence },
        }
    }

    /// The outcome of an answer that is not one of the API's, by its status alone. Of its body only the size is kept: it may
    /// be anybody's page.
    pub fn unrecognized_outcome(&self) -> Outcome {
        let (size, kind) = (self.body.len(), self.header(CONTENT_TYPE.as_str()).unwrap_or("no stated type"));
        let text = format!("the answer is not one of the API's: {size} bytes of {kind}");
        self.outcome_from_status(OutcomeEvidence::new(self.status, &text))
    }
}

/// A provider that takes each message with one request.
pub(in crate::adapters) trait HttpAdapter: fmt::Debug + Send + Sync {
    /// The request that carries an envelope.
    ///
    /// # Errors
    /// The outcome, when the provider does not carry it.
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome>;

    /// What the answer means.
    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome;
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
/// The outcome, when there is no answer to judge: `Misconfigured` when the request cannot be built, `Unavailable` without a
/// connection, `Unknown` when the request may have been sent.
pub(in crate::adapters) async fn exchange(
    request: RequestBuilder,
    now: Timestamp,
) -> Result<HttpResponse, Outcome> {
    exchange_up_to(MAX_BODY_BYTES, request, now).await
}

/// Sends a request and reads an answer of at most `max_bytes`.
///
/// # Errors
/// As [`exchange`]; a success whose body is longer, or breaks off, is `Unknown`.
pub(in crate::adapters) async fn exchange_up_to(
    max_bytes: usize,
    request: RequestBuilder,
    now: Timestamp,
) -> Result<HttpResponse, Outcome> {
    let mut response = request.send().await.map_err(failure)?;
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let retry_after = retry_after(&headers, now);
    let body = match read(response, max_bytes).await {
        Ok(body) => body,
        // The status is all that is needed to know that it was refused.
        Err(_) if !status.is_success() => Vec::new(),
        Err(text) => return Err(Outcome::unknown(OutcomeEvidence::new(status.as_u16(), &text))),
    };
    Ok(HttpResponse { status: status.as_u16(), headers, retry_after, body })
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

/// The outcome of a request without an answer. Without a connection nothing was sent. Of everything later, a time-out
/// included, nothing is certain.
fn failure(error: reqwest::Error) -> Outcome {
    if let Some(outcome) = local_failure(&error).filter(|_| error.is_connect()) {
        return outcome;
    }
    // A request that cannot be built never leaves, but it is ours to put right.
    let (connecting, building, timeout) = (error.is_connect(), error.is_builder(), error.is_timeout());
    let code = if timeout { "timeout" } else { "" };
    let evidence = OutcomeEvidence::new(code, &describe(error));
    match (building, connecting) {
        (true, _) => Outcome::Misconfigured { evidence },
        (_, true) => Outcome::Unavailable { evidence },
        _ => Outcome::unknown(evidence),
    }
}

/// The error and its causes, without the URL: Telegram's holds the bot's token.
pub(super) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
