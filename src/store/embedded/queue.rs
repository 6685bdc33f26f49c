//! Messages, as dispatch sees them.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::claims::ClaimTable;
use super::due::{self, DueOnDisk};
use super::engine::{Engine, WriteClass};
use super::message_events::{self, MessageRef, PendingEvents, load_stored};
use super::receipts::{self, SentReference};
use super::states::States;
use super::txn::Txn;
use super::{Embedded, packs, purge};
use crate::model::{BrandId, Class, History, Message, MessageId, Timestamp, later};
use crate::store::{AppendResult, ClaimedMessages, StoreError, StoredMessage, WorkQueue};

#[async_trait]
impl<E: Engine> WorkQueue for Embedded<E> {
    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<ClaimedMessages, StoreError> {
        let mut desk = self.engine.signals().claims();
        desk.expire(now);
        let claimed = self.claim_from(&mut desk, now, limit, later(now, lease));
        if claimed.is_err() {
            desk.invalidate_disk();
        }
        Ok(ClaimedMessages { messages: claimed?, next_due: desk.next_due() })
    }

    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<AppendResult, StoreError> {
        let subject = self.engine.signals().claims().subject(message.id).cloned();
        let (brand, id) = (message.brand.clone(), message.id);
        let events = history.events().get(known..).unwrap_or_default();
        let (news, taken) = (PendingEvents::new(events, next_at), receipts::sent_references(history, known));
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let subject = match subject {
                    Some(subject) => subject,
                    None => match packs::locate(txn, &brand, id)? {
                        Some(found) => MessageRef::from_located(txn, &brand, &found)?,
                        None => return Ok(AppendResult::Stale),
                    },
                };
                append(txn, &subject, known, news, taken)
            })
            .await
    }

    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.engine.read(|view| load_stored(view, brand, id))
    }

    async fn release(&self, id: MessageId) {
        if self.engine.signals().claims().release(id) {
            // Whoever asked before was told of the lease's end, which is later than the message's own time.
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

impl<E: Engine> Embedded<E> {
    /// Transactional messages come first, because somebody is waiting for them, but an eighth is left to commercial ones,
    /// so that they are never held up for good.
    fn claim_from(
        &self,
        desk: &mut ClaimTable,
        now: Timestamp,
        limit: usize,
        until: Timestamp,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let look = desk.is_due_on_disk(now);
        if look {
            desk.begin_disk_scan();
        }
        let mut messages = Vec::new();
        for (class, room) in [(Class::Transactional, limit - limit / 8), (Class::Commercial, limit)] {
            let room = room - messages.len();
            let on_disk = match look {
                true => self.engine.read(|view| due::find_due(view, desk, class, now, room))?,
                false => DueOnDisk::default(),
            };
            messages.extend(due::claim_due(desk, class, on_disk, now, until, room));
        }
        Ok(messages)
    }
}

fn append(
    txn: &mut Txn<'_>,
    subject: &MessageRef,
    known: usize,
    news: PendingEvents,
    taken: Vec<SentReference>,
) -> Result<AppendResult, StoreError> {
    let states = States::load(txn, &subject.brand, subject.location.pack)?;
    if states.version(subject.location.number) != known {
        return Ok(AppendResult::Stale);
    }
    let news = if taken.is_empty() { news } else { news.with_reference() };
    message_events::append_events(txn, subject, states, news)?;
    for own in taken {
        receipts::record_reference(txn, subject, own)?;
    }
    Ok(AppendResult::Done)
}
