//! Webhook requests that prove themselves by a user and a password (RFC 7617): those of providers that sign nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{WebhookError, WebhookRequest, constant_time_eq};
use crate::adapters::ProviderBuildError;
use crate::secret::Secret;

/// The credentials that the provider was told to send with its webhook requests.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct BasicAuth {
    /// The user.
    pub user: String,
    /// The password that goes with it.
    pub password: Secret,
}

impl BasicAuth {
    /// The credentials in the settings `webhook_user` and `webhook_password`; `None` when neither is set.
    ///
    /// # Errors
    /// When only one of them is there, or one of them cannot be right.
    pub fn from_settings(
        user: Option<&str>,
        password: Option<&Secret>,
    ) -> Result<Option<Self>, ProviderBuildError> {
        let wrong = |setting, must| Err(ProviderBuildError::Setting { setting, must });
        match (user, password) {
            (None, None) => Ok(None),
            (Some(_), None) => wrong("webhook_password", "must be set where webhook_user is"),
            (None, Some(_)) => wrong("webhook_user", "must be set where webhook_password is"),
            (Some(user), Some(_)) if user.is_empty() || user.contains(':') => {
                wrong("webhook_user", "must not be empty, nor have a colon in it")
            }
            (Some(_), Some(password)) if password.expose().is_empty() => {
                wrong("webhook_password", "must not be empty")
            }
            (Some(user), Some(password)) => {
                Ok(Some(Self { user: user.to_owned(), password: password.clone() }))
            }
        }
    }

    /// Lets a request through that carries the user and the password.
    ///
    /// # Errors
    /// `Unauthenticated` for every other one.
    pub fn verify(&self, request: &WebhookRequest<'_>) -> Result<(), WebhookError> {
        let authorization = request.header("Authorization").and_then(|text| text.split_once(' '));
        let right = STANDARD.encode(format!("{}:{}", self.user, self.password.expose()));
        match authorization {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case("Basic") && constant_time_eq(token.trim(), &right) =>
            {
                Ok(())
            }
            _ => Err(WebhookError::Unauthenticated("Authorization is not that of the configuration")),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn admits(authorization: &[&str]) -> bool {
        let password = Secret::new("open sesame: π");
        let auth = BasicAuth::from_settings(Some("relevo"), Some(&password)).unwrap().unwrap();
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append("Authorization", value.parse().unwrap());
        }
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let request = WebhookRequest { url: "", query: "", headers: &headers, body: None, now };
        auth.verify(&request).is_ok()
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn the_user_and_the_password_open_and_nothing_else_does() {
        let right = basic("relevo:open sesame: π");
        assert!(admits(&[&right]));
        assert!(admits(&[&right.replace("Basic", "basic")]), "a scheme has no case");
        for wrong in [
            basic("relevo:open sesame"),
            basic("relevo:open sesame: π "),
            basic("other:open sesame: π"),
            basic("relevo:"),
            basic(""),
            right.replace("Basic", "Bearer"),
            right.replace("Basic ", ""),
            "Basic".to_owned(),
            "Basic not base64".to_owned(),
            String::new(),
        ] {
            assert!(!admits(&[&wrong]), "{wrong}");
        }
        assert!(!admits(&[]) && !admits(&[&right, &right]), "it stands there once");
    }

    #[test]
    fn both_settings_are_there_or_neither() {
        let secret = Secret::new("a");
        let error = |user, password| BasicAuth::from_settings(user, password).unwrap_err().to_string();
        assert!(BasicAuth::from_settings(None, None).unwrap().is_none());
        assert_eq!(error(Some("a"), None), "webhook_password must be set where webhook_user is");
        assert_eq!(error(None, Some(&secret)), "webhook_user must be set where webhook_password is");
        for user in ["", "a:b"] {
            let must = "webhook_user must not be empty, nor have a colon in it";
            assert_eq!(error(Some(user), Some(&secret)), must);
        }
        assert_eq!(error(Some("a"), Some(&Secret::new(""))), "webhook_password must not be empty");
    }
}
