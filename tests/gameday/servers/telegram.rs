//! Telegram's Bot API, which reports nothing of what it took.

use serde_json::json;

use super::protocol::{Callback, HttpAnswer, HttpCall, Protocol, Report, Submission, token_in};
use super::trouble::Refusal;

/// Telegram.
pub struct Telegram;

impl Protocol for Telegram {
    fn channel(&self) -> &'static str {
        "telegram"
    }

    fn config(&self, url: &str) -> String {
        format!("[providers.telegram]\ntoken = {{ file = 'token' }}\nbase_url = '{url}'")
    }

    fn read(&self, call: &HttpCall) -> Option<Submission> {
        let body = call.json();
        Some(Submission {
            token: token_in(body["text"].as_str()?.as_bytes())?,
            recipient: body["chat_id"].to_string(),
            sender: String::new(),
            repeat_key: None,
            own_id: None,
        })
    }

    fn taken(&self, id: &str, submission: &Submission) -> HttpAnswer {
        let chat: i64 = submission.recipient.parse().unwrap_or(1);
        let number: i64 = id.parse().unwrap_or(1);
        let message = json!({
            "message_id": number, "date": 1_795_000_000, "text": "taken",
            "chat": { "id": chat, "type": "private", "first_name": "Ana" },
        });
        HttpAnswer::json(200, &json!({ "ok": true, "result": message }))
    }

    fn refused(&self, refusal: Refusal) -> HttpAnswer {
        let (status, description) = match refusal {
            Refusal::Unavailable => (503, "Service Unavailable"),
            Refusal::Sender => (401, "Unauthorized"),
            Refusal::TooFast => (429, "Too Many Requests: retry after 1"),
            Refusal::Undocumented => (400, "Bad Request: a reason of tomorrow"),
        };
        let mut body = json!({ "ok": false, "error_code": status, "description": description });
        if refusal == Refusal::TooFast {
            body["parameters"] = json!({ "retry_after": 1 });
        }
        HttpAnswer::json(status, &body)
    }

    fn report(&self, _: &Report<'_>) -> Option<Callback> {
        None
    }
}
