//! Resend's API for email, which knows a message again by its `Idempotency-Key`.

use ring::hmac;
use serde_json::json;

use super::protocol::{
    Callback, HttpAnswer, HttpCall, Protocol, Report, SECRET, Submission, sign_base64, token_in,
};
use super::trouble::Refusal;

/// Resend, for email.
pub struct Resend;

impl Protocol for Resend {
    fn channel(&self) -> &'static str {
        "email"
    }

    fn config(&self, url: &str) -> String {
        format!(
            "[providers.resend]\napi_key = {{ file = 'secret' }}\nfrom = 'shop@example.com'\nbase_url = '{url}'\n\
             webhook_secret = {{ file = 'webhook' }}"
        )
    }

    fn read(&self, call: &HttpCall) -> Option<Submission> {
        let body = call.json();
        Some(Submission {
            token: token_in(body["text"].as_str()?.as_bytes())?,
            recipient: body["to"][0].as_str()?.to_owned(),
            sender: body["from"].as_str()?.to_owned(),
            repeat_key: call.idempotency_key.clone(),
            own_id: None,
        })
    }

    fn taken(&self, id: &str, _: &Submission) -> HttpAnswer {
        HttpAnswer::json(200, &json!({ "id": id }))
    }

    fn refused(&self, refusal: Refusal) -> HttpAnswer {
        let (status, name) = match refusal {
            Refusal::Unavailable => (503, "service_unavailable"),
            Refusal::Sender => (403, "validation_error"),
            Refusal::TooFast => (429, "rate_limit_exceeded"),
            Refusal::Undocumented => (400, "a_name_of_tomorrow"),
        };
        HttpAnswer::json(status, &json!({ "name": name, "message": "refused", "statusCode": status }))
    }

    /// Signed by Svix.
    fn report(&self, report: &Report<'_>) -> Option<Callback> {
        let body = json!({
            "type": if report.is_delivered { "email.delivered" } else { "email.failed" }, "created_at": report.time,
            "data": { "email_id": report.id, "to": [report.recipient] },
        })
        .to_string();
        let signed = format!("{}.{}.{body}", report.id, report.at);
        let signature = sign_base64(hmac::HMAC_SHA256, format!("{SECRET}, signing").as_bytes(), &signed);
        Some(Callback {
            headers: vec![
                ("svix-id", report.id.to_owned()),
                ("svix-timestamp", report.at.to_string()),
                ("svix-signature", format!("v1,{signature}")),
            ],
            body,
        })
    }
}
