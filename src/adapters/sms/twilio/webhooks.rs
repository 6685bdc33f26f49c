//! Twilio's webhooks: what became of a message (twilio.com/docs/messaging, "Track the message status"), what people write
//! ("Twilio's request to your webhook URL"; "Advanced Opt-Out" for `OptOutType`), and how they are signed
//! (twilio.com/docs/usage/security, "Validating requests").
//!
//! A webhook is a form, or JSON from Event Streams. The signature covers the parameters of a form. It does not cover JSON:
//! there it covers the URL, and `bodySHA256` in the URL's query covers the body.

use std::borrow::Cow;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use super::account::{ECHO_PARAMETER, TwilioAccountSettings};
use super::errors;
use super::parameters::{TwilioParameters, bare};
use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, SignatureAlgorithm, WebhookError, WebhookHandler, WebhookPayload,
    WebhookRequest, decode_hex, is_valid_signature, named_person, read_each,
};
use crate::model::{
    AddressChange, AddressReport, AttemptRef, BusinessId, InboundText, Objection, OutcomeEvidence,
    ReceiptStatus, Timestamp,
};
use crate::secret::Secret;

/// Takes the webhooks of an account, whichever channel they speak of.
#[derive(Debug)]
pub(in crate::adapters) struct TwilioWebhooks {
    /// The account's auth token, by which it signs unless a webhook says otherwise.
    auth_token: Option<Secret>,
    /// The secret of the shared key, by which it signs a webhook that says so.
    shared_key: Option<Secret>,
    /// The business whose user ids on WhatsApp it speaks of.
    business: BusinessId,
}

#[async_trait]
impl WebhookHandler for TwilioWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let body = request.body.ok_or(WebhookError::Unauthenticated("Twilio calls with POST"))?;
        let encoding = WebhookEncoding::of(request);
        let form = match encoding {
            WebhookEncoding::Form => TwilioParameters::from_form(body),
            WebhookEncoding::Json { .. } => TwilioParameters::default(),
        };
        if !self.is_signed(request, &form) {
            return Err(WebhookError::Unauthenticated("X-Twilio-Signature is not that of this account"));
        }
        let all = match encoding {
            WebhookEncoding::Form => vec![form],
            WebhookEncoding::Json { digest } => {
                verify_digest(digest, body)?;
                TwilioParameters::from_json(body)?
            }
        };
        read_each(&all, |parameters| self.read(parameters, request)).map(WebhookPayload::Events)
    }
}

impl TwilioWebhooks {
    /// What takes the webhooks, if a secret is known by which the account signs: `auth_token` is one unless an API key is
    /// used, and then `account_auth_token` is; or `shared_key`.
    pub(in crate::adapters) fn new(account: &TwilioAccountSettings, business: &BusinessId) -> Option<Self> {
        let auth_token = account.api_key_sid.is_none().then_some(&account.auth_token);
        let auth_token = account.account_auth_token.as_ref().or(auth_token).cloned();
        let shared_key = account.shared_key.clone();
        let is_known = auth_token.is_some() || shared_key.is_some();
        is_known.then_some(Self { auth_token, shared_key, business: business.clone() })
    }

    /// The signature is over the URL and the parameters in the order of their names. Twilio writes the URL with a port or without
    /// it, whatever it was given (twilio/twilio-python#392, #402, #477).
    fn is_signed(&self, request: &WebhookRequest<'_>, parameters: &TwilioParameters<'_>) -> bool {
        let signature = request.header("X-Twilio-Signature").and_then(|text| STANDARD.decode(text).ok());
        let (Some(signature), Some((algorithm, key))) = (signature, self.key(request)) else { return false };
        let sorted = parameters.sorted();
        spellings(request.url).iter().any(|url| {
            let rest = sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
            let parts: Vec<&[u8]> = std::iter::once(url.as_bytes()).chain(rest).collect();
            is_valid_signature(algorithm, key.expose().as_bytes(), &parts, &signature)
        })
    }

    /// What a webhook says: of a message that went out when it has a status, of one that came in otherwise. A form does not say
    /// when it happened.
    fn read(
        &self,
        parameters: &TwilioParameters<'_>,
        request: &WebhookRequest<'_>,
    ) -> Result<Vec<ProviderEvent>, WebhookError> {
        let malformed = || {
            WebhookError::Malformed("it has neither a MessageSid and a MessageStatus nor a From".to_owned())
        };
        let sid = parameters.get("MessageSid").ok_or_else(malformed)?;
        let at = parameters.timestamp().unwrap_or(request.now);
        match (parameters.get("MessageStatus"), parameters.get("From")) {
            (Some(word), _) => {
                let report = delivery_report(parameters, sid, word, &self.business, at);
                let report = report.map(|report| DeliveryReport { echo: echo(request.query), ..report });
                Ok(report.map(ProviderEvent::Receipt).into_iter().collect())
            }
            (None, Some(_)) => Ok(inbound(parameters, sid, &self.business, at)),
            (None, None) => Err(malformed()),
        }
    }

    /// What a webhook is signed with: `key=ID,algorithm=HMAC_SHA256` names a shared key, and without this header it is the
    /// auth token with SHA-1 (Twilio's SDK for Python 9.13, `request_validator`).
    fn key(&self, request: &WebhookRequest<'_>) -> Option<(SignatureAlgorithm, &Secret)> {
        const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";
        if !request.headers.contains_key(SETTINGS) {
            return Some((SignatureAlgorithm::HmacSha1, self.auth_token.as_ref()?));
        }
        let mut settings = request.header(SETTINGS)?.split(',').map(str::trim);
        let is_sha256 = settings.any(|setting| setting.eq_ignore_ascii_case("algorithm=HMAC_SHA256"));
        is_sha256.then_some((SignatureAlgorithm::HmacSha256, self.shared_key.as_ref()?))
    }
}

