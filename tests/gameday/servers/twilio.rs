//! Twilio's Messages API.

use ring::hmac;
use serde_json::json;

use super::protocol::{
    Callback, HttpAnswer, HttpCall, Protocol, Report, SECRET, Submission, sign_base64, token_in,
};
use super::trouble::Refusal;

/// Twilio, for SMS.
pub struct Twilio;

impl Protocol for Twilio {
    fn channel(&self) -> &'static str {
        "sms"
    }

    fn config(&self, url: &str) -> String {
        format!(
            "[providers.twilio]\naccount_sid = 'AC{}'\nauth_token = {{ file = 'secret' }}\nfrom = '+34910000000'\n\
             base_url = '{url}'",
            "1".repeat(32)
        )
    }

    fn read(&self, call: &HttpCall) -> Option<Submission> {
        let mut form = call.form();
        Some(Submission {
            token: token_in(form.get("Body")?.as_bytes())?,
            recipient: form.remove("To")?,
            sender: form.remove("From").unwrap_or_default(),
            repeat_key: None,
            own_id: None,
        })
    }

    fn taken(&self, id: &str, _: &Submission) -> HttpAnswer {
        HttpAnswer::json(201, &json!({ "sid": id, "status": "queued" }))
    }

    fn refused(&self, refusal: Refusal) -> HttpAnswer {
        let (status, code, message) = match refusal {
            Refusal::Unavailable => (503, 20503, "Service unavailable"),
            Refusal::Sender => {
                (400, 21606, "The From phone number is not a valid message-capable Twilio number")
            }
            Refusal::TooFast => (429, 20429, "Too many requests"),
            Refusal::Undocumented => (400, 21999, "A refusal that no table knows"),
        };
        HttpAnswer::json(status, &json!({ "code": code, "message": message, "status": status }))
    }

    fn failed(&self, status: u16) -> HttpAnswer {
        match status {
            500 => HttpAnswer::json(
                500,
                &json!({ "code": 20500, "message": "Internal Server Error", "status": 500 }),
            ),
            _ => HttpAnswer { status, body: "<html><body>Bad Gateway</body></html>".to_owned() },
        }
    }

    /// The signature is over the URL and the parameters in the order of their names.
    fn report(&self, report: &Report<'_>) -> Option<Callback> {
        let mut form =
            vec![("MessageSid", report.id), ("MessageStatus", "delivered"), ("To", report.recipient)];
        if !report.is_delivered {
            form[1].1 = "undelivered";
            form.push(("ErrorCode", "30007"));
        }
        form.sort_unstable();
        let signed: String = form.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let signature = sign_base64(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            SECRET.as_bytes(),
            &format!("{}{signed}", report.url),
        );
        Some(Callback {
            headers: vec![
                ("X-Twilio-Signature", signature),
                ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
            ],
            body: url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish(),
        })
    }
}
