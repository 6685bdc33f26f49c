//! The SMTP adapter against aiosmtpd and smtp-sink.

mod dkim;
mod extensions;
mod maildev;
mod messages;
mod outcomes;
mod servers;
pub mod tls;

use relevo::adapters::email::{SmtpAdapter, SmtpSettings};
use relevo::adapters::{Adapter, Envelope, ProviderBuildError, ProviderLimits};
use relevo::model::{Address, Outcome, RenderedContent};

use crate::support::envelopes::to;

/// An adapter for the server on `port`, with more settings in TOML.
fn build(port: u16, more: &str) -> Result<SmtpAdapter, ProviderBuildError> {
    build_with_timeout(port, more, 5_000)
}

fn build_with_timeout(port: u16, more: &str, timeout_ms: u64) -> Result<SmtpAdapter, ProviderBuildError> {
    let text = format!(
        "host = 'localhost'\nport = {port}\nfrom = 'Shop <shop@example.com>'\nhello_name = 'gateway.example'\n\
         final_reply_timeout_ms = 2000\n{more}"
    );
    let settings: SmtpSettings = toml::from_str(&text).unwrap();
    SmtpAdapter::new(
        &settings,
        &ProviderLimits {
            connect_timeout_ms: 2_000,
            timeout_ms: Some(timeout_ms),
            ..ProviderLimits::default()
        },
    )
}

/// An adapter for a server in clear.
fn plain(port: u16) -> SmtpAdapter {
    build(port, "tls = 'none'").unwrap()
}

/// An email to the address.
fn email(address: &str) -> Envelope {
    content(address, "Your order", Some("It is on its way."), None)
}

fn content(address: &str, subject: &str, text: Option<&str>, html: Option<&str>) -> Envelope {
    let content = RenderedContent::Email {
        subject: subject.into(),
        text: text.map(Into::into),
        html: html.map(Into::into),
    };
    to(Address::Email(address.parse().unwrap()), content)
}

fn evidence(outcome: &Outcome) -> String {
    outcome.evidence().map(ToString::to_string).unwrap_or_default()
}

async fn assert_sent(adapter: &SmtpAdapter, envelope: &Envelope) {
    let outcome = adapter.deliver(envelope).await;
    assert_eq!(outcome.as_str(), "sent", "{}", evidence(&outcome));
}
