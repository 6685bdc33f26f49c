//! Forgetting what is over.

use std::ops::ControlFlow;

use super::engine::{Get, Order};
use super::journal;
use super::keys;
use super::pack::{self, Found, Place};
use super::paging::keys_in;
use super::receipts::{provider_of, unpark};
use super::records::{Asked, Parked, Record};
use super::states::States;
use super::txn::Txn;
use super::{contents, index};
use crate::model::{BrandId, Detail, Echo, MessageId, Outcome, Timestamp};
use crate::store::StoreError;
use crate::wire::store::v1::{HeardRecord, JournalRecord, PackRecord};

/// Forgets messages finished, receipts parked, what was heard of contacts, and links expired, before `before`; at most
/// `limit` of each. Returns how many.
pub fn purge(txn: &mut Txn<'_>, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    for key in keys_in(txn.before(), keys::heads(), usize::MAX, |_| true)? {
        let Some(brand) = keys::brand_of_head(&key) else { continue };
        forgotten += forget_messages(txn, &brand, before, limit - forgotten)?;
        clear_journal(txn, &brand, before, limit)?;
        index::clear(txn, &brand)?;
    }
    let mut unparked = 0;
    for key in keys_in(txn.before(), keys::parked_before(before), limit, |_| true)? {
        if let Some(own) = keys::parked_of(&key).map(<[u8]>::to_vec)
            && let Some(parked) = txn.load::<Parked>(&own)?
        {
            unpark(txn, own, parked.parked_at)?;
            unparked += 1;
        }
    }
    let heard = forget_heard(txn, before, limit)?;
    let expired = keys_in(txn.before(), keys::links_before(before), limit, |_| true)?;
    let count = forgotten + unparked + heard + expired.len();
    expired.into_iter().for_each(|link| txn.delete(link));
    Ok(count)
}

/// Forgets what was heard of contacts.
fn forget_heard(txn: &mut Txn<'_>, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let old = keys_in(txn.before(), keys::heard_before(before), limit, |_| true)?;
    let count = old.len();
    for at in old {
        if let Some((key, brand)) = keys::heard_of(&at)
            && let Some(heard) = txn.load::<HeardRecord>(&key)?
        {
            if let Ok(contact) = heard.contact_id.parse() {
                txn.delete(keys::contact_event(&brand, &contact, heard.cursor));
            }
            txn.delete(key);
        }
        txn.delete(at);
    }
    Ok(count)
}

/// Forgets messages of a brand, the oldest first.
fn forget_messages(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let view = txn.before();
    let (mut packs, mut found) = (Vec::new(), 0);
    view.scan(keys::packs(brand), Order::Ascending, &mut |key, _| {
        // What was accepted later cannot have ended before.
        match keys::id(key).filter(|pack| found < limit && pack.accepted_at() < before) {
            None => Ok(ControlFlow::Break(())),
            Some(pack) => {
                let over = States::load(view, brand, pack)?.ended_before(before).count();
                packs.extend((over > 0).then_some(pack));
                found += over;
                Ok(ControlFlow::Continue(()))
            }
        }
    })?;
    let mut forgotten = 0;
    for pack in packs {
        forgotten += forget_in_pack(txn, brand, pack, before, limit - forgotten)?;
    }
    Ok(forgotten)
}

fn forget_in_pack(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    pack: MessageId,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let key = keys::pack(brand, pack);
    let Some(mut record) = txn.load::<PackRecord>(&key)? else { return Ok(0) };
    let mut states = States::load(txn, brand, pack)?;
    // Asked again: an operation of the same group may have moved a message on.
    let over: Vec<u32> = states.ended_before(before).take(limit).collect();
    for packed in record.messages.extract_if(.., |own| over.contains(&own.number)) {
        let found = Found { place: Place { pack, number: packed.number }, packed };
        forget(txn, brand, &found, &states)?;
        states.forget(found.place.number);
    }
    if record.messages.is_empty() {
        txn.delete(key);
        txn.delete(keys::states(brand, pack));
    } else {
        txn.put(key, record.encode());
        states.save(txn);
    }
    Ok(over.len())
}

/// Deletes what leads to a message.
fn forget(txn: &mut Txn<'_>, brand: &BrandId, found: &Found, states: &States) -> Result<(), StoreError> {
    let id = found.packed.id(txn)?;
    if let Some(key) = found.packed.idempotency_key(txn)? {
        let key = keys::idempotency(brand, &key);
        if txn.load::<Asked>(&key)?.is_some_and(|asked| asked.message == id) {
            txn.delete(key);
        }
    }
    if states.of(found.place.number).is_some_and(|own| own.referenced) {
        let history = journal::history(txn, brand, id, states, found.place.number)?;
        for event in history.events() {
            if let Detail::AttemptFinished { attempt, outcome: Outcome::Sent { reference } } = &event.detail
                && let Some(provider) = provider_of(&history, *attempt)
            {
                forget_reference(txn, id, keys::reference(provider, reference))?;
            }
        }
    }
    if !found.packed.content_hash.is_empty() {
        contents::release(txn, brand, &found.packed.content_hash)?;
    }
    let apart = keys::history_apart(brand, id);
    if txn.get(&apart)?.is_some() {
        txn.delete(apart);
    }
    Ok(())
}

/// Deletes a reference, unless the provider has given it to another message since.
fn forget_reference(txn: &mut Txn<'_>, id: MessageId, key: Vec<u8>) -> Result<(), StoreError> {
    if txn.load::<Echo>(&key)?.is_some_and(|found| found.message == id) {
        txn.delete(key);
    }
    Ok(())
}

/// Drops records of the journal whose events are all from before `before`; at most `limit`. A message that is still kept
/// takes its history out first.
fn clear_journal(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    before: Timestamp,
    limit: usize,
) -> Result<(), StoreError> {
    let view = txn.before();
    let mut old = Vec::new();
    view.scan(keys::journals(brand), Order::Ascending, &mut |key, bytes| {
        let record: JournalRecord = super::engine::decode(view, key, bytes)?;
        let newest = record.entries.last().map(|entry| journal::time_of(view, entry)).transpose()?;
        if old.len() >= limit || newest.is_some_and(|at| at >= before) {
            return Ok(ControlFlow::Break(()));
        }
        old.push((key.to_vec(), record));
        Ok(ControlFlow::Continue(()))
    })?;
    for (key, record) in old {
        // An operation of the same group may have added to it.
        if txn.get(&key)?.is_none_or(|bytes| bytes.len() > record.encode().len()) {
            continue;
        }
        for entry in record.entries.iter().filter(|entry| entry.contact_id.is_empty()) {
            take_apart(txn, brand, journal::message_of(txn, entry)?)?;
        }
        journal::drop_record(txn, brand, key)?;
    }
    Ok(())
}

/// Keeps the history of a message that is still there apart from the journal.
fn take_apart(txn: &mut Txn<'_>, brand: &BrandId, id: MessageId) -> Result<(), StoreError> {
    let Some(found) = pack::find(txn, brand, id)? else { return Ok(()) };
    let mut states = States::load(txn, brand, found.place.pack)?;
    let history = journal::history(txn, brand, id, &states, found.place.number)?;
    if states.leave_journal(found.place.number) {
        txn.save(keys::history_apart(brand, id), &history);
        states.save(txn);
    }
    Ok(())
}
