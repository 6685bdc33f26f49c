//! Looking things up in an ordered map: single keys, ranges, records and numbers.

use std::ops::{ControlFlow, Range};

use super::keys;
use super::records::Record;
use crate::store::StoreError;

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Looks up single keys.
pub trait Lookup {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The pair with the largest key in `range`.
    fn last_in(&self, range: Range<Vec<u8>>) -> Result<Option<KeyValue>, StoreError>;

    /// Where the store is, for errors.
    fn path(&self) -> &str;
}

/// In which direction a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOrder {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// What is done with each pair of a range: go on, or stop.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError> + 'a;

/// A consistent state: nothing is written while it is looked at.
pub trait Snapshot: Lookup {
    /// Visits the pairs whose keys lie in `range`.
    fn scan(
        &self,
        range: Range<Vec<u8>>,
        order: ScanOrder,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError>;
}

/// The record at `key`.
pub fn load<T: Record>(from: &(impl Lookup + ?Sized), key: &[u8]) -> Result<Option<T>, StoreError> {
    from.get(key)?.map(|bytes| decode(from, key, &bytes)).transpose()
}

/// Reads a record. One that cannot be read is damage, because nothing but this build or an older one wrote it.
pub fn decode<T: Record>(from: &(impl Lookup + ?Sized), key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    T::decode(bytes)
        .map_err(|detail| damaged(from, format!("the {} at {}: {detail}", T::NAME, keys::redacted(key))))
}

/// The error for something in the store that cannot be right.
pub fn damaged(from: &(impl Lookup + ?Sized), detail: String) -> StoreError {
    StoreError::Corrupt { path: from.path().to_owned(), detail }
}

/// A number, 0 for none.
pub fn read_number(from: &(impl Lookup + ?Sized), key: &[u8]) -> Result<u64, StoreError> {
    let Some(bytes) = from.get(key)? else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(bytes).map_err(|_| {
        damaged(from, format!("the number at {} is not eight bytes long", keys::redacted(key)))
    })?;
    Ok(u64::from_be_bytes(bytes))
}
