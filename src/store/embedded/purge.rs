//! Forgetting what is over.

use std::ops::{ControlFlow, Range};

use super::engine::{Get, Order, View};
use super::keys;
use super::progress::load_stored;
use super::receipts::provider_of;
use super::records::{Asked, Progress, Reference};
use super::txn::Txn;
use crate::model::{Detail, Message, MessageId, Outcome, Timestamp};
use crate::store::StoreError;

/// Forgets messages finished, and receipts parked, before `before`; at most `limit` of each.
pub fn purge(txn: &mut Txn<'_>, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    for key in first_keys(txn.before(), keys::finished_before(before), limit)? {
        let Some((_, id)) = keys::time_and_id(&key) else { continue };
        let Some(progress) = txn.load::<Progress>(&keys::progress(id))? else { continue };
        // An operation of the same group may have taken the message up again.
        if progress.finished_at().is_some_and(|at| at < before) {
            forget(txn, id, &progress)?;
            forgotten += 1;
        }
    }
    for key in first_keys(txn.before(), keys::parked_before(before), limit)? {
        if txn.get(&key)?.is_some()
            && let Some(parked) = keys::parked_of(&key)
        {
            txn.delete(parked.to_vec());
            txn.delete(key);
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

fn first_keys(view: &dyn View, range: Range<Vec<u8>>, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    view.scan(range, Order::Ascending, &mut |key, _| {
        if found.len() >= limit {
            return Ok(ControlFlow::Break(()));
        }
        found.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Deletes a message and everything that leads to it.
fn forget(txn: &mut Txn<'_>, id: MessageId, progress: &Progress) -> Result<(), StoreError> {
    if let Some(stored) = load_stored(txn, id)? {
        forget_indexes(txn, &stored.message)?;
    }
    for cursor in &progress.cursors {
        txn.delete(keys::event(&progress.brand, *cursor));
    }
    for event in progress.history.events() {
        if let Detail::AttemptFinished { attempt, outcome: Outcome::Sent { reference } } = &event.detail {
            forget_reference(txn, id, progress, *attempt, reference)?;
        }
    }
    if let Some(at) = progress.finished_at() {
        txn.delete(keys::finished(at, id));
    }
    txn.delete(keys::progress(id));
    txn.delete(keys::message(id));
    Ok(())
}

fn forget_indexes(txn: &mut Txn<'_>, message: &Message) -> Result<(), StoreError> {
    let Message { id, brand, contact, accepted_at, .. } = message;
    txn.delete(keys::of_brand(brand, *accepted_at, *id));
    txn.delete(keys::of_contact(brand, contact, *accepted_at, *id));
    if let Some(key) = &message.idempotency_key {
        let key = keys::idempotency(brand, key);
        if txn.load::<Asked>(&key)?.is_some_and(|asked| asked.message == *id) {
            txn.delete(key);
        }
    }
    Ok(())
}

/// Deletes a reference, unless the provider has given it to another message since.
fn forget_reference(
    txn: &mut Txn<'_>,
    id: MessageId,
    progress: &Progress,
    attempt: u32,
    reference: &str,
) -> Result<(), StoreError> {
    let Some(provider) = provider_of(progress, attempt) else { return Ok(()) };
    let key = keys::reference(&provider, reference);
    if txn.load::<Reference>(&key)?.is_some_and(|found| found.message == id) {
        txn.delete(key);
    }
    Ok(())
}
