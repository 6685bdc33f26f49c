//! Claiming what is due: from the due order on disk, and from the messages that are ready in memory.

use std::ops::ControlFlow;

use super::claims::ClaimTable;
use super::keys::{self, DueEntry, DueTarget};
use super::lookup::{ScanOrder, Snapshot, damaged};
use super::message_events::read_stored;
use super::message_ref::{MessageLocation, MessageRef};
use super::packs::{self, LocatedMessage};
use super::states::{BUCKET_SPAN, PackStates};
use crate::model::{BrandId, MessageClass, MessageId, MonotonicTime, Timestamp};
use crate::store::{StoreError, StoredMessage};

/// A message on disk that is due and not claimed.
struct DueCandidate {
    at: Timestamp,
    message: MessageRef,
    bucket: Option<Vec<u8>>,
    stored: Result<StoredMessage, StoreError>,
}

/// Which messages to claim.
pub struct DueQuery<'a> {
    /// Of this class.
    pub class: MessageClass,
    /// Of this brand.
    pub brand: &'a BrandId,
    /// Those that are due by now.
    pub now: Timestamp,
    /// At most so many.
    pub room: usize,
}

/// What a scan of the due order found.
#[derive(Default)]
pub struct DueOnDisk {
    candidates: Vec<DueCandidate>,
    /// The entries in which nothing is left but the candidates and what is claimed.
    exhausted: Vec<Vec<u8>>,
    /// The entries that lead to a damaged record.
    damaged: Vec<Vec<u8>>,
    /// When another message is due that is not among the candidates.
    next_due: Option<Timestamp>,
}

impl DueOnDisk {
    fn note_due(&mut self, at: Timestamp) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }
}

/// The brands that have messages of a class in the due order, and when the first of each is due.
pub fn brands_with_due(
    view: &dyn Snapshot,
    class: MessageClass,
) -> Result<Vec<(BrandId, Timestamp)>, StoreError> {
    let mut brands = Vec::new();
    let mut range = keys::all_due(class);
    loop {
        let mut first = None;
        view.scan(range, ScanOrder::Ascending, &mut |key, _| {
            first = Some(DueEntry::read(key).ok_or_else(|| senseless_key(view))?);
            Ok(ControlFlow::Break(()))
        })?;
        let Some(DueEntry { at, brand, .. }) = first else { return Ok(brands) };
        range = keys::due_of_brands_after(class, &brand);
        brands.push((brand, at));
    }
}

fn senseless_key(view: &dyn Snapshot) -> StoreError {
    damaged(view, "a key of the due order makes no sense".to_owned())
}

