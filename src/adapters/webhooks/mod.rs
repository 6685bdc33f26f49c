//! Webhooks: the requests by which providers report events, and the proof of who made them.

mod basic;
mod signature;
pub(super) mod sns;
mod standard;

use std::fmt;

use async_trait::async_trait;
use reqwest::header::HeaderMap;

pub(super) use basic::BasicAuth;
pub(super) use signature::{
    REDELIVERY_WINDOW, SignatureAlgorithm, constant_time_eq, decode_hex, is_recent, is_valid_signature,
};
pub(super) use standard::StandardWebhooksKey;

pub use super::events::{DeliveryReport, EventSink, ProviderEvent, RecordError, UncertainReceipt};

use crate::model::{Address, BusinessId, Phone, Timestamp};

/// A webhook request, as it arrived.
pub struct WebhookRequest<'a> {
    /// The URL that the provider was given, with the query of this request: what it signs. It comes from the configuration
    /// and not from the request, because behind a proxy the request says anything.
    pub url: &'a str,
    /// The query, escaped as it came; empty when there is none.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte; `None` for a GET.
    pub body: Option<&'a [u8]>,
    /// The time.
    pub now: Timestamp,
}

impl WebhookRequest<'_> {
    /// A header's value, when it is there once and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }
}

/// The payload of a webhook request.
#[derive(Debug, PartialEq, Eq)]
pub enum WebhookPayload {
    /// The events that the provider reports; none when the request is about other things.
    Events(Vec<ProviderEvent>),
    /// The provider asks whether the gateway has this URL: the answer to give.
    Challenge(String),
}

/// Why a webhook request changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The request does not prove that it comes from the provider.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The request comes from the provider, and cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// Whether the request comes from the provider cannot be checked now: the provider should repeat it.
    #[error("{0}")]
    Unverifiable(String),
}

impl WebhookError {
    /// A stable word for the kind of error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Malformed(_) => "malformed",
            Self::Unverifiable(_) => "unverifiable",
        }
    }
}

/// Takes the webhook requests of one provider. Its debug output shows no secret.
#[async_trait]
pub trait WebhookHandler: fmt::Debug + Send + Sync {
    /// Checks that a request comes from the provider, and only then reads it.
    ///
    /// # Errors
    /// Why the request changes nothing.
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError>;

    /// Whether a mail to this address is for the handler. Such a mail becomes a request: the body is the mail, and the query
    /// names the address as `recipient`.
    fn accepts_mail_for(&self, recipient: &str) -> bool {
        let _ = recipient;
        false
    }
}

/// Reads a phone number as providers write them in reports: E.164, with or without its `+`.
pub(super) fn parse_phone(text: &str) -> Option<Address> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    Phone::from_e164(&format!("+{digits}")).ok().map(Address::Phone)
}

/// Reads each of the items that came in one request by itself. One that cannot be read must not keep the others back: the
/// provider would send all of them again, and in the end none (gopherium/AlphOne#36, PostHog/posthog#6227).
///
/// # Errors
/// The first error, when there are items and none could be read.
pub(super) fn read_each<T>(
    items: impl IntoIterator<Item = T>,
    read: impl Fn(T) -> Result<Vec<ProviderEvent>, WebhookError>,
) -> Result<Vec<ProviderEvent>, WebhookError> {
    let (read, unread): (Vec<_>, Vec<_>) = items.into_iter().map(read).partition(Result::is_ok);
    let (is_none_read, count) = (read.is_empty(), unread.len());
    let unreadable = match unread.into_iter().find_map(Result::err) {
        Some(error) if is_none_read => return Err(error),
        error => error.map(|error| ProviderEvent::Unreadable { count, why: error.to_string() }),
    };
    Ok(read.into_iter().flatten().flatten().chain(unreadable).collect())
}

/// Reads a user id of WhatsApp's as providers write them in reports.
pub(super) fn parse_user_id(business: &BusinessId, id: &str) -> Option<Address> {
    Address::whatsapp_user(business, id).ok()
}

/// Whom a report names: by the first address that there is, and by the others as aliases of it. `None` when there is none.
pub(super) fn named_person(addresses: [Option<Address>; 2]) -> Option<(Address, Vec<Address>)> {
    let mut addresses = addresses.into_iter().flatten();
    Some((addresses.next()?, addresses.collect()))
}

/// Reads a moment as providers write them in reports (RFC 3339).
///
/// # Errors
/// `Malformed` when it is none.
pub(super) fn parse_rfc3339(text: &str) -> Result<Timestamp, WebhookError> {
    let must = |_| WebhookError::Malformed("a time must be one of RFC 3339, with its offset".to_owned());
    text.parse().map_err(must)
}

/// Reads a moment in seconds since the Unix epoch.
pub(super) fn parse_unix_seconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(text.parse().ok()?).ok()
}
