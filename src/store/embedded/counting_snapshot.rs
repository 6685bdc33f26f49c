//! For tests of what an operation costs, whatever the machine.

use std::cell::Cell;
use std::ops::Range;

use super::lookup::{KeyValue, Lookup, ScanOrder, Snapshot, Visitor};
use crate::store::StoreError;

/// A snapshot that counts how often it is read, and how many bytes.
pub struct CountingSnapshot<'a> {
    view: &'a dyn Snapshot,
    reads: Cell<usize>,
    bytes: Cell<usize>,
}

impl<'a> CountingSnapshot<'a> {
    /// Nothing was read yet.
    pub fn new(view: &'a dyn Snapshot) -> Self {
        Self { view, reads: Cell::default(), bytes: Cell::default() }
    }

    /// How many keys were looked up, and ranges begun.
    pub fn reads(&self) -> usize {
        self.reads.get()
    }

    /// How long the values were, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn count(&self, value: &[u8]) {
        self.bytes.update(|bytes| bytes + value.len());
    }
}

impl Lookup for CountingSnapshot<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.update(|reads| reads + 1);
        let found = self.view.get(key)?;
        found.iter().for_each(|value| self.count(value));
        Ok(found)
    }

    fn last_in(&self, range: Range<Vec<u8>>) -> Result<Option<KeyValue>, StoreError> {
        self.reads.update(|reads| reads + 1);
        let found = self.view.last_in(range)?;
        found.iter().for_each(|(_, value)| self.count(value));
        Ok(found)
    }

    fn path(&self) -> &str {
        self.view.path()
    }
}

impl Snapshot for CountingSnapshot<'_> {
    fn scan(
        &self,
        range: Range<Vec<u8>>,
        order: ScanOrder,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.reads.update(|reads| reads + 1);
        self.view.scan(range, order, &mut |key, value| {
            self.count(value);
            visit(key, value)
        })
    }
}
