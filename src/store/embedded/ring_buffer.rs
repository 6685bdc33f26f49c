//! Lists of which only the newest entries are kept. Callers decide how many are made, so without a bound they would grow for ever.

use super::keys::{self, RingBuffer};
use super::lookup::{Lookup, read_number};
use super::txn::Txn;
use crate::store::StoreError;

/// Appends an entry, and returns the one in whose place it comes, which is for the caller to forget. `size` is how many are kept.
pub fn push(
    txn: &mut Txn<'_>,
    buffer: RingBuffer<'_>,
    entry: Vec<u8>,
    size: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let pushed_at = keys::ring_buffer(buffer);
    let pushed = read_number(txn, &pushed_at)?;
    let slot = keys::ring_buffer_slot(buffer, pushed % size);
    let displaced = txn.get(&slot)?;
    txn.put(slot, entry);
    txn.put_number(pushed_at, pushed + 1);
    Ok(displaced)
}
