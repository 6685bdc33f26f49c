//! Twilio's answers to a message, by whichever channel it was to go.

use serde::Deserialize;

use super::errors;
use crate::adapters::http::HttpResponse;
use crate::model::{Outcome, OutcomeEvidence};

/// The parts we read of a created message.
#[derive(Deserialize)]
struct TwilioCreated {
    sid: String,
    /// Set when the message failed at once.
    error_code: Option<u32>,
    error_message: Option<String>,
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct TwilioErrorBody {
    code: u32,
    #[serde(default)]
    message: String,
}

/// The outcome of a message.
pub(in crate::adapters) fn outcome(answer: &HttpResponse) -> Outcome {
    let outcome = if answer.is_success() { created(answer) } else { refusal(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn created(answer: &HttpResponse) -> Option<Outcome> {
    let created: TwilioCreated = serde_json::from_slice(&answer.body).ok()?;
    if let Some(code) = created.error_code {
        return Some(by_code(answer, code, &created.error_message.unwrap_or_default()));
    }
    (!created.sid.is_empty()).then_some(Outcome::sent(created.sid))
}

fn refusal(answer: &HttpResponse) -> Option<Outcome> {
    let refusal: TwilioErrorBody = serde_json::from_slice(&answer.body).ok()?;
    Some(by_code(answer, refusal.code, &refusal.message))
}

fn by_code(answer: &HttpResponse, code: u32, message: &str) -> Outcome {
    let evidence = OutcomeEvidence::new(code, message);
    match errors::meaning(code) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.outcome_from_status(evidence),
    }
}
