//! What must survive: messages and their histories, contacts, consents, controls and keys.
//!
//! The traits speak of these things, not of keys or tables. [`embedded`] implements them over an ordered map with atomic
//! batches, which is sled on disk or a plain map in memory; both run the same logic and pass one conformance suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::model::{
    Action, Address, BrandId, Channel, Contact, ContactAddress, ContactEvent, ContactId, ControlChange, Echo,
    Entry, Event, Evidence, History, Key, KeyId, Labels, Link, LinkId, Message, MessageId, Objection,
    Preferences, ProviderName, QuietHours, ReceiptReport, Recipient, State, Suppression, Timestamp,
    TopicPreference, TopicScope,
};

pub mod embedded;
mod settings;

pub use settings::Settings;

/// Why the store could not do what was asked. Nothing is half done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or nearly so.
    #[error(
        "the disk that holds {path} has {free_bytes} bytes free, and {needed_bytes} are needed: free some space"
    )]
    Full {
        /// The data directory.
        path: String,
        /// What is free.
        free_bytes: u64,
        /// What must stay free.
        needed_bytes: u64,
    },
    /// Another process has the store open.
    #[error(
        "{path} is in use by another process: stop that one, or give this one a data directory of its own"
    )]
    Locked {
        /// The data directory.
        path: String,
    },
    /// A newer build wrote the store.
    #[error(
        "{path} was written in format {found}, and this build reads up to {supported}: run a newer relevo, or give \
         this one a data directory of its own"
    )]
    Newer {
        /// The data directory.
        path: String,
        /// The format found.
        found: u32,
        /// The newest format this build reads.
        supported: u32,
    },
    /// A build too old for this one wrote the store.
    #[error(
        "{path} was written in format {found}, and this build reads from {supported} on: let the relevo that wrote it \
         finish its messages, and give this one a data directory of its own"
    )]
    Older {
        /// The data directory.
        path: String,
        /// The format found.
        found: u32,
        /// The oldest format this build reads.
        supported: u32,
    },
    /// The store is damaged.
    #[error("{path} is damaged ({detail}): restore it from a backup; nothing in it was changed")]
    Corrupt {
        /// The data directory.
        path: String,
        /// What was seen.
        detail: String,
    },
    /// The disk failed.
    #[error("the store could not reach its disk: {detail}")]
    Io {
        /// What was seen.
        detail: String,
    },
}

/// What came of an accept.
#[derive(Debug, Clone, PartialEq)]
pub enum Acceptance {
    /// It is new, and durable, under this id.
    New(MessageId),
    /// The idempotency key was used before for the same content: the first message.
    Duplicate(Box<Stored>),
    /// The idempotency key was used before for other content, by this message.
    Conflict(MessageId),
}

/// A message with what has happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The message.
    pub message: Message,
    /// What has happened.
    pub history: History,
    /// When dispatch looks at it again; `None` when there is nothing left to do.
    pub next_at: Option<Timestamp>,
}

/// Which messages to list. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Of this contact.
    pub contact: Option<ContactId>,
    /// In one of these states; any when empty.
    pub states: Vec<State>,
    /// Accepted at or after.
    pub from: Option<Timestamp>,
    /// Accepted before.
    pub until: Option<Timestamp>,
    /// Carrying all of these labels.
    pub labels: Labels,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most this many items.
    pub size: usize,
    /// Where the page before ended, as told by [`Page::next`].
    pub after: Option<Vec<u8>>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items. May be fewer than asked for, even none, while `next` is set.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Vec<u8>>,
}

/// An event in the order in which they became durable.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// Its place; only ever grows within a store.
    pub cursor: u64,
    /// The contact.
    pub contact: ContactId,
    /// What happened.
    pub happened: Happened,
}

/// What happened to a message or a contact.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// Something happened to a message.
    Message(MessageId, Event),
    /// Something came from the contact, or was told of one of its addresses.
    Contact(ContactEvent),
}

