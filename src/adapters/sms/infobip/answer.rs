//! Infobip's answers to a message, by whichever channel it was to go.

use serde::Deserialize;

use super::errors::{InfobipStatusMeaning, status_meaning};
use crate::adapters::http::HttpResponse;
use crate::model::{Outcome, OutcomeEvidence};

/// The parts we read of a success. SMS and templates are answered with a list, a text on WhatsApp with its one entry.
#[derive(Deserialize)]
#[serde(untagged)]
enum InfobipAnswer {
    List { messages: Vec<InfobipAnswerEntry> },
    One(InfobipAnswerEntry),
}

#[derive(Deserialize)]
struct InfobipAnswerEntry {
    #[serde(rename = "messageId", default)]
    id: String,
    status: InfobipStatus,
}

#[derive(Deserialize)]
struct InfobipStatus {
    #[serde(rename = "groupId")]
    group: u32,
    id: u32,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
}

/// The parts we read of an error, in the newer form and in the older one.
#[derive(Deserialize)]
#[serde(untagged)]
enum InfobipErrorBody {
    Newer {
        #[serde(rename = "errorCode")]
        code: String,
        #[serde(default)]
        description: String,
    },
    Older {
        #[serde(rename = "requestError")]
        error: RequestError,
    },
}

#[derive(Deserialize)]
struct RequestError {
    #[serde(rename = "serviceException")]
    exception: ServiceException,
}

#[derive(Deserialize)]
struct ServiceException {
    #[serde(rename = "messageId")]
    code: String,
    #[serde(default)]
    text: String,
}

/// The outcome of a message that went out under our own `id`.
pub(in crate::adapters) fn outcome(answer: &HttpResponse, id: &str) -> Outcome {
    let outcome = if answer.is_success() { answered(answer, id) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn answered(answer: &HttpResponse, own_id: &str) -> Option<Outcome> {
    let InfobipAnswerEntry { id, status } = match serde_json::from_slice(&answer.body).ok()? {
        InfobipAnswer::List { messages } => messages.into_iter().next()?,
        InfobipAnswer::One(entry) => entry,
    };
    let evidence = OutcomeEvidence::new(status.id, &format!("{} {}", status.name, status.description));
    match status_meaning(status.group, status.id) {
        InfobipStatusMeaning::Taken => (!id.is_empty()).then_some(Outcome::sent(id)),
        InfobipStatusMeaning::TakenBefore => Some(Outcome::sent(own_id)),
        InfobipStatusMeaning::Refused(meaning) => Some(meaning.outcome(evidence, answer.retry_after)),
        InfobipStatusMeaning::Unclear => Some(Outcome::Unknown { retry_after: answer.retry_after, evidence }),
    }
}

/// The HTTP status says what an error means: its code says no more.
fn refused(answer: &HttpResponse) -> Option<Outcome> {
    let (code, text) = match serde_json::from_slice(&answer.body).ok()? {
        InfobipErrorBody::Newer { code, description } => (code, description),
        InfobipErrorBody::Older { error } => (error.exception.code, error.exception.text),
    };
    Some(answer.outcome_from_status(OutcomeEvidence::new(code, &text)))
}
