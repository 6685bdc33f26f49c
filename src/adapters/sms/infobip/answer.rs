//! What Infobip answers to a message, by whichever channel it was to go.

use serde::Deserialize;

use super::errors::{Reading, reading};
use crate::adapters::http::Answer;
use crate::model::{Outcome, OutcomeEvidence};

/// The parts we read of a success. SMS and templates are answered with a list, a text on WhatsApp with its one entry.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answered {
    List { messages: Vec<Entry> },
    One(Entry),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "messageId", default)]
    id: String,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
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
enum Refusal {
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
pub(in crate::adapters) fn outcome(answer: &Answer, id: &str) -> Outcome {
    let outcome = if answer.is_success() { answered(answer, id) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.nonsense())
}

fn answered(answer: &Answer, own_id: &str) -> Option<Outcome> {
    let Entry { id, status } = match serde_json::from_slice(&answer.body).ok()? {
        Answered::List { messages } => messages.into_iter().next()?,
        Answered::One(entry) => entry,
    };
    let evidence = OutcomeEvidence::new(status.id, &format!("{} {}", status.name, status.description));
    match reading(status.group, status.id) {
        Reading::Taken => (!id.is_empty()).then_some(Outcome::Sent { reference: id }),
        Reading::TakenBefore => Some(Outcome::Sent { reference: own_id.to_owned() }),
        Reading::Refused(meaning) => Some(meaning.outcome(evidence, answer.retry_after)),
        Reading::Unclear => Some(Outcome::Unknown { evidence }),
    }
}

/// The HTTP status says what an error means: its code says no more.
fn refused(answer: &Answer) -> Option<Outcome> {
    let (code, text) = match serde_json::from_slice(&answer.body).ok()? {
        Refusal::Newer { code, description } => (code, description),
        Refusal::Older { error } => (error.exception.code, error.exception.text),
    };
    Some(answer.by_status(OutcomeEvidence::new(code, &text)))
}
