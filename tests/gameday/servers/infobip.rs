//! Infobip's API for SMS, which knows a message again by the id that its caller gave it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::protocol::{Callback, HttpAnswer, HttpCall, Protocol, Report, SECRET, Submission, token_in};
use super::trouble::Refusal;

/// Infobip, for SMS.
pub struct Infobip;

impl Protocol for Infobip {
    fn channel(&self) -> &'static str {
        "sms"
    }

    fn config(&self, url: &str) -> String {
        format!(
            "[providers.infobip]\napi_key = {{ file = 'secret' }}\nfrom = 'ACME'\nwebhook_user = 'relevo'\n\
             webhook_password = {{ file = 'secret' }}\nbase_url = '{url}'"
        )
    }

    fn read(&self, call: &HttpCall) -> Option<Submission> {
        let body = call.json();
        let message = &body["messages"][0];
        let destination = &message["destinations"][0];
        let id = destination["messageId"].as_str().map(str::to_owned);
        Some(Submission {
            token: token_in(message["content"]["text"].as_str()?.as_bytes())?,
            recipient: destination["to"].as_str()?.to_owned(),
            sender: message["sender"].as_str()?.to_owned(),
            repeat_key: id.clone(),
            own_id: id,
        })
    }

    fn taken(&self, id: &str, _: &Submission) -> HttpAnswer {
        answer(id, &json!({ "groupId": 1, "id": 26, "name": "PENDING_ACCEPTED" }))
    }

    fn taken_before(&self, id: &str, _: &Submission) -> HttpAnswer {
        answer(id, &json!({ "groupId": 5, "id": 23, "name": "REJECTED_DUPLICATE_MESSAGE_ID" }))
    }

    fn refused(&self, refusal: Refusal) -> HttpAnswer {
        let (status, code, text) = match refusal {
            Refusal::Unavailable => (503, "E503", "Service unavailable"),
            Refusal::TooFast => (429, "E429", "Too many requests"),
            Refusal::Undocumented => (400, "E499", "A refusal that no table knows"),
            Refusal::Sender => {
                return answer("", &json!({ "groupId": 5, "id": 11, "name": "REJECTED_SENDER" }));
            }
        };
        HttpAnswer::json(status, &json!({ "errorCode": code, "description": text }))
    }

    fn report(&self, report: &Report<'_>) -> Option<Callback> {
        let status = if report.is_delivered {
            json!({ "groupId": 3, "id": 5, "name": "DELIVERED_TO_HANDSET" })
        } else {
            json!({ "groupId": 2, "id": 4, "name": "UNDELIVERABLE_REJECTED_OPERATOR" })
        };
        let result = json!({
            "messageId": report.id, "to": report.recipient, "doneAt": report.time, "status": status,
            "callbackData": report.id,
        });
        let credentials = BASE64_STANDARD.encode(format!("relevo:{SECRET}"));
        Some(Callback {
            headers: vec![("Authorization", format!("Basic {credentials}"))],
            body: json!({ "results": [result] }).to_string(),
        })
    }
}

fn answer(id: &str, status: &Value) -> HttpAnswer {
    HttpAnswer::json(200, &json!({ "messages": [{ "messageId": id, "status": status }] }))
}
