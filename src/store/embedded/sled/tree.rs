//! The tree: sled behind the seam, with its panics and its gaps in durability made good.

use std::fs::{self, File};
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::engine::{Get, Order, View, Visit};
use super::super::keys::{self, Sequence};
use super::super::txn::{Writes, read_sequence};
use super::{Files, io};
use crate::store::StoreError;

/// An open tree.
pub struct Tree {
    db: sled::Db,
    path: String,
    log: File,
    blobs: Blobs,
}

impl Tree {
    /// Opens sled's files, and refuses them when they hold fewer groups than were acknowledged.
    ///
    /// sled checks much of what it reads by assertions, so a panic is taken as damage.
    pub fn open(files: &Files, cache_bytes: u64, acknowledged: u64) -> Result<Self, StoreError> {
        let path = files.sled();
        let config = sled::Config::new().path(&path).cache_capacity(cache_bytes).flush_every_ms(None);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let db = opened
            .map_err(|_| files.corrupt("sled cannot recover it"))?
            .map_err(|error| explain(&files.name(), error))?;
        let log = File::open(path.join("db")).map_err(|error| io("opening sled's log", error))?;
        let blobs = Blobs::new(path.join("blobs")).map_err(|error| io("listing sled's blobs", error))?;
        let tree = Self { db, path: files.name(), log, blobs };
        let found = tree.groups()?;
        if found < acknowledged {
            let lost = acknowledged - found;
            return Err(files.corrupt(format!("the last {lost} of {acknowledged} groups of writes are gone")));
        }
        Ok(tree)
    }

    /// How many groups the tree holds.
    pub fn groups(&self) -> Result<u64, StoreError> {
        read_sequence(self, &keys::sequence(Sequence::Groups))
    }

    /// Reads every page; sled checks the checksum of each.
    pub fn read_all(&self) -> Result<(), StoreError> {
        let walked = catch_unwind(AssertUnwindSafe(|| {
            self.db.iter().try_for_each(|pair| pair.map(drop).map_err(|error| explain(&self.path, error)))
        }));
        walked.unwrap_or_else(|_| {
            Err(StoreError::Corrupt {
                path: self.path.clone(),
                detail: "sled cannot read a page of it".to_owned(),
            })
        })
    }

    /// Puts a group into the tree; all of it survives a crash, or nothing.
    pub fn apply(&self, writes: Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(|error| explain(&self.path, error))
    }

    /// Makes everything applied durable. sled's flush waits for the data (`sync_file_range`), but not for the length of
    /// a file that grew, for the disk's own cache, or for its blobs.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|error| explain(&self.path, error))?;
        self.blobs.sync().map_err(|error| io("syncing sled's blobs", error))?;
        self.log.sync_data().map_err(|error| io("syncing sled's log", error))
    }
}

impl Get for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get(key).map_err(|error| explain(&self.path, error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn path(&self) -> &str {
        &self.path
    }
}

impl View for Tree {
    fn scan(&self, range: Range<Vec<u8>>, order: Order, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut pairs = self.db.range(range);
        while let Some(pair) = match order {
            Order::Ascending => pairs.next(),
            Order::Descending => pairs.next_back(),
        } {
            let (key, value) = pair.map_err(|error| explain(&self.path, error))?;
            if visit(&key, &value)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// Whether sled has let go of its files after the tree was dropped, which its background threads do a moment later.
pub fn is_released(files: &Files) -> bool {
    const TRIES: u32 = 200;
    const PAUSE: Duration = Duration::from_millis(10);
    let Ok(log) = File::open(files.sled().join("db")) else { return true };
    for _ in 0..TRIES {
        // Our own lock ends with `log`, before sled opens the file again.
        if log.try_lock().is_ok() {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

/// An error of sled's in the words of the store.
fn explain(path: &str, error: sled::Error) -> StoreError {
    let corrupt = |detail| StoreError::Corrupt { path: path.to_owned(), detail };
    match error {
        sled::Error::Corruption { .. } => corrupt("sled found a page with a wrong checksum".to_owned()),
        // The settings file or the snapshot cannot be made sense of.
        sled::Error::Unsupported(what) => corrupt(what),
        error => StoreError::Io { detail: error.to_string() },
    }
}

/// The pages that sled keeps in files of their own because they are large. Their names are numbers that only grow.
struct Blobs {
    folder: PathBuf,
    synced: std::sync::atomic::AtomicI64,
}

impl Blobs {
    fn new(folder: PathBuf) -> std::io::Result<Self> {
        let newest = numbers(&folder)?.into_iter().max().unwrap_or(i64::MIN);
        Ok(Self { folder, synced: newest.into() })
    }

    /// Syncs those that are new since the last time. Only the writer calls it.
    fn sync(&self) -> std::io::Result<()> {
        use std::sync::atomic::Ordering::Relaxed;
        let synced = self.synced.load(Relaxed);
        let mut newest = synced;
        for number in numbers(&self.folder)?.into_iter().filter(|number| *number > synced) {
            match File::open(self.folder.join(number.to_string())) {
                Ok(file) => file.sync_all()?,
                // It was replaced by a newer one already.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            newest = newest.max(number);
        }
        if newest > synced {
            File::open(&self.folder)?.sync_all()?;
            self.synced.store(newest, Relaxed);
        }
        Ok(())
    }
}

fn numbers(folder: &Path) -> std::io::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i64>().ok()));
    }
    Ok(numbers)
}
