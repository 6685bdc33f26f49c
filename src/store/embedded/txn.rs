//! Operations that read what they and those before them wrote.

use std::collections::BTreeMap;

use super::engine::{Get, News, View, load};
use super::keys;
use super::records::Record;
use crate::store::StoreError;

/// Keys with their new values; `None` deletes.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Operations that become durable together.
pub struct Group<'a> {
    view: &'a dyn View,
    writes: Writes,
    bytes: usize,
    news: News,
}

impl<'a> Group<'a> {
    /// A group on top of a state that does not change while the group is built.
    pub fn new(view: &'a dyn View) -> Self {
        Self { view, writes: Writes::new(), bytes: 0, news: News::default() }
    }

    /// Runs an operation on top of those before it. When it fails, the group is as it was.
    pub fn run<R>(
        &mut self,
        operation: impl FnOnce(&mut Txn<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut txn = Txn { view: self.view, group: &self.writes, own: Writes::new(), news: News::default() };
        let result = operation(&mut txn)?;
        let Txn { own, news, .. } = txn;
        self.bytes +=
            own.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum::<usize>();
        self.writes.extend(own);
        self.news.work |= news.work;
        self.news.cursor = news.cursor.or(self.news.cursor);
        Ok(result)
    }

    /// About how much the group writes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the group writes, and what it means to those who wait.
    pub fn finish(self) -> (Writes, News) {
        (self.writes, self.news)
    }
}

/// What one operation sees and writes.
pub struct Txn<'a> {
    view: &'a dyn View,
    group: &'a Writes,
    own: Writes,
    news: News,
}

impl Txn<'_> {
    /// The state before the group: ranges are read here, and what is found is checked with `get`, because an operation
    /// of the same group may have changed it.
    pub fn before(&self) -> &dyn View {
        self.view
    }

    /// Writes a value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.own.insert(key, Some(value));
    }

    /// Writes a record.
    pub fn save(&mut self, key: Vec<u8>, record: &impl Record) {
        self.put(key, record.encode());
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.own.insert(key, None);
    }

    /// Reads a record.
    pub fn load<T: Record>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        load(self, key)
    }

    /// Counts a sequence up and returns its new value, from 1.
    pub fn count(&mut self, sequence: keys::Sequence) -> Result<u64, StoreError> {
        let key = keys::sequence(sequence);
        let next = read_sequence(self, &key)? + 1;
        self.put(key, next.to_be_bytes().to_vec());
        Ok(next)
    }

    /// Says that there may be new work once this is durable.
    pub fn wake(&mut self) {
        self.news.work = true;
    }

    /// Says that there is an event with this cursor once this is durable.
    pub fn logged(&mut self, cursor: u64) {
        self.news.cursor = Some(cursor);
    }
}

/// The last value of a sequence, 0 for none.
pub fn read_sequence(from: &(impl Get + ?Sized), key: &[u8]) -> Result<u64, StoreError> {
    let Some(bytes) = from.get(key)? else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(bytes)
        .map_err(|_| super::engine::damaged(from, "a sequence is not eight bytes long".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

impl Get for Txn<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.own.get(key).or_else(|| self.group.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.view.get(key),
        }
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
        let mut group = Group::new(&before);
        let first = group.run(|txn| {
            txn.put(b"a".to_vec(), b"2".to_vec());
            txn.delete(b"b".to_vec());
            txn.wake();
            txn.get(b"a")
        });
        assert_eq!(first.unwrap(), Some(b"2".to_vec()));
        let failed = group.run(|txn| {
            assert_eq!(txn.get(b"b")?, None);
            txn.put(b"a".to_vec(), b"3".to_vec());
            txn.put(b"c".to_vec(), b"3".to_vec());
            txn.logged(7);
            Err::<(), _>(StoreError::Io { detail: "on purpose".to_owned() })
        });
        assert!(failed.is_err());
        assert_eq!(group.run(|txn| txn.get(b"a")).unwrap(), Some(b"2".to_vec()));
        let (writes, news) = group.finish();
        assert_eq!(writes, Writes::from([(b"a".to_vec(), Some(b"2".to_vec())), (b"b".to_vec(), None)]));
        assert_eq!((news.work, news.cursor), (true, None));
    }
}
