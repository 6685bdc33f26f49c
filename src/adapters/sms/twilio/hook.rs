//! Twilio's status callbacks (twilio.com/docs/messaging, "Track the message status") and how they are signed
//! (twilio.com/docs/usage/security, "Validating requests").

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::errors;
use crate::adapters::hooks::{Algorithm, Call, Heard, Hook, HookError, Notice, Told, is_signed, phone};
use crate::model::{OutcomeEvidence, ReceiptStatus};
use crate::secret::Secret;

type Parameters<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Takes the status callbacks of an account, whichever channel they speak of.
pub(in crate::adapters) struct StatusCallbacks {
    /// The account's auth token, by which it signs.
    auth_token: Secret,
}

#[async_trait]
impl Hook for StatusCallbacks {
    async fn hear(&self, call: &Call<'_>) -> Result<Heard, HookError> {
        let body = call.body.ok_or(HookError::Forged("Twilio calls with POST"))?;
        let parameters: Parameters<'_> = form_urlencoded::parse(body).collect();
        if !self.is_signed(call, &parameters) {
            return Err(HookError::Forged("X-Twilio-Signature is not that of this account"));
        }
        read(&parameters, call).map(|notice| Heard::Told(notice.map(Told::Receipt).into_iter().collect()))
    }
}

impl StatusCallbacks {
    /// What takes the callbacks, if the account's own auth token is known: `auth_token` is it unless an API key is used, and
    /// then `account_auth_token` is.
    pub(in crate::adapters) fn hook(
        auth_token: &Secret,
        api_key_sid: Option<&str>,
        account_auth_token: Option<&Secret>,
    ) -> Option<Arc<dyn Hook>> {
        let own = api_key_sid.is_none().then_some(auth_token);
        let auth_token = account_auth_token.or(own)?.clone();
        Some(Arc::new(Self { auth_token }))
    }

    /// The signature is over the URL and the parameters in the order of their names. Twilio writes the URL with the
    /// scheme's own port or without it.
    fn is_signed(&self, call: &Call<'_>, parameters: &Parameters<'_>) -> bool {
        let given = call.header("X-Twilio-Signature").and_then(|text| STANDARD.decode(text).ok());
        let Some(given) = given else { return false };
        let mut sorted: Vec<_> = parameters.iter().collect();
        sorted.sort();
        let key = self.auth_token.expose().as_bytes();
        [Cow::Borrowed(call.url), with_port(call.url)].iter().any(|url| {
            let rest = sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
            let parts: Vec<&[u8]> = std::iter::once(url.as_bytes()).chain(rest).collect();
            is_signed(Algorithm::HmacSha1, key, &parts, &given)
        })
    }
}

/// The URL with its port, when it has none.
fn with_port(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())) {
        return url.into();
    }
    let port = if scheme == "http" { 80 } else { 443 };
    format!("{scheme}://{host}:{port}{path}").into()
}

