//! Parts of ranges.

use std::ops::{ControlFlow, Range};

use super::lookup::{ScanOrder, Snapshot};
use crate::store::{Page, PageRequest, StoreError};

/// How many keys one page looks at: a filter that finds little gives a short page, not a long wait.
pub const MAX_EXAMINED: usize = 1_000;

/// Reads a page of `range`. `prefix` is how many bytes all its keys have in common; `item` turns a key and its value into
/// an item, or passes over it. A page ends at the rest of the last key looked at, so it cannot lead out of
/// the range.
pub fn read_page<T>(
    view: &dyn Snapshot,
    mut range: Range<Vec<u8>>,
    prefix: usize,
    order: ScanOrder,
    request: &PageRequest,
    mut item: impl FnMut(&[u8], &[u8]) -> Result<Option<T>, StoreError>,
) -> Result<Page<T>, StoreError> {
    if let Some(after) = &request.after {
        start_after(&mut range, prefix, order, after);
    }
    let mut items = Vec::new();
    let mut examined = 0;
    let mut last = None;
    let mut next = None;
    view.scan(range, order, &mut |key, value| {
        if items.len() >= request.size || examined >= MAX_EXAMINED {
            next = last.take();
            return Ok(ControlFlow::Break(()));
        }
        examined += 1;
        items.extend(item(key, value)?);
        last = Some(key[prefix..].to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Page { items, next })
}

/// Narrows a range to what comes after a key.
fn start_after(range: &mut Range<Vec<u8>>, prefix: usize, order: ScanOrder, after: &[u8]) {
    // Both ends begin alike only when the range is a whole prefix; its start always carries the prefix.
    let mut key = range.start[..prefix].to_vec();
    key.extend_from_slice(after);
    match order {
        ScanOrder::Descending if key < range.end => range.end = key,
        ScanOrder::Ascending if key >= range.start => {
            key.push(0);
            range.start = key;
        }
        _ => {}
    }
}

/// The first keys of a range for as long as `go_on` says so.
pub fn keys_in(
    view: &dyn Snapshot,
    range: Range<Vec<u8>>,
    limit: usize,
    go_on: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    view.scan(range, ScanOrder::Ascending, &mut |key, _| {
        if found.len() >= limit || !go_on(key) {
            return Ok(ControlFlow::Break(()));
        }
        found.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}
