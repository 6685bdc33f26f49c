//! The sender and the recipient of an email, however it is sent.

use lettre::Address;
use lettre::message::Mailbox;
use url::Host;

use super::replies;
use crate::adapters::{Envelope, ProviderBuildError, rejected_outcome};
use crate::model::{self, Outcome, Rejection};

/// Who one provider's messages are from.
#[derive(Debug, Clone)]
pub(super) struct SenderMailbox {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl SenderMailbox {
    /// Reads the settings `from` and `reply_to`.
    ///
    /// # Errors
    /// When one of them is not a mailbox.
    pub(super) fn new(from: &str, reply_to: Option<&str>) -> Result<Self, ProviderBuildError> {
        let wrong = |setting| ProviderBuildError::Setting {
            setting,
            must: "must be an email address with an ASCII local part, alone or as Name <address>",
        };
        Ok(Self {
            from: mailbox(from).ok_or(wrong("from"))?,
            reply_to: reply_to.map(|text| mailbox(text).ok_or(wrong("reply_to"))).transpose()?,
        })
    }

    /// Who the message is from: the brand's own sender, or the provider's.
    pub(super) fn mailbox_for(&self, envelope: &Envelope) -> Result<Mailbox, Outcome> {
        match &envelope.from {
            None => Ok(self.from.clone()),
            Some(sender) => mailbox(sender)
                .ok_or_else(|| replies::misconfigured("the brand's sender is not an email address")),
        }
    }

    /// Where answers go, when not to the sender.
    pub(super) fn reply_to(&self) -> Option<&Mailbox> {
        self.reply_to.as_ref()
    }
}

/// The address of the recipient with its domain in ASCII (RFC 5891), as every server takes it. A local part beyond ASCII
/// stays, for servers with SMTPUTF8 (RFC 6531).
///
/// # Errors
/// A rejection when the address is not an email address, or cannot be written in an email.
pub(super) fn recipient_address(address: &model::Address) -> Result<Address, Outcome> {
    let bad = |text| rejected_outcome(Rejection::Address { certain: false }, text);
    let model::Address::Email(email) = address else {
        return Err(bad("the address is not an email address"));
    };
    with_ascii_domain(email.as_str()).ok_or_else(|| bad("the address cannot be written in an email"))
}

/// The address with its domain in ASCII; `None` when it is none.
pub(super) fn with_ascii_domain(address: &str) -> Option<Address> {
    let (local, domain) = address.rsplit_once('@')?;
    let domain = if domain.is_ascii() { domain.to_owned() } else { Host::parse(domain).ok()?.to_string() };
    Address::new(local, domain).ok()
}

fn mailbox(text: &str) -> Option<Mailbox> {
    if text.contains(char::is_control) {
        return None;
    }
    let parsed: Mailbox = text.parse().ok()?;
    let email = with_ascii_domain(parsed.email.as_ref())?;
    email.user().is_ascii().then(|| Mailbox::new(parsed.name, email))
}
