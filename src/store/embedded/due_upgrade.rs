//! Moves the due order that an older build kept by time alone into that of each brand.
//!
//! Run when a store is opened, before anything is served, in steps that can each be interrupted: an entry is in one of the two orders,
//! and the store is done when the old one is empty.

use std::ops::ControlFlow;

use super::keys::{self, DueEntry};
use super::lookup::{Lookup, ScanOrder, damaged};
use super::txn::Txn;
use crate::store::StoreError;

/// How many entries one step moves.
const STEP: usize = 10_000;

/// Whether anything is in the old order.
pub fn is_needed(from: &impl Lookup) -> Result<bool, StoreError> {
    Ok(from.last_in(keys::due_by_time())?.is_some())
}

/// Moves the first entries of the old order, and counts them in `moved`. Returns whether there may be more.
pub fn take_step(txn: &mut Txn<'_>, moved: &mut usize) -> Result<bool, StoreError> {
    let mut found = Vec::new();
    txn.committed().scan(keys::due_by_time(), ScanOrder::Ascending, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        Ok(if found.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let may_be_more = found.len() == STEP;
    for (key, value) in found {
        let (class, entry) = DueEntry::read_by_time(&key)
            .ok_or_else(|| damaged(txn, "a key of the due order by time makes no sense".to_owned()))?;
        txn.put(entry.key(class), value);
        txn.delete(key);
        *moved += 1;
    }
    Ok(may_be_more)
}
