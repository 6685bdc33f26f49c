//! Messages, as dispatch sees them.

use async_trait::async_trait;
use tokio::sync::watch;

use super::claims::ClaimTable;
use super::due::{self, DueOnDisk, DueQuery};
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
    /// so that they are never held up for good. Within a class the brands take turns.
    fn claim_due(
        &self,
        claims: &mut ClaimTable,
        now: Timestamp,
        limit: usize,
        until: MonotonicTime,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        if !claims.is_disk_known() {
            let classes = [MessageClass::Transactional, MessageClass::Commercial];
            let [first, second] =
                classes.map(|class| self.engine.read(|view| Ok((class, due::brands_with_due(view, class)?))));
            claims.set_disk([first?, second?]);
        }
        let mut messages = Vec::new();
        let mut left = limit;
        for (class, room) in
            [(MessageClass::Transactional, limit - limit / 8), (MessageClass::Commercial, limit)]
        {
            let mut room = room.min(left);
            left -= room;
            let mut brands = claims.brands_in_turn(class, now);
            while room > 0 && !brands.is_empty() {
                let share = room.div_ceil(brands.len());
                let mut unfinished = Vec::new();
                for brand in brands {
                    let query = DueQuery { class, brand: &brand, now, room: share.min(room) };
                    if query.room == 0 {
                        break;
                    }
                    let (claimed, count) = self.claim_queue(claims, &query, until)?;
                    messages.extend(claimed);
                    room -= count;
                    claims.note_turn(class, &brand);
                    if count == query.room {
                        unfinished.push(brand);
                    }
                }
                brands = unfinished;
            }
            left += room;
        }
        Ok(messages)
    }

    /// Claims messages of one brand and class.
    fn claim_queue(
        &self,
        claims: &mut ClaimTable,
        query: &DueQuery<'_>,
        until: MonotonicTime,
    ) -> Result<(Vec<StoredMessage>, usize), StoreError> {
        let on_disk = match claims.begin_disk_scan(query.class, query.brand, query.now) {
            true => self.engine.read(|view| due::find_due(view, claims, query))?,
            false => DueOnDisk::default(),
        };
        Ok(due::claim_due(claims, query, on_disk, until))
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
