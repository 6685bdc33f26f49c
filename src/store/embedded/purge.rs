//! Purging: what ended before the retention period is deleted.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::journal;
use super::keys;
use super::lookup::{Lookup, ScanOrder, decode};
use super::message_ref::MessageLocation;
use super::packs::{self, LocatedMessage};
use super::paging::keys_in;
use super::receipts::{provider_of, unpark};
use super::records::{IdempotencyRecord, ParkedReceipt, Record};
use super::states::PackStates;
use super::txn::Txn;
use super::{bodies, contact_index, contact_links};
use crate::model::{AttemptRef, BrandId, Incident, MessageEventDetail, MessageId, Outcome, Timestamp};
use crate::store::StoreError;
use crate::wire::store::v1::{InboundEventRecord, JournalRecord, PackRecord};

/// Deletes messages finished, receipts parked, inbound events recorded, links expired, and incidents ended, before `before`; at
/// most `limit` of each. Returns how many.
pub fn purge(txn: &mut Txn<'_>, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let mut purged = 0;
    for key in keys_in(txn.committed(), keys::heads(), usize::MAX, |_| true)? {
        let Some(brand) = keys::brand_of_head(&key) else { continue };
        purged += purge_messages(txn, &brand, before, limit - purged)?;
        clear_journal(txn, &brand, before, limit)?;
        contact_index::clear(txn, &brand)?;
    }
    let mut unparked = 0;
    for key in keys_in(txn.committed(), keys::parked_before(before), limit, |_| true)? {
        if let Some(parked_key) = keys::parked_of(&key).map(<[u8]>::to_vec)
            && let Some(parked) = txn.load::<ParkedReceipt>(&parked_key)?
        {
            unpark(txn, parked_key, parked.parked_at)?;
            unparked += 1;
        }
    }
    let inbound_events = purge_inbound_events(txn, before, limit)?;
    let expired = keys_in(txn.committed(), keys::links_before(before), limit, |_| true)?;
    let incidents = purge_incidents(txn, before, limit)?;
    let count = purged + unparked + inbound_events + expired.len() + incidents;
    for link in expired.iter().filter_map(|key| keys::link_id(key)) {
        contact_links::forget(txn, link)?;
    }
    Ok(count)
}

/// Deletes incidents.
fn purge_incidents(txn: &mut Txn<'_>, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let mut purged = 0;
    // One that began so long ago and goes on is looked at each time; there are few.
    for key in keys_in(txn.committed(), keys::incidents_before(before), limit, |_| true)? {
        let incident = txn.load::<Incident>(&key)?;
        if incident.is_some_and(|incident| incident.ended.is_some_and(|(at, _)| at < before)) {
            txn.delete(key);
            purged += 1;
        }
    }
    Ok(purged)
}

/// Deletes inbound events.
fn purge_inbound_events(txn: &mut Txn<'_>, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let old = keys_in(txn.committed(), keys::inbound_events_before(before), limit, |_| true)?;
    let count = old.len();
    for at in old {
        if let Some((key, brand)) = keys::inbound_event_of(&at)
            && let Some(event) = txn.load::<InboundEventRecord>(&key)?
        {
            if let Ok(contact) = event.contact_id.parse() {
                txn.delete(keys::contact_event(&brand, &contact, event.cursor));
                journal::note_forgotten(txn, &brand, event.cursor)?;
            }
            txn.delete(key);
        }
        txn.delete(at);
    }
    Ok(count)
}

/// Deletes messages of a brand, the oldest first.
fn purge_messages(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let view = txn.committed();
    let (mut packs, mut found) = (Vec::new(), 0);
    view.scan(keys::packs(brand), ScanOrder::Ascending, &mut |key, _| {
        // What was accepted later cannot have ended before.
        match keys::id(key).filter(|pack| found < limit && pack.accepted_at() < before) {
            None => Ok(ControlFlow::Break(())),
            Some(pack) => {
                let over = PackStates::load(view, brand, pack)?.ended_before(before).count();
                packs.extend((over > 0).then_some(pack));
                found += over;
                Ok(ControlFlow::Continue(()))
            }
        }
    })?;
    let mut purged = 0;
    for pack in packs {
        purged += purge_pack(txn, brand, pack, before, limit - purged)?;
    }
    Ok(purged)
}

