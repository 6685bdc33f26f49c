//! Transactions: operations that read what they, and those before them in their group, wrote.

use std::collections::BTreeMap;
use std::ops::Range;

use super::effects::{CommitEffects, NewMessage, NextDue};
use super::keys;
use super::lookup::{KeyValue, Lookup, Snapshot, load, read_number};
use super::message_ref::MessageRef;
use super::records::Record;
use crate::model::{BrandId, Timestamp};
use crate::store::StoreError;

/// Keys with their new values; `None` deletes.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Operations that become durable together.
pub struct WriteGroup<'a> {
    view: &'a dyn Snapshot,
    writes: Writes,
    bytes: usize,
    effects: CommitEffects,
}

impl<'a> WriteGroup<'a> {
    /// A group on top of a state that does not change while the group is built.
    pub fn new(view: &'a dyn Snapshot) -> Self {
        Self { view, writes: Writes::new(), bytes: 0, effects: CommitEffects::default() }
    }

    /// Runs an operation on top of those before it. When it fails, the group is as it was.
    pub fn run<R>(
        &mut self,
        operation: impl FnOnce(&mut Txn<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let before = self.effects.savepoint();
        let mut txn = Txn {
            view: self.view,
            writes: &mut self.writes,
            effects: &mut self.effects,
            bytes: self.bytes,
            undo: Vec::new(),
        };
        let result = operation(&mut txn);
        let Txn { bytes, undo, .. } = txn;
        match result {
            Ok(_) => self.bytes = bytes,
            Err(_) => {
                undo.into_iter().rev().for_each(|undo| undo.apply(&mut self.writes));
                self.effects.rollback_to(before);
            }
        }
        result
    }

    /// About how much the group writes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the group writes, and its effects once it is durable.
    pub fn finish(self) -> (Writes, CommitEffects) {
        (self.writes, self.effects)
    }
}

/// How a key was before an operation wrote to it.
enum UndoStep {
    /// No operation of the group had written the key.
    Absent(Vec<u8>),
    /// An operation had written this value, or deleted the key.
    Was(Vec<u8>, Option<Vec<u8>>),
    /// The value was this long.
    Shorter(Vec<u8>, usize),
}

impl UndoStep {
    fn apply(self, writes: &mut Writes) {
        match self {
            Self::Absent(key) => drop(writes.remove(&key)),
            Self::Was(key, value) => drop(writes.insert(key, value)),
            Self::Shorter(key, bytes) => {
                if let Some(Some(value)) = writes.get_mut(&key) {
                    value.truncate(bytes);
                }
            }
        }
    }
}

/// What one operation sees and writes.
pub struct Txn<'a> {
    view: &'a dyn Snapshot,
    writes: &'a mut Writes,
    effects: &'a mut CommitEffects,
    bytes: usize,
    undo: Vec<UndoStep>,
}

impl<'a> Txn<'a> {
    /// The state before the group: ranges are read here, and what is found is checked with `get`, because an operation
    /// of the same group may have changed it.
    pub fn committed(&self) -> &'a dyn Snapshot {
        self.view
    }

    /// Writes a value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.write(key, Some(value));
    }

    /// Writes a record.
    pub fn save(&mut self, key: Vec<u8>, record: &impl Record) {
        self.put(key, record.encode());
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.write(key, None);
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.undo.push(match self.writes.insert(key.clone(), value) {
            Some(old) => UndoStep::Was(key, old),
            None => UndoStep::Absent(key),
        });
    }

    /// Appends to the value of `key`, or begins it.
    pub fn append(&mut self, key: Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
        if let Some(Some(value)) = self.writes.get_mut(&key) {
            let before = value.len();
            write(value);
            self.bytes += value.len() - before;
            self.undo.push(UndoStep::Shorter(key, before));
            return Ok(());
        }
        let mut value = self.get(&key)?.unwrap_or_default();
        write(&mut value);
        self.put(key, value);
        Ok(())
    }

    /// How many bytes are at `key`; 0 when there is nothing.
    pub fn length(&self, key: &[u8]) -> Result<usize, StoreError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.as_ref().map_or(0, Vec::len)),
            None => Ok(self.view.get(key)?.map_or(0, |value| value.len())),
        }
    }

    /// Reads a record.
    pub fn load<T: Record>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        load(self, key)
    }

    /// Writes a number.
    pub fn put_number(&mut self, key: Vec<u8>, number: u64) {
        self.put(key, number.to_be_bytes().to_vec());
    }

    /// Counts a sequence up and returns its new value, from 1.
    pub fn next_in_sequence(&mut self, sequence: keys::Sequence) -> Result<u64, StoreError> {
        let key = keys::sequence(sequence);
        let next = read_number(self, &key)? + 1;
        self.put_number(key, next);
        Ok(next)
    }

    /// Adds to the effects that the brand has an event with this cursor.
    pub fn note_event(&mut self, brand: &BrandId, cursor: u64) {
        self.effects.cursor = Some(cursor);
        // Events come in runs of one brand.
        if self.effects.brands_with_events.last() != Some(brand) {
            self.effects.brands_with_events.push(brand.clone());
        }
    }

    /// Adds to the effects that a message was accepted.
    pub fn note_new_message(&mut self, message: NewMessage) {
        self.effects.accepted.push(message);
    }

    /// Adds to the effects that the history of a message grew, and that it is due at `next_at`.
    pub fn note_advanced(&mut self, message: &MessageRef, next_at: Option<Timestamp>) {
        let MessageRef { brand, class, .. } = message;
        let next = next_at.map(|at| NextDue { brand: brand.clone(), class: *class, at });
        self.effects.advanced.push((message.id, next));
    }

    /// Adds to the effects that a bucket is no longer in the due order.
    pub fn note_emptied_bucket(&mut self, bucket: Vec<u8>) {
        self.effects.emptied_buckets.push(bucket);
    }
}