/// Messages, as callers see them.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Makes a message durable, with its idempotency key and its place in the due order: all of it or nothing.
    /// `content_hash` is SHA-256 of what was asked, compared when the idempotency key was used before.
    ///
    /// Ids ascend in the order in which messages become durable. A message whose id would not is given the next one, and
    /// with it a later time of acceptance: that happens to those who ask in the same millisecond, and when the machine's
    /// clock was set back.
    async fn accept(&self, message: Message, content_hash: [u8; 32]) -> Result<Acceptance, StoreError>;

    /// The message for which the brand used an idempotency key, and the hash it was accepted with. What is found
    /// is durable.
    async fn find_by_key(
        &self,
        brand: &BrandId,
        idempotency_key: &str,
    ) -> Result<Option<(Stored, [u8; 32])>, StoreError>;

    /// A message of the brand.
    async fn get(&self, brand: &BrandId, id: MessageId) -> Result<Option<Stored>, StoreError>;

    /// Messages of the brand, newest first.
    async fn list(
        &self,
        brand: &BrandId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<Stored>, StoreError>;

    /// Cancels by [`History::cancel`]. `None` when the brand has no such message; the inner error is the state that
    /// forbids it.
    async fn cancel(
        &self,
        brand: &BrandId,
        id: MessageId,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<Result<Stored, State>>, StoreError>;

    /// The brand's events after `cursor`, oldest first, at most `limit`.
    async fn events(
        &self,
        brand: &BrandId,
        cursor: u64,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, StoreError>;

    /// The cursor of the newest event of any brand.
    async fn last_cursor(&self) -> Result<u64, StoreError>;

    /// Changes whenever there are new events.
    fn event_signal(&self) -> watch::Receiver<u64>;
}

/// Messages that dispatch may work on, and when the next one is due.
#[derive(Debug, Default)]
pub struct Claims {
    /// The messages claimed, the longest due first.
    pub messages: Vec<Stored>,
    /// When there is more to claim: when the earliest unclaimed message is due (it may be already), or the earliest
    /// claim on a due message ends.
    pub next_due: Option<Timestamp>,
}

/// What came of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Done,
    /// Somebody else appended in between: read again and decide again.
    Stale,
}

/// What came of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// It was added to this message.
    Added(MessageId),
    /// This message had it already.
    Known(MessageId),
    /// No message has this reference yet; kept until one has.
    Parked,
}

/// Messages, as dispatch sees them.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Claims what is due at `now` and not claimed, at most `limit` messages, for `lease`: transactional messages before
    /// commercial ones, which always get a share, and in each class the longest due first. A claim ends when it is
    /// released, or by itself when its lease does; until then nobody else is given the message, whatever happens to it
    /// in between. Claims are void after a restart.
    async fn claim(&self, now: Timestamp, limit: usize, lease: Duration) -> Result<Claims, StoreError>;

    /// Stores what happened to a message since its history had `known` events, and when it is due next. The claim lasts.
    /// A `Sent` outcome takes in the receipts that were parked for its reference.
    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<Appended, StoreError>;

    /// Reads a message again.
    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<Stored>, StoreError>;

    /// Gives a claim back: the message is due again at its own time. Nothing durable changes.
    async fn release(&self, id: MessageId);

    /// Forgets messages that were finished before `before`, their idempotency keys, events and references, receipts parked
    /// and events of contacts that came before then, and links that expired before then; at most `limit` of each. Returns
    /// how many were forgotten.
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Changes whenever there may be new work.
    fn work_signal(&self) -> watch::Receiver<u64>;
}

/// Something that a provider tells of a contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The provider's id of it; what comes again has the same.
    pub id: String,
    /// What it is, and of which address. An answer to a message of ours is found by `reply_to`.
    pub event: ContactEvent,
    /// The provider's reference of the message that a text answers.
    pub reply_to: Option<String>,
    /// What it changes.
    pub effects: Vec<Effect>,
}

/// What something that a provider tells changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// As [`ConsentStore::object`].
    Object(Objected),
    /// Appends to the contact's ledger.
    Record(NewEntry),
    /// Lifts the suppression of the address if it stands for the person's own opt-out; with a provider, only one that this
    /// provider told of.
    Readmit(Option<ProviderName>),
    /// Opens WhatsApp's service window of the address, through the provider.
    OpenWindow,
    /// Puts another address in the place of this one, unless another contact has it.
    Move(Address),
}