/// What a callback says; `None` when it says nothing that is not known already.
fn read(parameters: &Parameters<'_>, call: &Call<'_>) -> Result<Option<Notice>, HookError> {
    let get = |name: &str| parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_ref());
    let required = |name| {
        get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| HookError::Malformed(format!("{name} is missing: it is not a status callback")))
    };
    let reference = required("MessageSid")?.to_owned();
    let status = match required("MessageStatus")? {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "undelivered" | "failed" | "canceled" => ReceiptStatus::Failed,
        // On its way, or a word of tomorrow.
        _ => return Ok(None),
    };
    let code = get("ErrorCode").and_then(|code| code.parse().ok());
    let meaning = code.and_then(errors::meaning).filter(|_| status == ReceiptStatus::Failed);
    let evidence = match status {
        ReceiptStatus::Failed => OutcomeEvidence::new(
            get("ErrorCode").unwrap_or_default(),
            get("ErrorMessage").unwrap_or_default(),
        ),
        _ => OutcomeEvidence::default(),
    };
    let objection = meaning.and_then(|own| own.outcome(evidence.clone(), None).objection());
    let address = get("To").and_then(|to| phone(to.strip_prefix("whatsapp:").unwrap_or(to)));
    // A callback does not say when it happened.
    let reported_at = call.now;
    Ok(Some(Notice { reference, echo: None, address, status, reported_at, evidence, objection }))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::model::Objection;

    const URL: &str = "https://hooks.example.com/providers/twilio";

    async fn hear(url: &str, signed: &str, body: &str) -> Result<Heard, HookError> {
        let mut headers = HeaderMap::new();
        headers.insert("X-Twilio-Signature", signed.parse().unwrap());
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let hook = StatusCallbacks { auth_token: Secret::new("12345") };
        hook.hear(&Call { url, query: "", headers: &headers, body: Some(body.as_bytes()), now }).await
    }

    fn sign(url: &str, body: &str) -> String {
        let mut parameters: Parameters<'_> = form_urlencoded::parse(body.as_bytes()).collect();
        parameters.sort();
        let joined: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        STANDARD.encode(ring::hmac::sign(&key, format!("{url}{joined}").as_bytes()))
    }

    async fn notice(body: &str) -> Notice {
        match hear(URL, &sign(URL, body), body).await {
            Ok(Heard::Told(told)) => match told.into_iter().next().unwrap() {
                Told::Receipt(notice) => notice,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_callback_says_what_became_of_the_message() {
        for (status, expected) in [
            ("sent", ReceiptStatus::Sent),
            ("delivered", ReceiptStatus::Delivered),
            ("read", ReceiptStatus::Read),
            ("undelivered", ReceiptStatus::Failed),
            ("failed", ReceiptStatus::Failed),
            ("canceled", ReceiptStatus::Failed),
        ] {
            let notice = notice(&format!("MessageSid=SM1&MessageStatus={status}&To=%2B34600123456")).await;
            assert_eq!((notice.reference.as_str(), notice.status), ("SM1", expected));
        }
        for status in ["queued", "sending", "accepted", "a-word-of-tomorrow"] {
            let body = format!("MessageSid=SM1&MessageStatus={status}");
            assert_eq!(hear(URL, &sign(URL, &body), &body).await, Ok(Heard::Told(vec![])), "{status}");
        }
    }

    #[tokio::test]
    async fn only_what_is_certain_suppresses_the_address() {
        for (code, expected) in [
            ("30005", Some(Objection::BadAddress)),
            ("21610", Some(Objection::OptedOut)),
            ("30004", None),
            ("30003", None),
            ("30007", None),
            ("99999", None),
            ("", None),
        ] {
            let body = format!("MessageSid=SM1&MessageStatus=undelivered&ErrorCode={code}");
            assert_eq!(notice(&body).await.objection, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let body = "MessageSid=SM1&MessageStatus=delivered";
        let right = sign(URL, body);
        assert!(hear(URL, &right, body).await.is_ok());
        assert!(
            hear(URL, &right, "MessageStatus=delivered&MessageSid=SM1").await.is_ok(),
            "the order is no matter"
        );
        assert!(hear(URL, &sign(&with_port(URL), body), body).await.is_ok(), "nor is the scheme's own port");
        let other = format!("{URL}?a=b");
        for (url, signed, body) in [
            (URL, right.as_str(), "MessageSid=SM1&MessageStatus=read"),
            (URL, right.as_str(), "MessageSid=SM1&MessageStatus=delivered&To=1"),
            (other.as_str(), right.as_str(), body),
            (URL, "", body),
            (URL, "not base64", body),
            (URL, &right[..20], body),
        ] {
            assert!(
                matches!(hear(url, signed, body).await, Err(HookError::Forged(_))),
                "{url} {signed} {body}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_signed_and_no_callback_is_told_apart() {
        let body = "From=%2B34600123456&Body=STOP&MessageSid=SM2";
        let answer = hear(URL, &sign(URL, body), body).await;
        assert_eq!(answer.unwrap_err().to_string(), "MessageStatus is missing: it is not a status callback");
    }
}
