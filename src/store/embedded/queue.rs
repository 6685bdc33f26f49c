//! Messages, as dispatch sees them.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::desk::Desk;
use super::due::{self, OnDisk};
use super::engine::{Engine, Urgency};
use super::receipts::{self, Taken};
use super::states::States;
use super::step::{self, News, Subject, load_stored};
use super::txn::Txn;
use super::{Embedded, pack, purge};
use crate::model::{BrandId, Class, History, Message, MessageId, Timestamp, later};
use crate::store::{Appended, Claims, StoreError, Stored, WorkQueue};

#[async_trait]
impl<E: Engine> WorkQueue for Embedded<E> {
    async fn claim(&self, now: Timestamp, limit: usize, lease: Duration) -> Result<Claims, StoreError> {
        let mut desk = self.engine.signals().desk();
        desk.expire(now);
        let claimed = self.claim_from(&mut desk, now, limit, later(now, lease));
        if claimed.is_err() {
            desk.look_again();
        }
        Ok(Claims { messages: claimed?, next_due: desk.next_due() })
    }

    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<Appended, StoreError> {
        let subject = self.engine.signals().desk().subject(message.id).cloned();
        let (brand, id) = (message.brand.clone(), message.id);
        let events = history.events().get(known..).unwrap_or_default();
        let (news, taken) = (News::new(events, next_at), receipts::taken(history, known));
        self.engine
            .write(Urgency::Promise, move |txn| {
                let subject = match subject {
                    Some(subject) => subject,
                    None => match pack::find(txn, &brand, id)? {
                        Some(found) => Subject::of(txn, &brand, &found)?,
                        None => return Ok(Appended::Stale),
                    },
                };
                append(txn, &subject, known, news, taken)
            })
            .await
    }

    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<Stored>, StoreError> {
        self.engine.read(|view| load_stored(view, brand, id))
    }

    async fn release(&self, id: MessageId) {
        if self.engine.signals().desk().release(id) {
            // Whoever asked before was told of the lease's end, which is later than the message's own time.
            self.engine.signals().wake();
        }
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.engine.write(Urgency::Promise, move |txn| purge::purge(txn, before, limit)).await
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
        desk: &mut Desk,
        now: Timestamp,
        limit: usize,
        until: Timestamp,
    ) -> Result<Vec<Stored>, StoreError> {
        let look = desk.is_due_on_disk(now);
        if look {
            desk.looked();
        }
        let mut messages = Vec::new();
        for (class, room) in [(Class::Transactional, limit - limit / 8), (Class::Commercial, limit)] {
            let room = room - messages.len();
            let on_disk = match look {
                true => self.engine.read(|view| due::look(view, desk, class, now, room))?,
                false => OnDisk::default(),
            };
            messages.extend(due::take(desk, class, on_disk, now, until, room));
        }
        Ok(messages)
    }
}

fn append(
    txn: &mut Txn<'_>,
    subject: &Subject,
    known: usize,
    news: News,
    taken: Vec<Taken>,
) -> Result<Appended, StoreError> {
    let states = States::load(txn, &subject.brand, subject.place.pack)?;
    if states.version(subject.place.number) != known {
        return Ok(Appended::Stale);
    }
    let news = if taken.is_empty() { news } else { news.referenced() };
    step::save(txn, subject, states, news)?;
    for own in taken {
        receipts::take_in(txn, subject, own)?;
    }
    Ok(Appended::Done)
}