/// Scans the due order for the messages that are asked for.
pub fn find_due(
    view: &dyn Snapshot,
    claims: &ClaimTable,
    query: &DueQuery<'_>,
) -> Result<DueOnDisk, StoreError> {
    let DueQuery { class, brand, now, room } = *query;
    let mut found = DueOnDisk::default();
    // The time of a bucket is that of its first message.
    let held = claims.held_before().map(|at| at.saturating_sub(BUCKET_SPAN).unwrap_or(Timestamp::MIN));
    let range = keys::due_from(class, brand, held);
    view.scan(range, ScanOrder::Ascending, &mut |key, _| {
        let due = DueEntry::read(key).ok_or_else(|| senseless_key(view))?;
        // No later entry is due before this one.
        if due.at > now || found.candidates.len() >= room && found.next_due.is_some_and(|next| next <= now) {
            found.note_due(due.at);
            return Ok(ControlFlow::Break(()));
        }
        if claims.is_passed_over(key) {
            return Ok(ControlFlow::Continue(()));
        }
        let scan = DueScan { view, claims, brand, now, room };
        let scanned = match due.target {
            DueTarget::Bucket(pack) => scan.bucket(key, class, due.at, pack, &mut found),
            DueTarget::Single(id) => scan.single(due.at, id, &mut found),
        };
        match scanned {
            // A damaged entry must not stop the others. It is left alone for a lease, and logged once in that time.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(brand.id = %brand, %error, "due messages of a brand cannot be claimed: an entry of the due order leads to a damaged record");
                found.damaged.push(key.to_vec());
            }
            scanned => scanned?,
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.candidates.sort_by_key(|candidate| (candidate.at, candidate.message.id));
    Ok(found)
}

/// One entry of the due order, as it is scanned.
struct DueScan<'a> {
    view: &'a dyn Snapshot,
    claims: &'a ClaimTable,
    brand: &'a BrandId,
    now: Timestamp,
    room: usize,
}

impl DueScan<'_> {
    /// Scans an entry that stands for one message.
    fn single(&self, at: Timestamp, id: MessageId, found: &mut DueOnDisk) -> Result<(), StoreError> {
        if self.claims.has(id) || self.claims.holds(id, at) {
            return Ok(());
        }
        if found.candidates.len() >= self.room {
            found.note_due(at);
            return Ok(());
        }
        let Some(located) = packs::locate(self.view, self.brand, id)? else {
            return Err(damaged(self.view, format!("message {id} is due and nowhere")));
        };
        let states = PackStates::load(self.view, self.brand, located.location.pack)?;
        self.add(at, &located, &states, None, found)
    }

    /// Scans a bucket.
    fn bucket(
        &self,
        key: &[u8],
        class: MessageClass,
        at: Timestamp,
        pack: MessageId,
        found: &mut DueOnDisk,
    ) -> Result<(), StoreError> {
        let states = PackStates::load(self.view, self.brand, pack)?;
        let mut is_exhausted = true;
        for packed in packs::read(self.view, self.brand, pack)? {
            let is_in_it = packed.bucket_time_ms == at.as_millisecond()
                && packed.class(self.view)? == class
                && states.is_in_bucket(packed.number);
            if !is_in_it {
                continue;
            }
            let (id, send_at) = (packed.id(self.view)?, packed.send_at(self.view)?);
            if self.claims.holds(id, send_at) {
                is_exhausted = false;
            } else if self.claims.has(id) {
                // It is due again when its claim ends.
            } else if send_at <= self.now && found.candidates.len() < self.room {
                let location = MessageLocation { pack, number: packed.number };
                let located = LocatedMessage { location, packed };
                self.add(send_at, &located, &states, Some(key.to_vec()), found)?;
            } else {
                found.note_due(send_at);
                is_exhausted = false;
            }
        }
        if is_exhausted {
            found.exhausted.push(key.to_vec());
        }
        Ok(())
    }

    /// Adds a candidate. One damaged record must not stop the others: its error is logged when the message is claimed, once
    /// a lease.
    fn add(
        &self,
        at: Timestamp,
        located: &LocatedMessage,
        states: &PackStates,
        bucket: Option<Vec<u8>>,
        found: &mut DueOnDisk,
    ) -> Result<(), StoreError> {
        let stored = match read_stored(self.view, self.brand, located, states) {
            Err(error) if !matches!(error, StoreError::Corrupt { .. }) => return Err(error),
            stored => stored,
        };
        let message = located.message_ref(self.view, self.brand)?;
        found.candidates.push(DueCandidate { at, message, bucket, stored });
        Ok(())
    }
}

/// Claims messages until `until`, of those found on disk and those that are ready in memory: the
/// longest due first. Returns them, but for those that are damaged, and how many it claimed.
pub fn claim_due(
    claims: &mut ClaimTable,
    query: &DueQuery<'_>,
    on_disk: DueOnDisk,
    until: MonotonicTime,
) -> (Vec<StoredMessage>, usize) {
    let DueQuery { class, brand, now, room } = *query;
    let (mut messages, mut claimed) = (Vec::new(), 0);
    let mut candidates = on_disk.candidates.into_iter().peekable();
    while claimed < room {
        let ready = claims.ready(class, brand, now).next();
        let found = candidates.peek().map(|candidate| (candidate.at, candidate.message.id));
        match (found, ready) {
            (None, None) => break,
            (Some(found), Some(ready)) if ready < found => {
                messages.extend(claims.claim_ready(class, brand, ready, until))
            }
            (None, Some(ready)) => messages.extend(claims.claim_ready(class, brand, ready, until)),
            (Some(_), _) => {
                let candidate = candidates.next();
                messages.extend(candidate.and_then(|candidate| claim(claims, candidate, until)))
            }
        }
        claimed += 1;
    }
    let left: Vec<DueCandidate> = candidates.collect();
    for bucket in on_disk.exhausted {
        if !left.iter().any(|candidate| candidate.bucket.as_ref() == Some(&bucket)) {
            claims.note_exhausted(bucket);
        }
    }
    on_disk.damaged.into_iter().for_each(|entry| claims.note_damaged(entry, until));
    let still_due = left.iter().map(|candidate| candidate.at).chain(on_disk.next_due);
    still_due.for_each(|at| claims.note_due_on_disk(class, brand, at));
    (messages, claimed)
}

fn claim(claims: &mut ClaimTable, candidate: DueCandidate, until: MonotonicTime) -> Option<StoredMessage> {
    let DueCandidate { at, message, bucket, stored } = candidate;
    let id = message.id;
    claims.claim_from_disk(message, bucket, at, until);
    stored
        .inspect_err(
            |error| tracing::error!(message.id = %id, %error, "a due message was not handed to dispatch because a record of it is damaged; it is tried again when its claim ends"),
        )
        .ok()
}
