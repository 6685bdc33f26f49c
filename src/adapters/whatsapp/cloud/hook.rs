//! The Cloud API's webhooks (developers.facebook.com, WhatsApp Business Platform, "Webhooks"): how they are signed, and the
//! question by which Meta verifies a URL.

use async_trait::async_trait;
use url::form_urlencoded;

use super::payload;
use crate::adapters::hooks::{Algorithm, Call, Heard, Hook, HookError, hex, is_signed, same};
use crate::secret::Secret;

/// Takes the webhooks of an app.
pub(super) struct Webhooks {
    /// The app's secret, by which it signs.
    pub app_secret: Secret,
    /// What Meta was told to ask with; a URL is not verified without it.
    pub verify_token: Option<Secret>,
}

#[async_trait]
impl Hook for Webhooks {
    async fn hear(&self, call: &Call<'_>) -> Result<Heard, HookError> {
        let Some(body) = call.body else { return self.verify(call) };
        let signature =
            call.header("X-Hub-Signature-256").and_then(|text| hex(text.strip_prefix("sha256=")?));
        let key = self.app_secret.expose().as_bytes();
        // Over the bytes as they came: Meta escapes what another writer would not.
        if !signature.is_some_and(|own| is_signed(Algorithm::HmacSha256, key, &[body], &own)) {
            return Err(HookError::Forged("X-Hub-Signature-256 is not that of this app"));
        }
        payload::read(body).map(Heard::Told)
    }
}

impl Webhooks {
    fn verify(&self, call: &Call<'_>) -> Result<Heard, HookError> {
        let get = |name: &str| {
            form_urlencoded::parse(call.query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value)
        };
        let asked = get("hub.verify_token").unwrap_or_default();
        let is_right = self.verify_token.as_ref().is_some_and(|own| same(own.expose(), &asked));
        match (get("hub.mode").as_deref(), get("hub.challenge")) {
            (Some("subscribe"), Some(challenge)) if is_right => Ok(Heard::Challenge(challenge.into_owned())),
            _ => Err(HookError::Forged("hub.verify_token is not that of the configuration")),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn hook() -> Webhooks {
        Webhooks { app_secret: Secret::new("app"), verify_token: Some(Secret::new("verify")) }
    }

    async fn hear(signature: &str, body: &[u8]) -> Result<Heard, HookError> {
        hear_by(&hook(), signature, body).await
    }

    async fn hear_by(hook: &Webhooks, signature: &str, body: &[u8]) -> Result<Heard, HookError> {
        let mut headers = HeaderMap::new();
        headers.insert("X-Hub-Signature-256", signature.parse().unwrap());
        let (url, now) = ("https://hooks.example.com/providers/wa", "2026-11-22T10:00:00Z".parse().unwrap());
        hook.hear(&Call { url, query: "", headers: &headers, body: Some(body), now }).await
    }

    fn sign(body: &[u8]) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"app");
        let hex: String =
            ring::hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let body = br#"{"entry":[]}"#;
        let right = sign(body);
        assert_eq!(hear(&right, body).await, Ok(Heard::Told(vec![])));
        for (signature, body) in [
            (right.as_str(), &br#"{"entry":[ ]}"#[..]),
            (&right[7..], body),
            (&right[..69], body),
            ("sha256=", body),
            ("sha256=zz", body),
            ("", body),
        ] {
            assert!(matches!(hear(signature, body).await, Err(HookError::Forged(_))), "{signature}");
        }
        let other = Webhooks { app_secret: Secret::new("other"), ..hook() };
        assert!(matches!(hear_by(&other, &right, body).await, Err(HookError::Forged(_))));
    }

    #[tokio::test]
    async fn what_is_signed_and_cannot_be_read_is_told_apart() {
        let body = b"nonsense";
        assert!(matches!(hear(&sign(body), body).await, Err(HookError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_url_is_verified_by_the_token_alone() {
        let headers = HeaderMap::new();
        let call = |query| {
            let now = "2026-11-22T10:00:00Z".parse().unwrap();
            Call { url: "", query, headers: &headers, body: None, now }
        };
        let right = "hub.mode=subscribe&hub.verify_token=verify&hub.challenge=1158201444";
        assert_eq!(hook().hear(&call(right)).await, Ok(Heard::Challenge("1158201444".to_owned())));
        for wrong in [
            "",
            "hub.mode=subscribe&hub.verify_token=verif&hub.challenge=1",
            "hub.mode=unsubscribe&hub.verify_token=verify&hub.challenge=1",
            "hub.mode=subscribe&hub.verify_token=verify",
        ] {
            assert!(matches!(hook().hear(&call(wrong)).await, Err(HookError::Forged(_))), "{wrong}");
        }
        let without = Webhooks { verify_token: None, ..hook() };
        let empty = "hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
        assert!(without.hear(&call(empty)).await.is_err());
    }
}
