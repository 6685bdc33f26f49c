//! Telegram's webhooks (core.telegram.org/bots/api#setwebhook): each request is one update, and proves itself by a token
//! that Telegram was given when the webhook was set.

use async_trait::async_trait;

use super::links::TelegramLinkSigner;
use super::updates;
use crate::adapters::webhooks::{
    WebhookError, WebhookHandler, WebhookPayload, WebhookRequest, constant_time_eq,
};
use crate::secret::Secret;

/// Takes the webhooks of a bot.
#[derive(Debug)]
pub(super) struct TelegramWebhooks {
    /// What Telegram was given to send along.
    pub secret: Secret,
    /// Verifies the links that people follow.
    pub links: Option<TelegramLinkSigner>,
}

#[async_trait]
impl WebhookHandler for TelegramWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let token = request.header("X-Telegram-Bot-Api-Secret-Token").unwrap_or_default();
        if !constant_time_eq(self.secret.expose(), token) {
            return Err(WebhookError::Unauthenticated(
                "X-Telegram-Bot-Api-Secret-Token is not webhook_secret",
            ));
        }
        let malformed =
            |error: String| WebhookError::Malformed(format!("not an update of the Bot API: {error}"));
        let update = serde_json::from_slice(request.body.unwrap_or_default());
        let update = update.map_err(|error| malformed(error.to_string()))?;
        let events = updates::read(update, self.links.as_ref()).map_err(malformed)?;
        Ok(WebhookPayload::Events(events.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    const UPDATE: &[u8] =
        br#"{"update_id":1,"message":{"message_id":7,"date":1795341600,"chat":{"id":42,"type":"private"},"text":"hi"}}"#;

    async fn handle(secrets: &[&str], body: Option<&[u8]>) -> Result<WebhookPayload, WebhookError> {
        let name = HeaderName::from_static("x-telegram-bot-api-secret-token");
        let mut headers = HeaderMap::new();
        for secret in secrets {
            headers.append(&name, HeaderValue::from_str(secret).unwrap());
        }
        let (url, now) = ("https://hooks.example.com/providers/bot", "2026-11-22T10:00:00Z".parse().unwrap());
        let handler = TelegramWebhooks { secret: Secret::new("s3cret-of-the-hook"), links: None };
        handler.handle(&WebhookRequest { url, query: "", headers: &headers, body, now }).await
    }

    #[tokio::test]
    async fn an_update_is_believed_with_the_secret_alone() {
        let Ok(WebhookPayload::Events(events)) = handle(&["s3cret-of-the-hook"], Some(UPDATE)).await else {
            panic!()
        };
        assert_eq!(events.len(), 1);
        for wrong in
            [&[][..], &[""], &["s3cret-of-the-hoo"], &["s3cret-of-the-hook2"], &["s3cret-of-the-hook"; 2]]
        {
            assert!(
                matches!(handle(wrong, Some(UPDATE)).await, Err(WebhookError::Unauthenticated(_))),
                "{wrong:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_proven_and_cannot_be_read_is_told_apart() {
        for body in
            [None, Some(&b""[..]), Some(b"[]"), Some(b"{}"), Some(b"{\"update_id\":1,\"message\":{}}")]
        {
            let handled = handle(&["s3cret-of-the-hook"], body).await;
            assert!(matches!(handled, Err(WebhookError::Malformed(_))), "{handled:?}");
        }
        let other = handle(&["s3cret-of-the-hook"], Some(br#"{"update_id":1,"poll":{}}"#)).await;
        assert_eq!(other, Ok(WebhookPayload::Events(vec![])));
    }
}
