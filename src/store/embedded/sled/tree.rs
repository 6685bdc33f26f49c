//! The tree: sled behind the seam, with its panics and its gaps in durability made good.

use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::super::keys::{self, Sequence};
use super::super::lookup::{KeyValue, Lookup, ScanOrder, Snapshot, Visitor, read_number};
use super::super::txn::Writes;
use super::chunks::{self, StoredValue};
use super::directory::{DataDirectory, io};
use super::side_files;
use crate::store::StoreError;

/// An open tree.
pub struct Tree {
    db: sled::Db,
    path: String,
    log: File,
}

impl Tree {
    /// Opens sled's files without the drafts of snapshots, and refuses them when they hold fewer groups than were acknowledged.
    ///
    /// sled checks much of what it reads by assertions, so a panic is taken as damage.
    pub fn open(files: &DataDirectory, cache_bytes: u64, acknowledged: u64) -> Result<Self, StoreError> {
        let path = files.sled();
        side_files::remove_drafts(files).map_err(|error| io("removing the draft of a snapshot", error))?;
        let config = sled::Config::new().path(&path).cache_capacity(cache_bytes).flush_every_ms(None);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let db = opened
            .map_err(|_| files.corrupt("sled cannot recover it"))?
            .map_err(|error| store_error(&files.name(), error))?;
        let log = File::open(files.sled_log()).map_err(|error| io("opening sled's log", error))?;
        let tree = Self { db, path: files.name(), log };
        let found = tree.groups()?;
        if found < acknowledged {
            let lost = acknowledged - found;
            return Err(files.corrupt(format!("the last {lost} of {acknowledged} groups of writes are gone")));
        }
        Ok(tree)
    }

    /// How many groups the tree holds.
    pub fn groups(&self) -> Result<u64, StoreError> {
        read_number(self, &keys::sequence(Sequence::Groups))
    }

    /// Reads every page; sled checks the checksum of each. It is read from both ends at once.
    pub fn read_all(&self) -> Result<(), StoreError> {
        let met = ScanProgress::default();
        thread::scope(|scope| {
            let backwards = scope.spawn(|| self.read_until(&met, ScanOrder::Descending));
            let forwards = self.read_until(&met, ScanOrder::Ascending);
            forwards.and(backwards.join().unwrap_or_else(|_| Err(self.unreadable())))
        })
    }

    fn read_until(&self, met: &ScanProgress, order: ScanOrder) -> Result<(), StoreError> {
        let walk = || {
            let mut pairs = self.db.iter();
            while let Some(pair) = match order {
                ScanOrder::Ascending => pairs.next(),
                ScanOrder::Descending => pairs.next_back(),
            } {
                let (key, _) = pair.map_err(|error| store_error(&self.path, error))?;
                if met.is_past(key, order) {
                    break;
                }
            }
            Ok(())
        };
        catch_unwind(AssertUnwindSafe(walk)).unwrap_or_else(|_| Err(self.unreadable()))
    }

    fn unreadable(&self) -> StoreError {
        self.corrupt("sled cannot read a page of it".to_owned())
    }

    /// Puts a group into the tree; all of it survives a crash, or nothing.
    pub fn apply(&self, writes: Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            if keys::may_be_large(&key) {
                self.remove_chunks(&mut batch, &key)?;
            }
            match value {
                Some(value) => insert(&mut batch, key, &value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(|error| store_error(&self.path, error))
    }

    /// Removes the pieces of what a key holds now.
    fn remove_chunks(&self, batch: &mut sled::Batch, key: &[u8]) -> Result<(), StoreError> {
        let Some(kept) = self.db.get(key).map_err(|error| store_error(&self.path, error))? else {
            return Ok(());
        };
        if let Some(StoredValue::Chunks(count)) = chunks::read(&kept) {
            (0..count).for_each(|index| batch.remove(chunks::key(key, index)));
        }
        Ok(())
    }

    /// The value of which this is kept at `key`.
    fn assemble(&self, key: &[u8], kept: &[u8]) -> Result<Vec<u8>, StoreError> {
        let missing = || self.corrupt(format!("the value at {} is not whole", keys::redacted(key)));
        match chunks::read(kept).ok_or_else(missing)? {
            StoredValue::Whole(bytes) => Ok(bytes.to_vec()),
            StoredValue::Chunks(count) => {
                let mut value = Vec::new();
                for index in 0..count {
                    let piece = self.db.get(chunks::key(key, index));
                    let piece = piece.map_err(|error| store_error(&self.path, error))?;
                    value.extend_from_slice(&piece.ok_or_else(missing)?);
                }
                Ok(value)
            }
        }
    }

    fn corrupt(&self, detail: String) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), detail }
    }

    /// Makes everything applied durable. sled's flush waits for the data (`sync_file_range`), but neither for the length
    /// of a file that grew nor for the disk's own cache.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|error| store_error(&self.path, error))?;
        self.log.sync_data().map_err(|error| io("syncing sled's log", error))
    }
}

