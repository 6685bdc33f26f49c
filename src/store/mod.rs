//! The records that must survive: messages and their histories, contacts, consents, controls, incidents and keys.
//!
//! The traits speak of these things, not of keys or tables. [`embedded`] implements them over an ordered map with atomic
//! batches, which is sled on disk or a plain map in memory; both run the same logic and pass one conformance suite.

pub mod embedded;

mod access_keys;
mod clock;
mod consents;
mod contacts;
mod controls;
mod cursor;
mod error;
mod inbound;
mod incidents;
mod links;
mod messages;
mod page;
mod preferences;
mod queue;
mod settings;
mod status;

use std::sync::Arc;

use tokio::sync::watch;

pub use access_keys::{KeyStore, MAX_REVOKED_KEYS};
pub use clock::ClockStore;
pub use consents::{
    AddressObjection, ConsentStore, LiftResult, MAX_TOPICS_OF_LEDGER, NewConsentEntry, REVOCATIONS_PER_GRANT,
    RecordConsentResult, SuppressResult,
};
pub use contacts::{AddressResult, ContactChange, ContactStore, SharedAddress, UpsertResult};
pub use controls::{ControlStore, MAX_CONTROL_CHANGES};
pub use cursor::{CursorKey, JournalCursor};
pub use error::StoreError;
pub use inbound::{EventResult, InboundEffect, InboundEvent, InboundStore, ReceiptResult, RecordedReceipt};
pub use incidents::{IncidentStore, MAX_INCIDENTS};
pub use links::{FollowResult, LinkStore, MAX_LINKS};
pub use messages::{
    AcceptResult, JournalBatch, JournalEvent, JournalEventKind, MessageFilter, MessageStore, StoredMessage,
};
pub use page::{Page, PageRequest};
pub use preferences::{PreferencesChange, SetPreferencesResult, TopicPreferenceChange};
pub use queue::{AppendResult, ClaimRequest, ClaimedMessages, DueHold, WorkQueue};
pub use settings::StoreSettings;
pub use status::StoreStatus;

/// One store behind its traits: each field gives one of them.
#[derive(Clone)]
pub struct Stores {
    /// Messages, as callers see them.
    pub messages: Arc<dyn MessageStore>,
    /// Messages, as dispatch sees them.
    pub work: Arc<dyn WorkQueue>,
    /// Receipts and inbound events.
    pub inbound: Arc<dyn InboundStore>,
    /// Contacts.
    pub contacts: Arc<dyn ContactStore>,
    /// Consents.
    pub consents: Arc<dyn ConsentStore>,
    /// Controls.
    pub controls: Arc<dyn ControlStore>,
    /// Incidents.
    pub incidents: Arc<dyn IncidentStore>,
    /// Links.
    pub links: Arc<dyn LinkStore>,
    /// Keys.
    pub keys: Arc<dyn KeyStore>,
    /// The time that was last known to be right.
    pub clock: Arc<dyn ClockStore>,
    /// Whether the store can be used now, and each change of it.
    pub status: watch::Receiver<StoreStatus>,
}
