//! Sinch's SMS API.

use ring::hmac;
use serde_json::json;

use super::protocol::{
    Callback, HttpAnswer, HttpCall, Protocol, Report, SECRET, Submission, sign_base64, token_in,
};
use super::trouble::Refusal;

/// Sinch, for SMS.
pub struct Sinch;

impl Protocol for Sinch {
    fn channel(&self) -> &'static str {
        "sms"
    }

    fn config(&self, url: &str) -> String {
        format!(
            "[providers.sinch]\nservice_plan_id = 'plan'\napi_token = {{ file = 'secret' }}\nfrom = 'ACME'\n\
             webhook_secret = {{ file = 'secret' }}\nbase_url = '{url}'"
        )
    }

    fn read(&self, call: &HttpCall) -> Option<Submission> {
        let body = call.json();
        Some(Submission {
            token: token_in(body["body"].as_str()?.as_bytes())?,
            recipient: body["to"][0].as_str()?.to_owned(),
            sender: body["from"].as_str()?.to_owned(),
            repeat_key: None,
            own_id: None,
        })
    }

    fn taken(&self, id: &str, _: &Submission) -> HttpAnswer {
        HttpAnswer::json(201, &json!({ "id": id }))
    }

    fn refused(&self, refusal: Refusal) -> HttpAnswer {
        let (status, code) = match refusal {
            Refusal::Unavailable => (503, "service_unavailable"),
            Refusal::Sender => (403, "unknown_campaign"),
            Refusal::TooFast => (429, "too_many_requests"),
            Refusal::Undocumented => (400, "a_code_of_tomorrow"),
        };
        HttpAnswer::json(status, &json!({ "code": code, "text": "refused" }))
    }

    fn report(&self, report: &Report<'_>) -> Option<Callback> {
        let (code, status) = if report.is_delivered { (0, "Delivered") } else { (402, "Rejected") };
        let body = json!({
            "type": "recipient_delivery_report_sms", "batch_id": report.id, "recipient": report.recipient,
            "code": code, "status": status, "at": report.time,
        })
        .to_string();
        let (nonce, at) = ("01FJA8B4A7BM43YGWSG9GBV067", report.at);
        let signature = sign_base64(hmac::HMAC_SHA256, SECRET.as_bytes(), &format!("{body}.{nonce}.{at}"));
        Some(Callback {
            headers: vec![
                ("x-sinch-webhook-signature", signature),
                ("x-sinch-webhook-signature-nonce", nonce.to_owned()),
                ("x-sinch-webhook-signature-timestamp", at.to_string()),
            ],
            body,
        })
    }
}