/// How far two who read towards each other have come.
#[derive(Default)]
struct ScanProgress {
    ascending: Mutex<Option<sled::IVec>>,
    descending: Mutex<Option<sled::IVec>>,
}

impl ScanProgress {
    /// Notes how far one scan has come, and returns whether that is beyond where the other is.
    fn is_past(&self, key: sled::IVec, order: ScanOrder) -> bool {
        let (own, other) = match order {
            ScanOrder::Ascending => (&self.ascending, &self.descending),
            ScanOrder::Descending => (&self.descending, &self.ascending),
        };
        let is_past = match &*other.lock().unwrap_or_else(PoisonError::into_inner) {
            None => false,
            Some(other) if order == ScanOrder::Ascending => key > *other,
            Some(other) => key < *other,
        };
        *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        is_past
    }
}

fn insert(batch: &mut sled::Batch, key: Vec<u8>, value: &[u8]) {
    let (kept, pieces) = chunks::split(value);
    for (index, piece) in (0..).zip(pieces) {
        batch.insert(chunks::key(&key, index), piece);
    }
    batch.insert(key, kept);
}

impl Lookup for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get(key).map_err(|error| store_error(&self.path, error))?;
        value.map(|kept| self.assemble(key, &kept)).transpose()
    }

    fn last_in(&self, range: Range<Vec<u8>>) -> Result<Option<KeyValue>, StoreError> {
        if range.is_empty() {
            return Ok(None);
        }
        let Some(last) = self.db.range(range).next_back() else { return Ok(None) };
        let (key, kept) = last.map_err(|error| store_error(&self.path, error))?;
        let value = self.assemble(&key, &kept)?;
        Ok(Some((key.to_vec(), value)))
    }

    fn path(&self) -> &str {
        &self.path
    }
}

impl Snapshot for Tree {
    fn scan(
        &self,
        range: Range<Vec<u8>>,
        order: ScanOrder,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut pairs = self.db.range(range);
        while let Some(pair) = match order {
            ScanOrder::Ascending => pairs.next(),
            ScanOrder::Descending => pairs.next_back(),
        } {
            let (key, value) = pair.map_err(|error| store_error(&self.path, error))?;
            if visit(&key, &self.assemble(&key, &value)?)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// Whether sled has let go of its files after the tree was dropped, which its background threads do a moment later.
pub fn is_released(files: &DataDirectory) -> bool {
    const TRIES: u32 = 200;
    const PAUSE: Duration = Duration::from_millis(10);
    let Ok(log) = File::open(files.sled_log()) else { return true };
    for _ in 0..TRIES {
        // Our own lock ends with `log`, before sled opens the file again.
        if log.try_lock().is_ok() {
            return true;
        }
        thread::sleep(PAUSE);
    }
    false
}

/// An error of sled's in the words of the store.
fn store_error(path: &str, error: sled::Error) -> StoreError {
    let corrupt = |detail| StoreError::Corrupt { path: path.to_owned(), detail };
    match error {
        sled::Error::Corruption { .. } => corrupt("sled found a page with a wrong checksum".to_owned()),
        // The settings file or the snapshot cannot be made sense of.
        sled::Error::Unsupported(what) => corrupt(what),
        error => StoreError::Io { detail: error.to_string() },
    }
}
