//! Messages, as dispatch sees them.

use async_trait::async_trait;
use tokio::sync::watch;

use super::claims::ClaimTable;
use super::due::{self, DueOnDisk};
use super::engine::{Engine, WriteClass};
use super::message_events::{self, PendingEvents, load_stored};
use super::message_ref::MessageRef;
use super::receipts::{self, SentReference};
use super::states::PackStates;
use super::txn::Txn;
use super::{EmbeddedStore, backlog, packs, purge};
use crate::model::{Backlog, BrandId, History, Message, MessageClass, MessageId, MonotonicTime, Timestamp};
use crate::store::{AppendResult, ClaimRequest, ClaimedMessages, StoreError, StoredMessage, WorkQueue};

#[async_trait]
impl<E: Engine> WorkQueue for EmbeddedStore<E> {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimedMessages, StoreError> {
        let ClaimRequest { now, limit, lease, hold } = request;
        let mut claims = self.engine.signals().claims();
        claims.expire(now.monotonic);
        claims.set_hold(hold);
        let claimed = self.claim_due(&mut claims, now.calendar, limit, now.monotonic.after(lease));
        if claimed.is_err() {
            claims.invalidate_disk();
        }
        Ok(ClaimedMessages { messages: claimed?, wait: claims.wait(now) })
    }

    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<AppendResult, StoreError> {
        let claimed = self.engine.signals().claims().message(message.id).cloned();
        let (brand, id) = (message.brand.clone(), message.id);
        let events = history.events().get(known..).unwrap_or_default();
        let pending = PendingEvents::new(events, next_at);
        let references = receipts::sent_references(history, known);
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let message = match claimed {
                    Some(message) => message,
                    None => match packs::locate(txn, &brand, id)? {
                        Some(located) => located.message_ref(txn, &brand)?,
                        None => return Ok(AppendResult::Stale),
                    },
                };
                append(txn, &message, known, pending, references)
            })
            .await
    }

    async fn backlog(&self, limit: usize) -> Result<Backlog, StoreError> {
        backlog::count(&self.engine, limit).await
    }

    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.engine.read(|view| load_stored(view, brand, id))
    }

    async fn release(&self, id: MessageId) {
        if self.engine.signals().claims().release(id) {
            // An earlier claim was told the end of the lease, and the message may be due before.
            self.engine.signals().wake();
        }
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.engine.write(WriteClass::Committed, move |txn| purge::purge(txn, before, limit)).await
    }

    fn work_signal(&self) -> watch::Receiver<u64> {
        self.engine.signals().work()
    }
}

impl<E: Engine> EmbeddedStore<E> {
    /// Transactional messages come first, because somebody is waiting for them, but an eighth is left to commercial ones,
    /// so that they are never held up for good.
    fn claim_due(
        &self,
        claims: &mut ClaimTable,
        now: Timestamp,
        limit: usize,
        until: MonotonicTime,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let scan_disk = claims.is_due_on_disk(now);
        if scan_disk {
            claims.begin_disk_scan();
        }
        let mut messages = Vec::new();
        for (class, room) in
            [(MessageClass::Transactional, limit - limit / 8), (MessageClass::Commercial, limit)]
        {
            let room = room - messages.len();
            let on_disk = match scan_disk {
                true => self.engine.read(|view| due::find_due(view, claims, class, now, room))?,
                false => DueOnDisk::default(),
            };
            messages.extend(due::claim_due(claims, class, on_disk, now, until, room));
        }
        Ok(messages)
    }
}

fn append(
    txn: &mut Txn<'_>,
    message: &MessageRef,
    known: usize,
    pending: PendingEvents,
    references: Vec<SentReference>,
) -> Result<AppendResult, StoreError> {
    let states = PackStates::load(txn, &message.brand, message.location.pack)?;
    if states.version(message.location.number) != known {
        return Ok(AppendResult::Stale);
    }
    let pending = if references.is_empty() { pending } else { pending.with_reference() };
    message_events::append_events(txn, message, states, pending)?;
    for reference in references {
        receipts::record_reference(txn, message, reference)?;
    }
    Ok(AppendResult::Done)
}
