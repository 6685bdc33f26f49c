//! Messages, as callers see them.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Embedded;
use super::engine::{Engine, Order, Urgency, View, load};
use super::paging::read_page;
use super::progress::{join, load_stored, save};
use super::records::{Asked, Progress};
use super::txn::Txn;
use super::{events, keys};
use crate::model::{BrandId, History, Message, MessageId, State, Timestamp};
use crate::store::{
    Acceptance, LoggedEvent, MessageFilter, MessageStore, Page, PageRequest, StoreError, Stored,
};

#[async_trait]
impl<E: Engine> MessageStore for Embedded<E> {
    async fn accept(&self, message: Message, content_hash: [u8; 32]) -> Result<Acceptance, StoreError> {
        self.engine.write(Urgency::Caller, move |txn| accept(txn, &message, content_hash)).await
    }

    async fn find_by_key(
        &self,
        brand: &BrandId,
        idempotency_key: &str,
    ) -> Result<Option<(Stored, [u8; 32])>, StoreError> {
        let key = keys::idempotency(brand, idempotency_key);
        if self.engine.read(|view| view.get(&key))?.is_none() {
            return Ok(None);
        }
        // What can be read may still be lost. An operation answers after those before it are durable.
        let find = move |txn: &mut Txn<'_>| match txn.load::<Asked>(&key)? {
            Some(asked) => first(txn, &asked).map(|first| Some((first, asked.content_hash))),
            None => Ok(None),
        };
        self.engine.write(Urgency::Promise, find).await
    }

    async fn get(&self, brand: &BrandId, id: MessageId) -> Result<Option<Stored>, StoreError> {
        self.engine.read(|view| match load::<Progress>(view, &keys::progress(id))? {
            Some(progress) if progress.brand == *brand => join(view, id, progress).map(Some),
            _ => Ok(None),
        })
    }

    async fn list(
        &self,
        brand: &BrandId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<Stored>, StoreError> {
        self.engine.read(|view| list(view, brand, filter, &page))
    }

    async fn cancel(
        &self,
        brand: &BrandId,
        id: MessageId,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<Result<Stored, State>>, StoreError> {
        let (brand, actor) = (brand.clone(), actor.to_owned());
        self.engine.write(Urgency::Promise, move |txn| cancel(txn, &brand, id, &actor, now)).await
    }

    async fn events(
        &self,
        brand: &BrandId,
        cursor: u64,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        let newest = self.engine.signals().last_cursor();
        self.engine.read(|view| events::read(view, brand, cursor..newest, limit))
    }

    async fn last_cursor(&self) -> Result<u64, StoreError> {
        Ok(self.engine.signals().last_cursor())
    }

    fn event_signal(&self) -> watch::Receiver<u64> {
        self.engine.signals().events()
    }
}

fn accept(txn: &mut Txn<'_>, message: &Message, content_hash: [u8; 32]) -> Result<Acceptance, StoreError> {
    let id = message.id;
    if let Some(key) = &message.idempotency_key {
        let key = keys::idempotency(&message.brand, key);
        if let Some(asked) = txn.load::<Asked>(&key)? {
            return known(txn, &asked, content_hash);
        }
        txn.save(key, &Asked { message: id, content_hash });
    }
    txn.save(keys::message(id), message);
    txn.put(keys::of_brand(&message.brand, message.accepted_at, id), Vec::new());
    txn.put(keys::of_contact(&message.brand, &message.contact, message.accepted_at, id), Vec::new());
    let progress = Progress {
        brand: message.brand.clone(),
        contact: message.contact.clone(),
        class: message.class,
        history: History::accepted(message.accepted_at),
        next_at: Some(message.send_at),
        cursors: Vec::new(),
    };
    save(txn, id, None, progress)?;
    Ok(Acceptance::New)
}

fn known(txn: &Txn<'_>, asked: &Asked, content_hash: [u8; 32]) -> Result<Acceptance, StoreError> {
    if asked.content_hash != content_hash {
        return Ok(Acceptance::Conflict(asked.message));
    }
    first(txn, asked).map(|first| Acceptance::Duplicate(Box::new(first)))
}

/// The message for which an idempotency key was used.
fn first(txn: &Txn<'_>, asked: &Asked) -> Result<Stored, StoreError> {
    load_stored(txn, asked.message)?.ok_or_else(|| {
        super::engine::damaged(txn, format!("an idempotency key leads to no message {}", asked.message))
    })
}

fn list(
    view: &dyn View,
    brand: &BrandId,
    filter: &MessageFilter,
    page: &PageRequest,
) -> Result<Page<Stored>, StoreError> {
    let mut range = keys::all_of(brand, filter.contact.as_ref());
    let prefix = range.start.len();
    let bound = |at: Timestamp| [&range.start[..prefix], &keys::time(at)].concat();
    let (from, until) = (filter.from.map(bound), filter.until.map(bound));
    range.start = from.unwrap_or(range.start);
    range.end = until.unwrap_or(range.end);
    read_page(view, range, prefix, Order::Descending, page, |key, _| {
        let Some((_, id)) = keys::time_and_id(key) else {
            return Err(super::engine::damaged(
                view,
                "a key of the list of messages is too short".to_owned(),
            ));
        };
        matching(view, id, filter)
    })
}

/// The message, when the filter lets it through. Its content is read only when its state does.
fn matching(view: &dyn View, id: MessageId, filter: &MessageFilter) -> Result<Option<Stored>, StoreError> {
    let Some(progress) = load::<Progress>(view, &keys::progress(id))? else { return Ok(None) };
    if !filter.states.is_empty() && !filter.states.contains(&progress.history.state()) {
        return Ok(None);
    }
    let stored = join(view, id, progress)?;
    let carries = |(key, value): (&String, &String)| stored.message.labels.get(key) == Some(value);
    Ok(filter.labels.iter().all(carries).then_some(stored))
}

fn cancel(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: MessageId,
    actor: &str,
    now: Timestamp,
) -> Result<Option<Result<Stored, State>>, StoreError> {
    let before = match txn.load::<Progress>(&keys::progress(id))? {
        Some(progress) if progress.brand == *brand => progress,
        _ => return Ok(None),
    };
    let mut after = before.clone();
    if let Err(state) = after.history.cancel(now, actor) {
        return Ok(Some(Err(state)));
    }
    if after.history.state().is_final() {
        after.next_at = None;
    }
    if after.history.version() != before.history.version() {
        after = save(txn, id, Some(&before), after)?;
    }
    join(txn, id, after).map(|stored| Some(Ok(stored)))
}
