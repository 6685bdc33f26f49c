//! The Cloud API's webhooks (developers.facebook.com, WhatsApp Business Platform, "Webhooks"): how they are signed, and the
//! question by which Meta verifies a URL.

use async_trait::async_trait;
use url::form_urlencoded;

use super::payload;
use crate::adapters::webhooks::{
    SignatureAlgorithm, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest, constant_time_eq,
    decode_hex, is_valid_signature,
};
use crate::model::BusinessId;
use crate::secret::Secret;

/// Takes the webhooks of an app.
#[derive(Debug)]
pub(super) struct WhatsappCloudWebhooks {
    /// The app's secret, by which it signs.
    pub app_secret: Secret,
    /// The token that Meta was given to verify the URL with; a URL is not verified without it.
    pub verify_token: Option<Secret>,
    /// The business whose user ids it speaks of.
    pub business: BusinessId,
}

#[async_trait]
impl WebhookHandler for WhatsappCloudWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let Some(body) = request.body else { return self.verify(request) };
        let signature =
            request.header("X-Hub-Signature-256").and_then(|text| decode_hex(text.strip_prefix("sha256=")?));
        let key = self.app_secret.expose().as_bytes();
        // Over the bytes as they came: Meta escapes what another writer would not.
        if !signature.is_some_and(|signature| {
            is_valid_signature(SignatureAlgorithm::HmacSha256, key, &[body], &signature)
        }) {
            return Err(WebhookError::Unauthenticated("X-Hub-Signature-256 is not that of this app"));
        }
        payload::read(body, &self.business).map(WebhookPayload::Events)
    }
}

impl WhatsappCloudWebhooks {
    fn verify(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let get = |name: &str| {
            form_urlencoded::parse(request.query.as_bytes())
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
        };
        let asked = get("hub.verify_token").unwrap_or_default();
        let is_right =
            self.verify_token.as_ref().is_some_and(|token| constant_time_eq(token.expose(), &asked));
        match (get("hub.mode").as_deref(), get("hub.challenge")) {
            (Some("subscribe"), Some(challenge)) if is_right => {
                Ok(WebhookPayload::Challenge(challenge.into_owned()))
            }
            _ => Err(WebhookError::Unauthenticated("hub.verify_token is not that of the configuration")),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn handler() -> WhatsappCloudWebhooks {
        WhatsappCloudWebhooks {
            app_secret: Secret::new("app"),
            verify_token: Some(Secret::new("verify")),
            business: "shop".parse().unwrap(),
        }
    }

    async fn handle(signature: &str, body: &[u8]) -> Result<WebhookPayload, WebhookError> {
        hear_by(&handler(), signature, body).await
    }

    async fn hear_by(
        handler: &WhatsappCloudWebhooks,
        signature: &str,
        body: &[u8],
    ) -> Result<WebhookPayload, WebhookError> {
        let mut headers = HeaderMap::new();
        headers.insert("X-Hub-Signature-256", signature.parse().unwrap());
        let (url, now) = ("https://hooks.example.com/providers/wa", "2026-11-22T10:00:00Z".parse().unwrap());
        handler.handle(&WebhookRequest { url, query: "", headers: &headers, body: Some(body), now }).await
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
        assert_eq!(handle(&right, body).await, Ok(WebhookPayload::Events(vec![])));
        for (signature, body) in [
            (right.as_str(), &br#"{"entry":[ ]}"#[..]),
            (&right[7..], body),
            (&right[..69], body),
            ("sha256=", body),
            ("sha256=zz", body),
            ("", body),
        ] {
            assert!(
                matches!(handle(signature, body).await, Err(WebhookError::Unauthenticated(_))),
                "{signature}"
            );
        }
        let other = WhatsappCloudWebhooks { app_secret: Secret::new("other"), ..handler() };
        assert!(matches!(hear_by(&other, &right, body).await, Err(WebhookError::Unauthenticated(_))));
    }

    #[tokio::test]
    async fn what_is_signed_and_cannot_be_read_is_told_apart() {
        let body = b"nonsense";
        assert!(matches!(handle(&sign(body), body).await, Err(WebhookError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_url_is_verified_by_the_token_alone() {
        let headers = HeaderMap::new();
        let request = |query| {
            let now = "2026-11-22T10:00:00Z".parse().unwrap();
            WebhookRequest { url: "", query, headers: &headers, body: None, now }
        };
        let right = "hub.mode=subscribe&hub.verify_token=verify&hub.challenge=1158201444";
        assert_eq!(
            handler().handle(&request(right)).await,
            Ok(WebhookPayload::Challenge("1158201444".to_owned()))
        );
        for wrong in [
            "",
            "hub.mode=subscribe&hub.verify_token=verif&hub.challenge=1",
            "hub.mode=unsubscribe&hub.verify_token=verify&hub.challenge=1",
            "hub.mode=subscribe&hub.verify_token=verify",
        ] {
            assert!(
                matches!(handler().handle(&request(wrong)).await, Err(WebhookError::Unauthenticated(_))),
                "{wrong}"
            );
        }
        let without = WhatsappCloudWebhooks { verify_token: None, ..handler() };
        let empty = "hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
        assert!(without.handle(&request(empty)).await.is_err());
    }
}
