//! Counting what waits to be sent.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use super::engine::Engine;
use super::keys::{self, DueEntry, DueTarget};
use super::lookup::{ScanOrder, Snapshot};
use super::packs;
use super::states::PackStates;
use crate::model::{Backlog, BacklogGroup, BrandId, MessageClass, MessageId, MessageState};
use crate::store::StoreError;

/// How many messages are looked at in one step, so that nobody waits long behind it.
const STEP: usize = 500;

/// A count under way.
#[derive(Default)]
struct BacklogCount {
    groups: BTreeMap<BacklogGroup, u64>,
    looked_at: usize,
}

/// Counts the messages that wait to be sent: of each class one brand after the other, until `limit` were looked at.
pub async fn count(engine: &impl Engine, limit: usize) -> Result<Backlog, StoreError> {
    let (mut count, mut is_whole) = (BacklogCount::default(), true);
    for class in [MessageClass::Transactional, MessageClass::Commercial] {
        let mut left = Some(keys::all_due(class));
        let end = count.looked_at.saturating_add(limit);
        while let Some(range) = left.take() {
            if count.looked_at >= end {
                is_whole = false;
                break;
            }
            let end_of_step = end.min(count.looked_at.saturating_add(STEP));
            left = engine.read(|view| count.step(view, range, end_of_step))?;
            tokio::task::yield_now().await;
        }
    }
    Ok(Backlog { groups: count.groups.into_iter().collect(), is_whole })
}

impl BacklogCount {
    /// Counts what is due in `range` until `looked_at` messages were looked at in all. Returns what is left of the range.
    fn step(
        &mut self,
        view: &dyn Snapshot,
        range: Range<Vec<u8>>,
        looked_at: usize,
    ) -> Result<Option<Range<Vec<u8>>>, StoreError> {
        let (mut left, end) = (None, range.end.clone());
        view.scan(range, ScanOrder::Ascending, &mut |key, _| {
            if self.looked_at >= looked_at {
                left = Some(key.to_vec()..end.clone());
                return Ok(ControlFlow::Break(()));
            }
            let Some(due) = DueEntry::read(key) else { return Ok(ControlFlow::Continue(())) };
            let counted = match due.target {
                DueTarget::Bucket(pack) => self.bucket(view, key, &due.brand, pack),
                DueTarget::Single(id) => self.single(view, &due.brand, id),
            };
            match counted {
                // Whoever claims what is damaged tells of it.
                Ok(()) | Err(StoreError::Corrupt { .. }) => Ok(ControlFlow::Continue(())),
                Err(error) => Err(error),
            }
        })?;
        Ok(left)
    }

    fn single(&mut self, view: &dyn Snapshot, brand: &BrandId, id: MessageId) -> Result<(), StoreError> {
        self.looked_at += 1;
        let Some(located) = packs::locate(view, brand, id)? else { return Ok(()) };
        let states = PackStates::load(view, brand, located.location.pack)?;
        if is_waiting(states.state(view, located.location.number)?) {
            *self.groups.entry(located.packed.backlog_group(view, brand)?).or_default() += 1;
        }
        Ok(())
    }

    /// The messages of a pack that have no entry of their own, and are due with the bucket at `key`.
    fn bucket(
        &mut self,
        view: &dyn Snapshot,
        key: &[u8],
        brand: &BrandId,
        pack: MessageId,
    ) -> Result<(), StoreError> {
        let states = PackStates::load(view, brand, pack)?;
        for packed in packs::read(view, brand, pack)? {
            self.looked_at += 1;
            let target = DueTarget::Bucket(pack);
            let entry = DueEntry { at: packed.bucket_at(view)?, brand: brand.clone(), target };
            let is_in_it = states.is_in_bucket(packed.number) && entry.key(packed.class(view)?) == key;
            if is_in_it && is_waiting(states.state(view, packed.number)?) {
                *self.groups.entry(packed.backlog_group(view, brand)?).or_default() += 1;
            }
        }
        Ok(())
    }
}

fn is_waiting(state: MessageState) -> bool {
    matches!(state, MessageState::Accepted | MessageState::Waiting)
}
