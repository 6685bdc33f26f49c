//! The fuzz targets: what each does with an input. `tests/it/fuzz.rs` runs the same functions over everything in
//! `fuzz/corpus`, and over mutations of it.
//!
//! Each target takes any bytes. It panics when the code that reads them panics, or when that makes more of them than it
//! should.

// Each target's program includes this module and uses one function of it.
#![allow(dead_code, unused_imports)]

mod api;
mod providers;
mod signed;
mod smsc;

use std::sync::OnceLock;

use relevo::adapters::webhooks::{ProviderEvent, WebhookError, WebhookPayload, WebhookRequest};
use relevo::model::{AttemptRef, Outcome, Timestamp};
use reqwest::header::HeaderMap;
use tokio::runtime::{Builder, Runtime};
use url::form_urlencoded;

use providers::Provider;
pub use smsc::smpp;

/// The most characters of a provider's code and of its text that evidence keeps.
const MAX_CODE_CHARS: usize = 64;
const MAX_TEXT_CHARS: usize = 300;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().expect("a runtime"))
}

/// Builds the adapters that read the inputs. That takes longer than a fuzzer allows for one input.
pub fn start() {
    providers::all();
    providers::smtp();
}

/// The time of every call.
fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("it is a time")
}

/// What a provider gives back as our echo: it is one, and then it is written as it was read, or it is none.
pub fn echo(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(echo) = text.parse::<AttemptRef>() {
        let written = echo.to_string();
        assert!(written.len() <= 111, "{written}");
        assert_eq!(written.parse(), Ok(echo));
    }
}

/// A provider's answer: the first byte chooses the provider, the second the status, the rest of the line is what the headers
/// with a wait and with an error's name hold, and what follows is the body.
pub fn answers(input: &[u8]) {
    let [which, status, rest @ ..] = input else { return };
    let (header, body) = split_line(rest);
    let Provider { name, parts, envelope, .. } = providers::chosen_by(*which);
    let status = api::STATUSES[usize::from(*status) % api::STATUSES.len()];
    api::answer(status, header, body);
    let outcome = runtime().block_on(parts.adapter.deliver(envelope));
    let is_success = (200..300).contains(&status);
    assert!(is_success || !matches!(outcome, Outcome::Sent { .. }), "{name}: {status} is no success");
    match outcome.evidence() {
        Some(evidence) => {
            assert!(evidence.code.chars().count() <= MAX_CODE_CHARS, "{name}: {evidence:?}");
            assert!(evidence.text.chars().count() <= MAX_TEXT_CHARS, "{name}: {evidence:?}");
        }
        None => assert!(matches!(outcome, Outcome::Sent { .. }), "{name}: {outcome:?}"),
    }
}

fn split_line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}

/// A call of a provider's, signed as that provider does where the rest has a place for that: the first byte chooses the
/// provider, as for `answers`, the rest is the body; and once more the rest as the query of a call without one. What SES says
/// comes within a message of SNS: the rest is the one, then the other, and then the certificate by which that is signed.
pub fn webhooks(input: &[u8]) {
    let [which, rest @ ..] = input else { return };
    let provider = providers::chosen_by(*which);
    let Some(handler) = provider.webhooks() else { return };
    let query = signed::query(provider, rest);
    let separator = if query.is_empty() { "" } else { "?" };
    let url = format!("https://hooks.example.com/providers/{}{separator}{query}", provider.name);
    let handle = |headers: &HeaderMap, body: &[u8]| {
        let call = WebhookRequest { url: &url, query: &query, headers, body: Some(body), now: now() };
        match runtime().block_on(handler.handle(&call)) {
            Ok(WebhookPayload::Events(events)) => assert_bounded(&events, body.len()),
            Ok(WebhookPayload::Challenge(answer)) => assert!(answer.len() <= body.len()),
            Err(WebhookError::Unauthenticated(why)) => return Err(why),
            Err(WebhookError::Malformed(_) | WebhookError::Unverifiable(_)) => {}
        }
        Ok(())
    };
    let signed = signed::call(provider, &url, rest);
    if let Some((headers, body)) = &signed {
        let believed = handle(headers, body);
        assert_eq!(believed, Ok(()), "{}: what is signed is not believed", provider.name);
    }
    // Neither of these has to be believed.
    let is_of_sns = provider.kind == "ses";
    if signed.is_none() || is_of_sns {
        let _ = handle(&HeaderMap::new(), rest);
    }
    if is_of_sns {
        let _ = handle(&HeaderMap::new(), &signed::sns("", rest));
    }
    if let Ok(query) = std::str::from_utf8(rest) {
        let call = WebhookRequest { url: &url, query, headers: &HeaderMap::new(), body: None, now: now() };
        if let Ok(WebhookPayload::Challenge(answer)) = runtime().block_on(handler.handle(&call)) {
            assert!(answer.len() <= 3 * query.len());
        }
    }
}

/// A mail to the envelope sender of an attempt; and once more the mail alone, which may name that or not.
pub fn reports(input: &[u8]) {
    let Provider { envelope, .. } = providers::smtp();
    let handler = providers::smtp().webhooks().expect("it has a bounce address");
    let echo =
        AttemptRef { brand: envelope.brand.clone(), message: envelope.message_id, attempt: envelope.attempt };
    let recipient = format!("bounce+{}@bounces.example.com", signed::bounce_token(&echo));
    assert!(handler.accepts_mail_for(&recipient));
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("recipient", &recipient).finish();
    for query in [query.as_str(), ""] {
        let call =
            WebhookRequest { url: "", query, headers: &HeaderMap::new(), body: Some(input), now: now() };
        match runtime().block_on(handler.handle(&call)) {
            Ok(WebhookPayload::Events(events)) => {
                let is_ours = |event: &ProviderEvent| matches!(event, ProviderEvent::Receipt(report) if report.echo.as_ref() == Some(&echo));
                assert!(events.iter().all(is_ours), "{events:?}");
                assert_bounded(&events, input.len());
            }
            Err(WebhookError::Unauthenticated(why)) => {
                assert!(query.is_empty(), "the token is not known: {why}")
            }
            Err(WebhookError::Malformed(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Asserts that events take no more room than a few times the input that they were read from. A byte that is not of the
/// encoding becomes three.
fn assert_bounded(events: &[ProviderEvent], input_bytes: usize) {
    assert!(events.len() <= input_bytes);
    let size: usize = events
        .iter()
        .map(|event| match event {
            ProviderEvent::Receipt(report) => report.reference.len() + report.evidence.text.len(),
            ProviderEvent::UncertainReceipt(uncertain) => uncertain.report.reference.len(),
            ProviderEvent::Text(text) => text.id.len() + text.text.len(),
            ProviderEvent::Address(report) => report.id.len(),
            ProviderEvent::LinkFollowed { id, .. } => id.as_bytes().len(),
            ProviderEvent::Unreadable { why, .. } => why.len(),
        })
        .sum();
    assert!(size <= 16 * input_bytes + 1024, "{size} bytes from {input_bytes}");
}
