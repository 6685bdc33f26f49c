//! Messages, as dispatch sees them.

use std::ops::ControlFlow;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::engine::{Engine, Order, Urgency, View, damaged};
use super::leases::Held;
use super::progress::{load_stored, save};
use super::records::Progress;
use super::txn::Txn;
use super::{Embedded, keys, purge, receipts};
use crate::model::{Class, Event, History, MessageId, ReceiptReport, Timestamp, later};
use crate::store::{Appended, Claims, Matched, StoreError, Stored, WorkQueue};

#[async_trait]
impl<E: Engine> WorkQueue for Embedded<E> {
    async fn claim(&self, now: Timestamp, limit: usize, lease: Duration) -> Result<Claims, StoreError> {
        let mut held = self.leases.hold(now);
        let (loaded, next_due) = self.engine.read(|view| {
            let found = look_for_due(view, &held, now, limit, later(now, lease))?;
            let loaded: Vec<_> = found.ids.iter().map(|id| (*id, load_stored(view, *id))).collect();
            Ok((loaded, found.next_due))
        })?;
        let mut messages = Vec::with_capacity(loaded.len());
        for (id, stored) in loaded {
            held.claim(id, later(now, lease));
            match stored {
                Ok(stored) => messages.extend(stored),
                // One damaged record must not stop the others. It is claimed all the same, so that it is told of once
                // a lease.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(message.id = %id, %error, "a message that is due cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Claims { messages, next_due })
    }

    async fn append(
        &self,
        id: MessageId,
        version: usize,
        events: &[Event],
        next_at: Option<Timestamp>,
    ) -> Result<Appended, StoreError> {
        let events = events.to_vec();
        self.engine.write(Urgency::Promise, move |txn| append(txn, id, version, events, next_at)).await
    }

    async fn reload(&self, id: MessageId) -> Result<Option<Stored>, StoreError> {
        self.engine.read(|view| load_stored(view, id))
    }

    async fn release(&self, id: MessageId) {
        self.leases.release(id);
        // Whoever asked before was told of the lease's end, which is later than the message's own time.
        self.engine.signals().wake();
    }

    async fn receive(&self, report: ReceiptReport, now: Timestamp) -> Result<Matched, StoreError> {
        self.engine.write(Urgency::Promise, move |txn| receipts::receive(txn, report, now)).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.engine.write(Urgency::Promise, move |txn| purge::purge(txn, before, limit)).await
    }

    fn work_signal(&self) -> watch::Receiver<u64> {
        self.engine.signals().work()
    }
}

/// What may be claimed, and when there will be more.
struct Due {
    ids: Vec<MessageId>,
    next_due: Option<Timestamp>,
}

/// Finds what is due: transactional messages first, because somebody is waiting for them, but an eighth is left to
/// commercial ones, so that they are never held up for good.
fn look_for_due(
    view: &dyn View,
    held: &Held<'_>,
    now: Timestamp,
    limit: usize,
    until: Timestamp,
) -> Result<Due, StoreError> {
    let mut due = Due { ids: Vec::new(), next_due: None };
    walk(view, Class::Transactional, held, now, limit - limit / 8, until, &mut due)?;
    walk(view, Class::Commercial, held, now, limit, until, &mut due)?;
    Ok(due)
}

/// Walks the due order of a class as far as the first message that is neither claimed nor taken now. What is passed over
/// on the way becomes due when its claim ends.
fn walk(
    view: &dyn View,
    class: Class,
    held: &Held<'_>,
    now: Timestamp,
    limit: usize,
    until: Timestamp,
    due: &mut Due,
) -> Result<(), StoreError> {
    view.scan(keys::all_due(class), Order::Ascending, &mut |key, _| {
        let (at, id) = keys::time_and_id(key)
            .ok_or_else(|| damaged(view, "a key of the due order is too short".to_owned()))?;
        let again = match held.until(id) {
            Some(until) => until.max(at),
            None if at <= now && due.ids.len() < limit => {
                due.ids.push(id);
                until
            }
            None => at,
        };
        due.next_due = Some(due.next_due.map_or(again, |earliest| earliest.min(again)));
        // Nothing further on is due before this one, claimed or not.
        Ok(if again == at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

fn append(
    txn: &mut Txn<'_>,
    id: MessageId,
    version: usize,
    events: Vec<Event>,
    next_at: Option<Timestamp>,
) -> Result<Appended, StoreError> {
    let before = match txn.load::<Progress>(&keys::progress(id))? {
        Some(progress) if progress.history.version() == version => progress,
        _ => return Ok(Appended::Stale),
    };
    let all = before.history.events().iter().cloned().chain(events.iter().cloned()).collect();
    let mut next = Progress { history: History::from_events(all), next_at, ..before.clone() };
    for event in &events {
        receipts::take_in(txn, id, event, &mut next)?;
    }
    save(txn, id, Some(&before), next)?;
    Ok(Appended::Done)
}
