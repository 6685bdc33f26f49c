//! What the tests of the store put into it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use relevo::model::{
    Address, BrandId, Channel, ConsentEntry, ConsentEvidence, Contact, ContactAddress, ContactId,
    ContactIncarnation, Content, FallbackPolicy, Labels, Message, MessageClass, MessageEvent,
    MessageEventDetail, MessageId, MessageState, Moment, MonotonicTime, Outcome, OutcomeEvidence, Phone,
    ProviderName, Reason, ReceiptReport, ReceiptStatus, ReferenceForms, Suppression, SuppressionLift,
    SuppressionReason, Timestamp, Way,
};
use relevo::store::embedded::sled::{SledHandle, SledOptions, open};
use relevo::store::{
    AcceptResult, AppendResult, ClaimRequest, ContactChange, JournalCursor, JournalEvent, JournalEventKind,
    NewConsentEntry, Page, PageRequest, RecordConsentResult, StoreError, StoredMessage, Stores, UpsertResult,
};

pub const LEASE: Duration = Duration::from_secs(30);

/// A data directory that goes away with the test.
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn open(&self) -> SledHandle {
        open_when_free(&self.path()).unwrap()
    }

    pub fn try_open(&self) -> Result<SledHandle, StoreError> {
        open(&self.path(), options())
    }
}

/// Opens a store that nobody holds. A process that another test is just starting has a copy of every file of this one, locks
/// included, until it becomes the program to run.
pub fn open_when_free(path: &Path) -> Result<SledHandle, StoreError> {
    for _ in 0..1_000 {
        match open(path, options()) {
            Err(StoreError::Locked { .. }) => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened,
        }
    }
    open(path, options())
}

/// The tests must not depend on how full the machine's disk is.
pub fn options() -> SledOptions {
    SledOptions { min_free_bytes: 0, ..SledOptions::default() }
}

/// A time, in seconds after a fixed one.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub fn brand(name: &str) -> BrandId {
    name.parse().unwrap()
}

pub fn acme() -> BrandId {
    brand("acme")
}

pub fn contact_id(name: &str) -> ContactId {
    name.parse().unwrap()
}

/// A reason against an address, told at `at(second)`.
pub fn suppression(
    way: (Channel, &Address),
    reason: SuppressionReason,
    by: &str,
    second: i64,
) -> Suppression {
    Suppression {
        channel: way.0,
        address: way.1.clone(),
        reason,
        explanation: "550 5.1.1".to_owned(),
        created_at: at(second),
        last_reported_at: at(second),
        recorded_by: by.to_owned(),
    }
}

/// The end of a suppression, with evidence of what happened at `at(second)`.
pub fn lift(second: i64) -> SuppressionLift {
    let evidence = ConsentEvidence {
        source: "support".to_owned(),
        method: "telephone".to_owned(),
        wording: "write to me again".to_owned(),
        time: at(second),
        origin: String::new(),
        actor: "eva".to_owned(),
    };
    SuppressionLift { at: at(50), recorded_by: "key-1".to_owned(), evidence }
}

pub fn email(text: &str) -> Address {
    Address::Email(text.parse().unwrap())
}

pub fn phone(text: &str) -> Address {
    Address::Phone(Phone::parse(text, None).unwrap())
}

pub fn provider() -> ProviderName {
    "mail-eu".parse().unwrap()
}

/// A message accepted and due at `seconds`.
pub fn message(seconds: i64) -> Message {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Message {
        id: MessageId::new(at(seconds).as_millisecond().unsigned_abs(), &random),
        brand: acme(),
        contact: contact_id("ana"),
        class: MessageClass::Transactional,
        topic: "orders".parse().unwrap(),
        content: Content { text: Some("Your order has left.".to_owned()), ..Content::default() },
        idempotency_key: None,
        accepted_at: at(seconds),
        send_at: at(seconds),
        expire_at: at(seconds + 3_600),
        channels: Vec::new(),
        fallback: FallbackPolicy::default(),
        labels: Labels::new(),
        unserved: Vec::new(),
        incarnation: ContactIncarnation::default(),
    }
}

pub fn keyed(seconds: i64, key: &str) -> Message {
    Message { idempotency_key: Some(key.to_owned()), ..message(seconds) }
}

/// Accepts a message, and returns it under the id it got.
pub async fn accept(stores: &Stores, message: Message) -> Message {
    match stores.messages.accept(message.clone(), [1; 32]).await.unwrap() {
        AcceptResult::New(id) => message.with_id(id),
        other => panic!("{other:?}"),
    }
}

/// A message of acme.
pub async fn get(stores: &Stores, id: MessageId) -> StoredMessage {
    stores.work.reload(&acme(), id).await.unwrap().unwrap()
}

/// Pushes what happened and appends it as dispatch does.
pub async fn append(
    stores: &Stores,
    stored: &StoredMessage,
    details: Vec<(i64, MessageEventDetail)>,
    next_at: Option<Timestamp>,
) -> AppendResult {
    let (mut history, known) = (stored.history.clone(), stored.history.version());
    for (seconds, detail) in details {
        history.push(at(seconds), detail);
    }
    stores.work.append(&stored.message, &history, known, next_at).await.unwrap()
}