/// How the body of a webhook is written.
enum WebhookEncoding {
    /// A form.
    Form,
    /// JSON.
    Json {
        /// The SHA-256 of the body, as the URL has it in hexadecimal digits; `None` when it has none.
        digest: Option<String>,
    },
}

impl WebhookEncoding {
    /// Twilio adds the digest to the URL of JSON, so a URL that has one means JSON unless the body is said to be a form.
    fn of(request: &WebhookRequest<'_>) -> Self {
        let media_type = request.header("Content-Type").unwrap_or_default().to_ascii_lowercase();
        let mut query = form_urlencoded::parse(request.query.as_bytes());
        let digest = query.find(|(name, _)| name == "bodySHA256").map(|(_, digits)| digits.into_owned());
        let is_form = media_type.starts_with("application/x-www-form-urlencoded");
        if is_form || digest.is_none() && !media_type.contains("json") {
            Self::Form
        } else {
            Self::Json { digest }
        }
    }
}

/// Checks that a digest is that of the body. The digest is signed, so the body is then Twilio's.
fn verify_digest(digest: Option<String>, body: &[u8]) -> Result<(), WebhookError> {
    let digest = digest.ok_or(WebhookError::Unauthenticated("JSON needs a bodySHA256 in the URL's query"))?;
    let is_that_of_the_body: bool =
        decode_hex(&digest).is_some_and(|digest| Sha256::digest(body).as_slice().ct_eq(&digest).into());
    let other = WebhookError::Unauthenticated("bodySHA256 is not that of the body");
    is_that_of_the_body.then_some(()).ok_or(other)
}

/// The URL as Twilio may have written it: as it is, with the scheme's own port, and without the port that it has.
fn spellings(url: &str) -> [Cow<'_, str>; 2] {
    let Some((scheme, rest)) = url.split_once("://") else { return [url.into(), url.into()] };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let other = match authority.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, _)) => format!("{scheme}://{host}{path}"),
        None if scheme == "http" => format!("{scheme}://{authority}:80{path}"),
        None => format!("{scheme}://{authority}:443{path}"),
    };
    [url.into(), other.into()]
}

/// The attempt that the URL holds, if Twilio was given it with the message. The signature covers it.
fn echo(query: &str) -> Option<AttemptRef> {
    let mut query = form_urlencoded::parse(query.as_bytes());
    query.find(|(name, _)| name == ECHO_PARAMETER).and_then(|(_, text)| text.parse().ok())
}

/// What became of a message; `None` when that is nothing new.
fn delivery_report(
    parameters: &TwilioParameters<'_>,
    sid: &str,
    word: &str,
    business: &BusinessId,
    reported_at: Timestamp,
) -> Option<DeliveryReport> {
    // Event Streams writes the words in capitals.
    let status = match word.to_ascii_lowercase().as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "undelivered" | "failed" | "canceled" => ReceiptStatus::Failed,
        // On its way, or a word that is not documented yet.
        _ => return None,
    };
    let (mut evidence, mut objection) = Default::default();
    if status == ReceiptStatus::Failed {
        let code = parameters.get("ErrorCode").unwrap_or_default();
        evidence = OutcomeEvidence::new(code, parameters.get("ErrorMessage").unwrap_or_default());
        objection = code.parse().ok().and_then(errors::meaning).and_then(|meaning| meaning.objection());
    }
    let (reference, address) = (sid.to_owned(), parameters.address("To", business));
    Some(DeliveryReport {
        reference,
        echo: None,
        address,
        aliases: Vec::new(),
        status,
        reported_at,
        evidence,
        objection,
    })
}

/// What somebody wrote, and what Twilio made of it, if it took it for an opt-out or for the end of one; nothing when it
/// comes from nobody who is known by a number or a user id.
fn inbound(
    parameters: &TwilioParameters<'_>,
    sid: &str,
    business: &BusinessId,
    at: Timestamp,
) -> Vec<ProviderEvent> {
    let user = parameters.address("ExternalUserId", business);
    let from = parameters.address("From", business);
    let user = user.filter(|user| from.as_ref() != Some(user));
    let Some((from, aliases)) = named_person([from, user]) else { return Vec::new() };
    let to = parameters.get("To").map(|to| bare(to).to_owned());
    let text = InboundText {
        id: sid.to_owned(),
        from: from.clone(),
        aliases: aliases.clone(),
        to: to.clone(),
        text: parameters.get("Body").unwrap_or_default().to_owned(),
        reply_to: parameters.get("OriginalRepliedMessageSid").map(str::to_owned),
        at,
    };
    let kind = parameters.get("OptOutType").unwrap_or_default();
    let change = match kind {
        "STOP" => Some(AddressChange::Objected(Objection::OptedOut)),
        "START" => Some(AddressChange::Returned),
        // HELP, or a word that is not documented yet.
        _ => None,
    };
    let evidence = OutcomeEvidence::new(kind, "");
    // Another id than that of the text: they are two things.
    let id = format!("{sid} {kind}");
    let report = change.map(|change| AddressReport { id, address: from, aliases, to, change, at, evidence });
    std::iter::once(ProviderEvent::Text(text)).chain(report.map(ProviderEvent::Address)).collect()
}

#[cfg(test)]
mod tests;
