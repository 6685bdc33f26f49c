//! A person, as a brand knows them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Address, Channel, ContactId, ContactIncarnation, ContactVersion, FoldedLedger, Labels, LiftedSuppression,
    Preferences, PreferencesVersion, ProviderName, Suppression, Timestamp, later,
};

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
    /// Other addresses of the same person by which providers know this one, the newest last: learned from what they answer and
    /// report.
    pub aliases: Vec<Address>,
}

/// How long a person's WhatsApp message opens the service window (Meta, Cloud API, "customer service windows").
const SERVICE_WINDOW: Duration = Duration::from_secs(24 * 3_600);

impl ContactAddress {
    /// How many aliases of an address are kept.
    pub const MAX_ALIASES: usize = 4;

    /// An address of which nothing else is known.
    pub fn new(address: Address) -> Self {
        Self { address, whatsapp_inbound_at: None, whatsapp_windows: BTreeMap::new(), aliases: Vec::new() }
    }

    /// The address and its aliases.
    pub fn spellings(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.address).chain(&self.aliases)
    }

    /// Whether it is known by this address, in whatever spelling.
    pub fn is_known_by(&self, address: &Address) -> bool {
        self.spellings().any(|known| known.is_same(address))
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

    /// The contact's address that is known by this one.
    pub fn entry_known_by(&self, address: &Address) -> Option<&ContactAddress> {
        let exact = self.addresses.iter().find(|entry| entry.address.is_same(address));
        exact.or_else(|| self.addresses.iter().find(|entry| entry.is_known_by(address)))
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

impl Recipient {
    /// The state of its preferences.
    pub fn preferences_version(&self) -> PreferencesVersion {
        self.preferences.version(self.contact.incarnation)
    }
}
