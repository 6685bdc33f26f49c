//! The authentication at an SMTP server: by a password, or by an access token that somebody else keeps fresh.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::failures::failure;
use super::replies::{self, SmtpReply, SmtpStage};
use super::settings::SmtpSettings;
use crate::model::Outcome;
use crate::secret::Secret;

/// An access token is one or two thousand bytes long.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

/// How the gateway authenticates.
#[derive(Debug)]
pub(super) enum SmtpLogin {
    /// By a user's name and password.
    Password(Credentials),
    /// By OAuth 2.0 (XOAUTH2): the token is read for each connection, because it expires and is then replaced.
    Token { username: String, file: PathBuf },
}

/// The challenge with which a server says why it will refuse a token.
#[derive(Debug, Default, Deserialize)]
struct AuthChallenge {
    #[serde(default)]
    status: String,
}

impl SmtpLogin {
    /// The login in the settings, if there is one.
    pub(super) fn new(settings: &SmtpSettings) -> Option<Self> {
        let username = settings.username.clone()?;
        Some(match (&settings.oauth2_token_file, &settings.password) {
            (Some(file), _) => Self::Token { username, file: file.clone() },
            (None, password) => {
                Self::Password(Credentials::new(username, password.as_ref()?.expose().to_owned()))
            }
        })
    }

    /// Authenticates, by what the server offers.
    pub(super) async fn authenticate(&self, smtp: &mut AsyncSmtpConnection) -> Result<(), Outcome> {
        match self {
            Self::Password(credentials) => by_password(smtp, credentials).await,
            Self::Token { username, file } => by_token(smtp, username, &token(file).await?).await,
        }
    }
}

async fn by_password(smtp: &mut AsyncSmtpConnection, credentials: &Credentials) -> Result<(), Outcome> {
    if smtp.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
        return Err(replies::misconfigured("the server offers neither AUTH PLAIN nor AUTH LOGIN"));
    }
    let accepted = smtp.auth(DEFAULT_MECHANISMS, credentials).await;
    accepted.map(drop).map_err(|error| refusal(&error, "the server refuses the credentials"))
}

/// A server that refuses a token first says why, in a challenge that wants an empty answer (Google's description of
/// XOAUTH2, "Error response"); lettre would leave it waiting.
async fn by_token(smtp: &mut AsyncSmtpConnection, username: &str, token: &str) -> Result<(), Outcome> {
    if !smtp.server_info().supports_auth_mechanism(Mechanism::Xoauth2) {
        return Err(replies::misconfigured("the server does not offer AUTH XOAUTH2"));
    }
    let response = BASE64_STANDARD.encode(format!("user={username}\x01auth=Bearer {token}\x01\x01"));
    let mut refused = "the server refuses the access token".to_owned();
    let mut answer = smtp.command(format!("AUTH XOAUTH2 {response}\r\n")).await;
    if let Ok(response) = &answer
        && response.has_code(334)
    {
        let said = response.first_word().and_then(|word| BASE64_STANDARD.decode(word).ok());
        let challenge: AuthChallenge =
            said.and_then(|said| serde_json::from_slice(&said).ok()).unwrap_or_default();
        if !challenge.status.is_empty() {
            refused = format!("{refused} (status {})", challenge.status);
        }
        answer = smtp.command("\r\n").await;
    }
    match answer {
        Ok(response) if response.has_code(235) => Ok(()),
        Ok(response) => {
            Err(replies::unavailable(SmtpStage::Auth, &format!("unexpected reply {}", response.code())))
        }
        Err(error) => Err(refusal(&error, &refused)),
    }
}

/// Without the server's own text, because some repeat the command, and so the password.
fn refusal(error: &Error, text: &str) -> Outcome {
    match error.status() {
        Some(code) => SmtpReply::new(code.into(), text).outcome(SmtpStage::Auth),
        None => failure(SmtpStage::Auth, error),
    }
}

/// The token in the file, as it is now.
async fn token(file: &PathBuf) -> Result<String, Outcome> {
    let unusable = |why: &str| {
        replies::misconfigured(&format!("oauth2_token_file: {} cannot be used: {why}", file.display()))
    };
    let failed = |error: std::io::Error| unusable(&error.to_string());
    let mut bytes = Vec::new();
    let opened = tokio::fs::File::open(file).await.map_err(failed)?;
    opened.take(MAX_TOKEN_BYTES).read_to_end(&mut bytes).await.map_err(failed)?;
    let token = Secret::read(&bytes).map_err(|error| unusable(&format!("it {error}")))?;
    if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable("it must hold an access token and nothing else"));
    }
    Ok(token.expose().to_owned())
}
