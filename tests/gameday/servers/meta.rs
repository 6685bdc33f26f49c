//! Meta's Cloud API for WhatsApp.

use data_encoding::HEXLOWER;
use ring::hmac;
use serde_json::json;

use super::protocol::{Callback, HttpAnswer, HttpCall, Protocol, Report, SECRET, Submission, sign, token_in};
use super::trouble::Refusal;

/// The Cloud API, for WhatsApp.
pub struct Meta;

impl Protocol for Meta {
    fn channel(&self) -> &'static str {
        "whatsapp"
    }

    fn config(&self, url: &str) -> String {
        format!(
            "[providers.whatsapp_cloud]\nphone_number_id = '106540352242922'\naccess_token = {{ file = 'secret' }}\n\
             app_secret = {{ file = 'secret' }}\nverify_token = {{ file = 'token' }}\nbase_url = '{url}'"
        )
    }

    /// The sender is the part of the path before the last.
    fn read(&self, call: &HttpCall) -> Option<Submission> {
        Some(Submission {
            token: token_in(&call.body)?,
            recipient: call.json()["to"].as_str()?.to_owned(),
            sender: call.path.rsplit('/').nth(1)?.to_owned(),
            repeat_key: None,
            own_id: None,
        })
    }

    fn taken(&self, id: &str, submission: &Submission) -> HttpAnswer {
        let (input, wa_id) = (&submission.recipient, &submission.recipient);
        HttpAnswer::json(
            200,
            &json!({
                "messaging_product": "whatsapp", "contacts": [{ "input": input, "wa_id": wa_id }],
                "messages": [{ "id": id }],
            }),
        )
    }

    fn refused(&self, refusal: Refusal) -> HttpAnswer {
        let (status, code, message) = match refusal {
            Refusal::Unavailable => (503, 131_016, "Service unavailable"),
            Refusal::Sender => (400, 133_010, "Phone number not registered"),
            Refusal::TooFast => (429, 130_429, "Rate limit hit"),
            Refusal::Undocumented => (400, 139_999, "A refusal that no table knows"),
        };
        HttpAnswer::json(status, &json!({ "error": { "message": message, "code": code } }))
    }

    fn report(&self, report: &Report<'_>) -> Option<Callback> {
        let status = json!({
            "id": report.id, "status": if report.is_delivered { "delivered" } else { "failed" },
            "timestamp": report.at.to_string(), "recipient_id": report.recipient,
            "errors": if report.is_delivered { json!([]) } else { json!([{ "code": 131_000 }]) },
        });
        let change = json!({ "field": "messages", "value": { "statuses": [status] } });
        let body = json!({
            "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }],
        })
        .to_string();
        let signature = HEXLOWER.encode(sign(hmac::HMAC_SHA256, SECRET.as_bytes(), &body).as_ref());
        Some(Callback { headers: vec![("X-Hub-Signature-256", format!("sha256={signature}"))], body })
    }
}
