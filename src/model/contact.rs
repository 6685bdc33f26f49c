//! A person, as a brand knows them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{
    Address, Channel, ContactId, ContactIncarnation, FoldedLedger, Labels, LiftedSuppression, Preferences,
    ProviderName, Suppression, Timestamp, later,
};

/// A state of a contact, which changes with every change and is never that of somebody else. As text it is the etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContactVersion {
    /// Whose state.
    pub incarnation: ContactIncarnation,
    /// How often it was changed, from 1; zero for what does not exist.
    pub changes: u64,
}

/// The text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an etag as it was read")]
pub struct ContactVersionError;

impl fmt::Display for ContactVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            ContactIncarnation(0) => self.changes.fmt(f),
            ContactIncarnation(number) => write!(f, "{number}-{}", self.changes),
        }
    }
}

impl FromStr for ContactVersion {
    type Err = ContactVersionError;

    fn from_str(text: &str) -> Result<Self, ContactVersionError> {
        let (incarnation, changes) = text.split_once('-').unwrap_or(("0", text));
        let number = |text: &str| text.parse().map_err(|_| ContactVersionError);
        Ok(Self { incarnation: ContactIncarnation(number(incarnation)?), changes: number(changes)? })
    }
}

/// A person, known to the brand by its own id.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// The brand's id.
    pub id: ContactId,
    /// Which of those that had the id.
    pub incarnation: ContactIncarnation,
    /// Where the person can be reached; the first of a kind is tried first.
    pub addresses: Vec<ContactAddress>,
    /// The brand's labels.
    pub labels: Labels,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How often it was changed, from 1.
    pub changes: u64,
}

/// An address of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactAddress {
    /// The address.
    pub address: Address,
    /// When the person last wrote to the brand on WhatsApp from this number, as the brand reported.
    pub whatsapp_inbound_at: Option<Timestamp>,
    /// The same by provider, as the providers reported: a window opens for one sender only.
    pub whatsapp_windows: BTreeMap<ProviderName, Timestamp>,
}

/// How long a person's WhatsApp message opens the service window (Meta, Cloud API, "customer service windows").
const SERVICE_WINDOW: Duration = Duration::from_secs(24 * 3_600);

impl ContactAddress {
    /// An address of which nothing else is known.
    pub fn new(address: Address) -> Self {
        Self { address, whatsapp_inbound_at: None, whatsapp_windows: BTreeMap::new() }
    }

    /// Through which providers WhatsApp's service window is open at `now`.
    pub fn service_window_at(&self, now: Timestamp) -> ServiceWindow {
        let open = |at: Timestamp| now < later(at, SERVICE_WINDOW);
        if self.whatsapp_inbound_at.is_some_and(open) {
            return ServiceWindow::AllProviders;
        }
        let open_windows = self.whatsapp_windows.iter().filter(|(_, at)| open(**at));
        ServiceWindow::Only(open_windows.map(|(provider, _)| provider.clone()).collect())
    }
}

/// Through which providers WhatsApp's service window is open for an address: outside it only templates may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceWindow {
    /// Through all.
    AllProviders,
    /// Through these.
    Only(Vec<ProviderName>),
}

impl ServiceWindow {
    /// Whether it is open through this provider.
    pub fn is_open_for(&self, provider: &ProviderName) -> bool {
        match self {
            Self::AllProviders => true,
            Self::Only(providers) => providers.contains(provider),
        }
    }
}

impl Contact {
    /// How many addresses a contact may have.
    pub const MAX_ADDRESSES: usize = 32;

    /// Its state now.
    pub fn version(&self) -> ContactVersion {
        ContactVersion { incarnation: self.incarnation, changes: self.changes }
    }

    /// The contact's addresses that `channel` delivers to, the preferred one first.
    pub fn addresses_for(&self, channel: Channel) -> impl Iterator<Item = &ContactAddress> {
        self.addresses.iter().filter(move |entry| channel.delivers_to(&entry.address))
    }
}

/// Everything consent and routing need to know of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The contact.
    pub contact: Contact,
    /// Its consent ledger, folded.
    pub ledger: FoldedLedger,
    /// How it wants to be reached.
    pub preferences: Preferences,
    /// Why its addresses are suppressed, on each channel: every reason that stands.
    pub suppressions: Vec<Suppression>,
    /// The suppressions of its addresses that were lifted: the last one of each reason. They decide nothing.
    pub lifted_suppressions: Vec<LiftedSuppression>,
}
