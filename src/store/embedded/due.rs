//! Claiming what is due: on disk, and in the memory of the desk.

use std::ops::ControlFlow;

use super::claims::ClaimTable;
use super::engine::{ScanOrder, Snapshot, damaged};
use super::keys::{self, DueEntry, DueTarget};
use super::message_events::{MessageRef, read_stored};
use super::packs::{self, LocatedMessage, MessageLocation};
use super::states::States;
use crate::model::{BrandId, Class, MessageId, Timestamp};
use crate::store::{StoreError, StoredMessage};

/// A message that is due and not claimed.
struct DueCandidate {
    at: Timestamp,
    subject: MessageRef,
    bucket: Option<Vec<u8>>,
    stored: Result<StoredMessage, StoreError>,
}

/// What was found on disk.
#[derive(Default)]
pub struct DueOnDisk {
    candidates: Vec<DueCandidate>,
    /// Entries under which nothing is left but the candidates and what is claimed, and when the first claim ends.
    exhausted_buckets: Vec<(Vec<u8>, Timestamp)>,
    /// When there will be more.
    next_due: Option<Timestamp>,
}

impl DueOnDisk {
    fn note_due(&mut self, at: Timestamp) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }
}

/// Looks on disk for what is due of a class: at most `room` messages.
pub fn find_due(
    view: &dyn Snapshot,
    desk: &ClaimTable,
    class: Class,
    now: Timestamp,
    room: usize,
) -> Result<DueOnDisk, StoreError> {
    let mut found = DueOnDisk::default();
    view.scan(keys::all_due(class), ScanOrder::Ascending, &mut |key, _| {
        let due = DueEntry::read(key)
            .ok_or_else(|| damaged(view, "a key of the due order makes no sense".to_owned()))?;
        // Nothing further on is due before this one.
        if due.at > now || found.candidates.len() >= room && found.next_due.is_some_and(|next| next <= now) {
            found.note_due(due.at);
            return Ok(ControlFlow::Break(()));
        }
        if let Some(until) = desk.exhausted_until(key).filter(|until| *until > now) {
            found.note_due(until.max(due.at));
            return Ok(ControlFlow::Continue(()));
        }
        let look = DueScan { view, desk, brand: &due.brand, now, room };
        let looked = match due.target {
            DueTarget::Bucket(pack) => look.bucket(key, class, due.at, pack, &mut found),
            DueTarget::Single(id) => look.single(due.at, id, &mut found),
        };
        match looked {
            // What is damaged must not stop the others. It is left alone for a lease, and told of once in that time.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, "an entry of the due order leads to damage");
                found.exhausted_buckets.push((key.to_vec(), Timestamp::MAX));
            }
            looked => looked?,
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.candidates.sort_by_key(|own| (own.at, own.subject.id));
    Ok(found)
}

struct DueScan<'a> {
    view: &'a dyn Snapshot,
    desk: &'a ClaimTable,
    brand: &'a BrandId,
    now: Timestamp,
    room: usize,
}

impl DueScan<'_> {
    /// A message with an entry of its own.
    fn single(&self, at: Timestamp, id: MessageId, found: &mut DueOnDisk) -> Result<(), StoreError> {
        match self.desk.claimed_until(id) {
            Some(until) => found.note_due(until.max(at)),
            None if found.candidates.len() >= self.room => found.note_due(at),
            None => {
                let Some(own) = packs::locate(self.view, self.brand, id)? else {
                    return Err(damaged(self.view, format!("message {id} is due and nowhere")));
                };
                let states = States::load(self.view, self.brand, own.location.pack)?;
                self.add(at, &own, &states, None, found)?;
            }
        }
        Ok(())
    }

    /// What stands under a cover.
    fn bucket(
        &self,
        key: &[u8],
        class: Class,
        at: Timestamp,
        pack: MessageId,
        found: &mut DueOnDisk,
    ) -> Result<(), StoreError> {
        let states = States::load(self.view, self.brand, pack)?;
        let (mut all, mut first_end) = (true, Timestamp::MAX);
        for packed in packs::read(self.view, self.brand, pack)? {
            let is_under = packed.cover_time_ms == at.as_millisecond()
                && packed.class(self.view)? == class
                && states.is_in_bucket(packed.number);
            if !is_under {
                continue;
            }
            let (id, send_at) = (packed.id(self.view)?, packed.send_at(self.view)?);
            match self.desk.claimed_until(id) {
                Some(until) => {
                    first_end = first_end.min(until);
                    found.note_due(until);
                }
                None if send_at <= self.now && found.candidates.len() < self.room => {
                    let own =
                        LocatedMessage { location: MessageLocation { pack, number: packed.number }, packed };
                    self.add(send_at, &own, &states, Some(key.to_vec()), found)?;
                }
                None => {
                    found.note_due(send_at);
                    all = false;
                }
            }
        }
        if all {
            found.exhausted_buckets.push((key.to_vec(), first_end));
        }
        Ok(())
    }

    /// One damaged record must not stop the others: it is told of when the message is claimed, once a lease.
    fn add(
        &self,
        at: Timestamp,
        own: &LocatedMessage,
        states: &States,
        cover: Option<Vec<u8>>,
        found: &mut DueOnDisk,
    ) -> Result<(), StoreError> {
        let stored = match read_stored(self.view, self.brand, own, states) {
            Err(error) if !matches!(error, StoreError::Corrupt { .. }) => return Err(error),
            stored => stored,
        };
        let subject = MessageRef::from_located(self.view, self.brand, own)?;
        found.candidates.push(DueCandidate { at, subject, bucket: cover, stored });
        Ok(())
    }
}

/// Claims up to `room` messages of a class until `until`, of those found on disk and those that wait in memory: the longest
/// due first.
pub fn claim_due(
    desk: &mut ClaimTable,
    class: Class,
    on_disk: DueOnDisk,
    now: Timestamp,
    until: Timestamp,
    room: usize,
) -> Vec<StoredMessage> {
    let mut messages = Vec::new();
    let mut taken = 0;
    let mut candidates = on_disk.candidates.into_iter().peekable();
    while taken < room {
        let waiting = desk.ready(class, now).next();
        let found = candidates.peek().map(|own| (own.at, own.subject.id));
        match (found, waiting) {
            (None, None) => break,
            (Some(found), Some(waiting)) if waiting < found => {
                messages.extend(desk.claim_ready(class, waiting, until))
            }
            (None, Some(waiting)) => messages.extend(desk.claim_ready(class, waiting, until)),
            (Some(_), _) => messages.extend(candidates.next().and_then(|own| claim(desk, own, until))),
        }
        taken += 1;
    }
    let left: Vec<DueCandidate> = candidates.collect();
    for (cover, first_end) in on_disk.exhausted_buckets {
        if !left.iter().any(|own| own.bucket.as_ref() == Some(&cover)) {
            desk.exhaust(cover, first_end.min(until));
        }
    }
    left.iter().map(|own| own.at).chain(on_disk.next_due).for_each(|at| desk.due_on_disk(at));
    messages
}

fn claim(desk: &mut ClaimTable, candidate: DueCandidate, until: Timestamp) -> Option<StoredMessage> {
    let DueCandidate { at, subject, bucket: cover, stored } = candidate;
    let id = subject.id;
    desk.claim_from_disk(subject, cover, at, until);
    stored
        .inspect_err(
            |error| tracing::error!(message.id = %id, %error, "a message that is due cannot be read"),
        )
        .ok()
}