pub fn started(attempt: u32) -> MessageEventDetail {
    let way = Way {
        channel: Channel::Email,
        address: email("ana@example.com"),
        provider: provider(),
        failure_domain: "mail".to_owned(),
    };
    MessageEventDetail::AttemptStarted { attempt, way }
}

pub fn sent(attempt: u32, reference: &str) -> MessageEventDetail {
    MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::sent(reference) }
}

pub fn unknown(attempt: u32) -> MessageEventDetail {
    let evidence = OutcomeEvidence::new("timeout", "");
    MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::unknown(evidence) }
}

pub fn finished(state: MessageState) -> MessageEventDetail {
    MessageEventDetail::Finished {
        state,
        reason: Reason::NoWayLeft,
        explanation: "No way is left.".to_owned(),
    }
}

/// Accepts a message and sends it at `seconds`.
pub async fn accept_and_send(
    stores: &Stores,
    message: Message,
    seconds: i64,
    reference: &str,
) -> StoredMessage {
    let id = accept(stores, message).await.id;
    let stored = get(stores, id).await;
    let steps = vec![(seconds, started(1)), (seconds, sent(1, reference))];
    assert_eq!(append(stores, &stored, steps, None).await, AppendResult::Done);
    get(stores, id).await
}

pub fn report(reference: &str, status: ReceiptStatus) -> ReceiptReport {
    ReceiptReport {
        provider: provider(),
        reference: reference.to_owned(),
        forms: ReferenceForms::default(),
        addresses: Vec::new(),
        echo: None,
        status,
        reported_at: at(5),
        evidence: OutcomeEvidence::default(),
        objection: None,
    }
}

/// The message and the event of it.
pub fn of_message(logged: &JournalEvent) -> (MessageId, &MessageEvent) {
    match &logged.kind {
        JournalEventKind::Message(id, event) => (*id, event),
        JournalEventKind::Contact(event) => panic!("{event:?}"),
    }
}

/// The brand's events that are kept.
pub async fn all_events(stores: &Stores, brand: &BrandId) -> Vec<JournalEvent> {
    let batch = stores.messages.events(brand, &JournalCursor::OLDEST, 100).await.unwrap();
    assert_eq!(batch.forgotten, None, "nothing is missing for whoever asks for what is kept");
    batch.events
}

/// The newest purged event after a position.
pub async fn forgotten_after(stores: &Stores, cursor: &JournalCursor) -> Option<JournalCursor> {
    stores.messages.events(&acme(), cursor, 1).await.unwrap().forgotten
}

pub fn first_page(size: usize) -> PageRequest {
    PageRequest { size, after: None }
}

/// Follows the pages to the end; every page must be as long as asked, or shorter.
pub async fn all_pages<T, F>(size: usize, mut read: impl FnMut(PageRequest) -> F) -> Vec<T>
where
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = read(PageRequest { size, after }).await.unwrap();
        assert!(page.items.len() <= size);
        items.extend(page.items);
        after = match page.next {
            Some(next) => Some(next),
            None => return items,
        };
    }
}

/// The whole ledger of a contact.
pub async fn ledger(stores: &Stores, brand: &BrandId, id: &str) -> Vec<ConsentEntry> {
    let (contact, consents) = (contact_id(id), &stores.consents);
    all_pages(2, |page| consents.ledger(brand, &contact, page)).await
}

pub fn change(id: &str, addresses: &[Address]) -> ContactChange {
    let contact_address = |address: &Address| ContactAddress::new(address.clone());
    ContactChange {
        id: contact_id(id),
        addresses: Some(addresses.iter().map(contact_address).collect()),
        labels: None,
        expected_version: None,
    }
}

pub async fn create(stores: &Stores, brand: &BrandId, id: &str, addresses: &[Address]) -> Contact {
    match stores.contacts.upsert_contact(brand, change(id, addresses), at(0)).await.unwrap() {
        UpsertResult::Created(contact) => contact,
        other => panic!("{other:?}"),
    }
}

/// Records a consent of a contact of `acme`, which succeeds.
pub async fn record_consent(
    stores: &Stores,
    contact: &str,
    entry: NewConsentEntry,
    second: i64,
) -> ConsentEntry {
    let recorded = stores.consents.record_consent(&acme(), &contact_id(contact), entry, at(second)).await;
    match recorded.unwrap() {
        RecordConsentResult::Recorded(entry) => *entry,
        refused => panic!("{refused:?}"),
    }
}

/// A moment at which both clocks show so many seconds.
pub fn moment(seconds: i64) -> Moment {
    let elapsed = Duration::from_secs(seconds.try_into().expect("a monotonic clock shows no less than zero"));
    Moment { calendar: at(seconds), monotonic: MonotonicTime::from_origin(elapsed) }
}

/// A claim of what is due, and not held.
pub fn due(now: i64, limit: usize) -> ClaimRequest {
    ClaimRequest { now: moment(now), limit, lease: LEASE, hold: None }
}

pub async fn claim(stores: &Stores, now: i64, limit: usize) -> Vec<MessageId> {
    let claims = stores.work.claim(due(now, limit)).await.unwrap();
    claims.messages.iter().map(|stored| stored.message.id).collect()
}

/// Every file below a folder with its content.
pub fn snapshot(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
