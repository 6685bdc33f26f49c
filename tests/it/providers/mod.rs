//! The adapters of the providers with an HTTP API, over real sockets.

mod aws;
mod brevo;
mod connections;
mod infobip;
mod mailgun;
mod network;
mod postmark;
mod resend;
mod sendgrid;
mod ses;
mod sinch;
mod smpp;
mod sns;
mod telegram;
mod twilio;
mod vonage;
mod webhook;
mod whatsapp;
mod whatsapp_infobip;
mod whatsapp_twilio;
mod whatsapp_vonage;

use relevo::adapters::{Adapter, Envelope};
use relevo::model::{Outcome, Rejection, ThrottleScope};
use serde_json::{Value, json};

use crate::peers::WiremockStubs;

/// One documented error as the provider answers it, and the word for the outcome it must give (see [`word`]).
struct Row {
    status: u16,
    body: Value,
    outcome: &'static str,
}

/// Replays every row through a stub that knows its row by the text of the message, and compares the outcomes.
async fn replay(
    stubs: &WiremockStubs,
    adapter: &dyn Adapter,
    envelope: fn(&str) -> Envelope,
    rows: Vec<Row>,
) {
    let answered = |row: Row| (json!({ "status": row.status, "jsonBody": row.body }), row.outcome);
    replay_answers(stubs, adapter, envelope, rows.into_iter().map(answered).collect()).await;
}

/// A documented error as WireMock is to answer it, where a body in JSON does not say it all, and the word for its outcome.
type Answered = (Value, &'static str);

/// The same for errors that are not in a body in JSON alone.
async fn replay_answers(
    stubs: &WiremockStubs,
    adapter: &dyn Adapter,
    envelope: fn(&str) -> Envelope,
    rows: Vec<Answered>,
) {
    let text = |index: usize| format!("row-{index}.");
    let answers = rows.iter().enumerate().map(|(index, (answer, _))| {
        (json!({ "bodyPatterns": [{ "contains": text(index) }] }), answer.clone())
    });
    stubs.answer_all(answers.collect()).await;
    for (index, (answer, expected)) in rows.iter().enumerate() {
        let outcome = adapter.deliver(&envelope(&text(index))).await;
        assert_eq!(word(&outcome), *expected, "{answer} gave {outcome:?}");
    }
    assert_eq!(stubs.requests().await.len(), rows.len(), "each row is one call");
}

/// The outcome in a word that a table of expectations can hold.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Rejected { cause, .. } => match cause {
            Rejection::Address { certain: true } => "bad address",
            Rejection::Address { certain: false } => "doubtful address",
            Rejection::OptedOut { certain: true } => "opted out",
            Rejection::OptedOut { certain: false } => "perhaps opted out",
            Rejection::CommercialOptedOut => "opted out of marketing",
            Rejection::Content => "content",
            Rejection::Policy => "policy",
        },
        Outcome::Throttled { scope: ThrottleScope::Recipient, .. } => "throttled recipient",
        other => other.as_str(),
    }
}

/// The JSON that a request carried.
fn body(request: &Value) -> Value {
    serde_json::from_str(request["body"].as_str().unwrap()).unwrap()
}

/// The fields of the form that a request carried.
fn form(request: &Value) -> Vec<(String, String)> {
    let body = request["body"].as_str().unwrap();
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// The header of a user and a password (RFC 7617).
fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}