fn purge_pack(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    pack: MessageId,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let key = keys::pack(brand, pack);
    let Some(mut record) = txn.load::<PackRecord>(&key)? else { return Ok(0) };
    let mut states = PackStates::load(txn, brand, pack)?;
    // Asked again: an operation of the same group may have moved a message on.
    let over: Vec<u32> = states.ended_before(before).take(limit).collect();
    let newest =
        over.iter().filter_map(|number| states.state_record(*number)).map(|state| state.last_cursor).max();
    journal::note_forgotten(txn, brand, newest.unwrap_or_default())?;
    for packed in record.messages.extract_if(.., |packed| over.contains(&packed.number)) {
        let found = LocatedMessage { location: MessageLocation { pack, number: packed.number }, packed };
        delete_references(txn, brand, &found, &states)?;
        states.remove(found.location.number);
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

/// Deletes the records that lead to a message.
fn delete_references(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    found: &LocatedMessage,
    states: &PackStates,
) -> Result<(), StoreError> {
    let id = found.packed.id(txn)?;
    if let Some(key) = found.packed.idempotency_key(txn)? {
        let key = keys::idempotency(brand, &key);
        if txn.load::<IdempotencyRecord>(&key)?.is_some_and(|record| record.message == id) {
            txn.delete(key);
        }
    }
    if states.state_record(found.location.number).is_some_and(|state| state.has_reference) {
        let history = journal::history(txn, brand, id, states, found.location.number)?;
        for event in history.events() {
            if let MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::Sent { reference, .. } } =
                &event.detail
                && let Some(provider) = provider_of(&history, *attempt)
            {
                delete_reference(txn, id, keys::reference(provider, reference))?;
            }
        }
    }
    if !found.packed.body_hash.is_empty() {
        bodies::release_body(txn, brand, &found.packed.body_hash)?;
    }
    let apart = keys::history(brand, id);
    if txn.get(&apart)?.is_some() {
        txn.delete(apart);
    }
    Ok(())
}

/// Deletes a reference, unless the provider has given it to another message since.
fn delete_reference(txn: &mut Txn<'_>, id: MessageId, key: Vec<u8>) -> Result<(), StoreError> {
    if txn.load::<AttemptRef>(&key)?.is_some_and(|found| found.message == id) {
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
    let view = txn.committed();
    let mut old = Vec::new();
    view.scan(keys::journals(brand), ScanOrder::Ascending, &mut |key, bytes| {
        let record: JournalRecord = decode(view, key, bytes)?;
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
        let entries = record.entries.iter().filter(|entry| entry.contact_id.is_empty());
        let ids: BTreeSet<_> =
            entries.map(|entry| journal::message_of(txn, entry)).collect::<Result<_, _>>()?;
        for id in ids {
            keep_history(txn, brand, id)?;
        }
        let newest = record.entries.last().map_or(0, |entry| entry.cursor);
        journal::drop_record(txn, brand, key, newest)?;
    }
    Ok(())
}

/// Keeps the history of a message that is still there in a record of its own, apart from the journal.
fn keep_history(txn: &mut Txn<'_>, brand: &BrandId, id: MessageId) -> Result<(), StoreError> {
    // Looked for in what was there before: to find it missing now would be to pass all the packs just purged.
    let Some(LocatedMessage { location: MessageLocation { pack, number }, .. }) =
        packs::locate(txn.committed(), brand, id)?
    else {
        return Ok(());
    };
    let mut states = PackStates::load(txn, brand, pack)?;
    if states.state_record(number).is_none() {
        return Ok(());
    }
    let history = journal::history(txn, brand, id, &states, number)?;
    if states.remove_from_journal(number) {
        txn.save(keys::history(brand, id), &history);
        states.save(txn);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Content, FallbackPolicy, Labels, Message, MessageClass};
    use crate::store::AcceptResult;
    use crate::store::embedded::counting_snapshot::CountingSnapshot;
    use crate::store::embedded::memory::MemoryStore;
    use crate::store::embedded::txn::WriteGroup;

    /// A message of such a size that a pack holds a few.
    fn message(number: u64) -> Message {
        let now = Timestamp::UNIX_EPOCH;
        Message {
            id: MessageId::new(number, &[7; 10]),
            brand: "acme".parse().unwrap(),
            contact: "ana".parse().unwrap(),
            class: MessageClass::Transactional,
            topic: "orders".parse().unwrap(),
            content: Content { text: Some("x".repeat(1_000)), ..Content::default() },
            idempotency_key: None,
            accepted_at: now,
            send_at: now,
            expire_at: now + Duration::from_secs(60),
            channels: Vec::new(),
            fallback: FallbackPolicy::default(),
            labels: Labels::new(),
            unserved: Vec::new(),
            incarnation: crate::model::ContactIncarnation::default(),
        }
    }

    /// How often the store is read to purge `count` messages in one step.
    async fn reads_to_purge(count: u64) -> usize {
        let memory = MemoryStore::default();
        let messages = memory.open().messages;
        for number in 0..count {
            let message = message(number);
            let brand = message.brand.clone();
            let AcceptResult::New(id) = messages.accept(message, [0; 32]).await.unwrap() else { panic!() };
            messages.cancel(&brand, id, "ana", Timestamp::UNIX_EPOCH).await.unwrap().unwrap().unwrap();
        }
        let map = memory.lock();
        let counting = CountingSnapshot::new(&*map);
        let later = Timestamp::UNIX_EPOCH + Duration::from_secs(60);
        let purged = WriteGroup::new(&counting).run(|txn| purge(txn, later, count as usize)).unwrap();
        assert_eq!(purged as u64, count);
        counting.reads()
    }

    #[tokio::test]
    async fn a_message_takes_no_more_reads_to_purge_among_many() {
        let (few, many) = (reads_to_purge(100).await, reads_to_purge(800).await);
        assert!(many < 9 * few, "{few} reads for 100 messages, {many} for 800");
    }
}