/// What came of something told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is durable, and an event of this contact.
    Kept(ContactId),
    /// It was told before.
    Known,
    /// The brand has no contact with the address: what it changes is durable, and it is no event.
    Stranger,
}

/// What providers tell.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Adds a receipt to the message it speaks of, or parks it, and makes the message due when that matters to dispatch.
    async fn receive(&self, report: ReceiptReport, now: Timestamp) -> Result<Matched, StoreError>;

    /// The attempt to which the provider gave a reference.
    async fn referenced(&self, provider: &ProviderName, reference: &str) -> Result<Option<Echo>, StoreError>;

    /// Keeps what a provider tells of a contact of the brand, with all that it changes: all of it, once, or nothing.
    async fn hear(&self, brand: &BrandId, heard: Heard, now: Timestamp) -> Result<Told, StoreError>;
}

/// A change to a contact. `None` leaves a field as it is.
#[derive(Debug, Clone)]
pub struct ContactChange {
    /// The contact.
    pub id: ContactId,
    /// Its addresses.
    pub addresses: Option<Vec<ContactAddress>>,
    /// Its labels.
    pub labels: Option<Labels>,
    /// Refuse the change unless the contact has this version; 0 for one that must not exist.
    pub expected_version: Option<u64>,
}

/// What came of a change to a contact.
#[derive(Debug, Clone, PartialEq)]
pub enum Upserted {
    /// It was created.
    Created(Contact),
    /// It was changed.
    Changed(Contact),
    /// An address belongs to another contact of the brand.
    AddressTaken {
        /// The place of the address in the change.
        index: usize,
        /// The contact that has it.
        owner: ContactId,
    },
    /// The contact has another version.
    Stale,
}

/// The people a brand can reach.
#[async_trait]
pub trait ContactStore: Send + Sync {
    /// Creates or changes a contact. An address belongs to one contact of a brand.
    async fn upsert(
        &self,
        brand: &BrandId,
        change: ContactChange,
        now: Timestamp,
    ) -> Result<Upserted, StoreError>;

    /// A contact by its id.
    async fn contact(&self, brand: &BrandId, id: &ContactId) -> Result<Option<Contact>, StoreError>;

    /// Whether there is a contact with this id. Asked for each message, so it costs less than reading the contact.
    async fn knows(&self, brand: &BrandId, id: &ContactId) -> Result<bool, StoreError>;

    /// The id of the contact that has the address.
    async fn find(&self, brand: &BrandId, address: &Address) -> Result<Option<ContactId>, StoreError>;

    /// The contacts of a brand by id.
    async fn contacts(&self, brand: &BrandId, page: PageRequest) -> Result<Page<Contact>, StoreError>;

    /// Deletes a contact with its addresses, preferences, ledger and events. Returns whether there was one.
    async fn delete(&self, brand: &BrandId, id: &ContactId) -> Result<bool, StoreError>;

    /// What came from a contact, newest first.
    async fn contact_events(
        &self,
        brand: &BrandId,
        id: &ContactId,
        page: PageRequest,
    ) -> Result<Page<ContactEvent>, StoreError>;
}

/// A new ledger entry.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// Grant or revoke.
    pub action: Action,
    /// The channel.
    pub channel: Channel,
    /// The topics.
    pub scope: TopicScope,
    /// How we know.
    pub evidence: Evidence,
    /// Who stores it.
    pub recorded_by: String,
}

/// That an address, or commercial messages to it, are wanted no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objected {
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: Address,
    /// What is wanted no more, and why.
    pub objection: Objection,
    /// How we know. Its actor is the provider that told us.
    pub evidence: Evidence,
}

/// A change to preferences. `None` leaves a field as it is; an inner `None` clears it.
#[derive(Debug, Clone, Default)]
pub struct PreferencesChange {
    /// The channels to try first.
    pub channel_order: Option<Vec<Channel>>,
    /// Channels never to use.
    pub excluded_channels: Option<Vec<Channel>>,
    /// Preferences by topic.
    pub topics: Option<Vec<TopicPreference>>,
    /// When to be quiet.
    pub quiet_hours: Option<Option<QuietHours>>,
    /// The time zone.
    pub time_zone: Option<Option<String>>,
    /// The language.
    pub language: Option<Option<String>>,
}