impl Lookup for Txn<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.view.get(key),
        }
    }

    fn last_in(&self, mut range: Range<Vec<u8>>) -> Result<Option<KeyValue>, StoreError> {
        while !range.is_empty() {
            let staged = self.writes.range(range.clone()).next_back();
            let above = staged.map_or(range.start.clone(), |(key, _)| [key.as_slice(), &[0]].concat());
            // Beyond the last staged key, what was there before is as it was.
            if let Some(before) = self.view.last_in(above..range.end.clone())? {
                return Ok(Some(before));
            }
            match staged {
                None => break,
                Some((key, Some(value))) => return Ok(Some((key.clone(), value.clone()))),
                // Deleted: what comes before it counts.
                Some((key, None)) => range.end = key.clone(),
            }
        }
        Ok(None)
    }

    fn path(&self) -> &str {
        self.view.path()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_operation_sees_those_before_it_and_takes_back_only_its_own() {
        let before = BTreeMap::from([(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"1".to_vec())]);
        let mut group = WriteGroup::new(&before);
        let [acme, globex]: [BrandId; 2] = ["acme", "globex"].map(|name| name.parse().unwrap());
        let first = group.run(|txn| {
            txn.put(b"a".to_vec(), b"2".to_vec());
            txn.delete(b"b".to_vec());
            txn.note_event(&acme, 5);
            txn.get(b"a")
        });
        assert_eq!(first.unwrap(), Some(b"2".to_vec()));
        let failed = group.run(|txn| {
            assert_eq!(txn.get(b"b")?, None);
            txn.put(b"a".to_vec(), b"3".to_vec());
            txn.put(b"c".to_vec(), b"3".to_vec());
            txn.append(b"a".to_vec(), |value| value.extend(b"4"))?;
            assert_eq!(txn.get(b"a")?, Some(b"34".to_vec()));
            txn.note_event(&globex, 7);
            Err::<(), _>(StoreError::Io { detail: "on purpose".to_owned() })
        });
        assert!(failed.is_err());
        assert_eq!(group.run(|txn| txn.get(b"a")).unwrap(), Some(b"2".to_vec()));
        let (writes, effects) = group.finish();
        assert_eq!(writes, Writes::from([(b"a".to_vec(), Some(b"2".to_vec())), (b"b".to_vec(), None)]));
        assert_eq!((effects.cursor, effects.brands_with_events), (Some(5), vec![acme]));
    }

    #[test]
    fn what_is_appended_by_an_operation_that_fails_is_taken_back() {
        let before = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
        let mut group = WriteGroup::new(&before);
        let append = |group: &mut WriteGroup<'_>, fail: bool| {
            let _ = group.run(|txn| {
                txn.append(b"a".to_vec(), |value| value.extend(b"2"))?;
                txn.append(b"b".to_vec(), |value| value.extend(b"2"))?;
                if fail { Err(StoreError::Io { detail: "on purpose".to_owned() }) } else { Ok(()) }
            });
        };
        append(&mut group, true);
        assert_eq!(group.writes, Writes::new());
        append(&mut group, false);
        append(&mut group, true);
        append(&mut group, false);
        let all = [(b"a".to_vec(), Some(b"122".to_vec())), (b"b".to_vec(), Some(b"22".to_vec()))];
        assert_eq!(group.finish().0, Writes::from(all));
    }

    #[test]
    fn the_last_of_a_range_is_found_among_what_was_and_what_is_staged() {
        let before: BTreeMap<_, _> = [b"b", b"d", b"f"].map(|key| (key.to_vec(), b"1".to_vec())).into();
        let mut group = WriteGroup::new(&before);
        group
            .run(|txn| {
                txn.delete(b"f".to_vec());
                txn.put(b"c".to_vec(), b"2".to_vec());
                Ok(())
            })
            .unwrap();
        let last = |group: &mut WriteGroup<'_>, range: Range<&[u8; 1]>| {
            let range = range.start.to_vec()..range.end.to_vec();
            group.run(|txn| txn.last_in(range)).unwrap().map(|(key, _)| key)
        };
        assert_eq!(last(&mut group, b"a"..b"z"), Some(b"d".to_vec()));
        assert_eq!(last(&mut group, b"a"..b"d"), Some(b"c".to_vec()));
        group
            .run(|txn| {
                txn.delete(b"c".to_vec());
                Ok(())
            })
            .unwrap();
        assert_eq!(last(&mut group, b"a"..b"d"), Some(b"b".to_vec()));
        assert_eq!(last(&mut group, b"e"..b"z"), None);
        assert_eq!(last(&mut group, b"z"..b"a"), None);
    }
}