/// What people agreed to.
#[async_trait]
pub trait ConsentStore: Send + Sync {
    /// Appends to a contact's ledger. `None` when the brand has no such contact.
    async fn record(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        entry: NewEntry,
        now: Timestamp,
    ) -> Result<Option<Entry>, StoreError>;

    /// Everything known of a contact, in one consistent look.
    async fn recipient(&self, brand: &BrandId, contact: &ContactId) -> Result<Option<Recipient>, StoreError>;

    /// Changes preferences and returns them. `None` when the brand has no such contact.
    async fn set_preferences(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        change: PreferencesChange,
    ) -> Result<Option<Preferences>, StoreError>;

    /// Suppresses an address for a brand. The first suppression of an address stays.
    async fn suppress(&self, brand: &BrandId, suppression: Suppression) -> Result<Suppression, StoreError>;

    /// Puts an objection on record at `now`: suppresses the address where the objection asks for it, and withdraws the
    /// opt-ins of the contact that has the address where that is the person's will and there is one to withdraw.
    async fn object(&self, brand: &BrandId, objected: Objected, now: Timestamp) -> Result<(), StoreError>;

    /// Lifts a suppression. Returns whether there was one.
    async fn lift(&self, brand: &BrandId, channel: Channel, address: &Address) -> Result<bool, StoreError>;
}

/// What came of somebody following a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// The address belongs to the contact now, and the link is spent.
    Tied(Link),
    /// The address belongs to another contact of the brand. The link still counts.
    Taken {
        /// Whose link it is.
        link: Link,
        /// The contact that has the address.
        owner: ContactId,
    },
    /// The contact has as many addresses as it may. The link still counts.
    Full(Link),
    /// It had expired.
    Expired(Link),
    /// There is no such link: it was followed before, or its contact is gone.
    Unknown,
}

/// Links by which people tie an address of theirs to a contact.
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Keeps a new link. Returns whether the brand has the contact; without one, nothing is kept.
    async fn create_link(&self, id: LinkId, link: Link) -> Result<bool, StoreError>;

    /// Adds the address of somebody who followed a link at `at` to its contact, at most once.
    async fn follow_link(
        &self,
        id: LinkId,
        address: Address,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Followed, StoreError>;
}

/// What operators asked of providers.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// Puts a change in force and into the audit log.
    async fn set_control(&self, change: ControlChange) -> Result<(), StoreError>;

    /// The last change of every provider that ever had one.
    async fn controls(&self) -> Result<Vec<ControlChange>, StoreError>;

    /// The audit log, newest first, of one provider or of all.
    async fn control_changes(
        &self,
        provider: Option<&ProviderName>,
        page: PageRequest,
    ) -> Result<Page<ControlChange>, StoreError>;
}

/// API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores a new key.
    async fn create_key(&self, key: Key) -> Result<(), StoreError>;

    /// A key by its id, revoked or not.
    async fn key(&self, id: &KeyId) -> Result<Option<Key>, StoreError>;

    /// The keys of one brand, or all, by id.
    async fn keys(&self, brand: Option<&BrandId>, page: PageRequest) -> Result<Page<Key>, StoreError>;

    /// Revokes a key and returns it. `None` when there is none. The first revocation's time stays.
    async fn revoke_key(&self, id: &KeyId, now: Timestamp) -> Result<Option<Key>, StoreError>;
}

/// One store, as its sides.
#[derive(Clone)]
pub struct Stores {
    /// Messages, as callers see them.
    pub messages: Arc<dyn MessageStore>,
    /// Messages, as dispatch sees them.
    pub work: Arc<dyn WorkQueue>,
    /// What providers tell.
    pub inbox: Arc<dyn Inbox>,
    /// Contacts.
    pub contacts: Arc<dyn ContactStore>,
    /// Consents.
    pub consents: Arc<dyn ConsentStore>,
    /// Controls.
    pub controls: Arc<dyn ControlStore>,
    /// Links.
    pub links: Arc<dyn LinkStore>,
    /// Keys.
    pub keys: Arc<dyn KeyStore>,
}
