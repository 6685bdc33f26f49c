//! The store on disk: one sled tree, written by one thread.
//!
//! What the data directory holds:
//!
//! | name | what |
//! |---|---|
//! | `FORMAT` | the version of the format (`format`) |
//! | `LOCK` | locked while a process has the store open (`lock`) |
//! | `MARK` | how many groups were acknowledged (`high_water_mark`) |
//! | `SEAL` | after a clean stop, the checksum of every file below `sled/` (`seal`) |
//! | `BACKLOG` | what waited to be sent when it was last counted (`backlog_file`) |
//! | `sled/` | sled's own files (`tree`) |
//! | `check/` | while a store is opened after a crash, the copy that recovery is tried on (`recovery`) |
//!
//! sled repairs what it finds damaged by cutting it off, in place and without a word, so nothing here lets sled near
//! files that were not proven first. After a clean stop the seal proves every byte. After a crash, recovery is tried out
//! on a copy, every page of it is read, and what it recovers must reach the mark. What sled keeps beside its log only to
//! save time is left out when it is damaged (`recovery`, `side_files`). A store of which no part proves whole is refused and left as
//! it is.
//!
//! Detected: any change to a sealed log; after a crash, any damage that makes a page unreadable or loses a group that
//! was acknowledged. Not detected: damage made after a crash to bytes that hold nothing any more; and files exchanged
//! together with their seal or mark by somebody who knows how.
//!
//! Durability: after sled's own flush, which on Linux does not sync the file's metadata, the writer syncs the file, and
//! answers only then (`tree`). Large values are kept in pieces, because sled is not to be trusted with large pages
//! (`chunks`).

use std::path::Path;

use super::EmbeddedStore;
use crate::store::{StoreError, Stores};

mod backlog_file;
mod chunks;
mod directory;
mod disk;
mod format;
mod high_water_mark;
mod jobs;
mod lock;
mod log_check;
mod options;
mod reader;
mod recovery;
mod seal;
mod shared;
mod side_files;
mod tree;
mod writer;

pub use backlog_file::{RecordedBacklog, read_backlog, record_backlog};
pub use options::SledOptions;

use directory::{DataDirectory, io};
use high_water_mark::HighWaterMark;
use reader::SledEngine;
use seal::SealState;
use writer::Writer;

/// An open store. Dropping it and its [`Stores`] closes it too, in the background.
pub struct SledHandle {
    /// The store.
    pub stores: Stores,
    engine: SledEngine,
    writer: std::thread::JoinHandle<()>,
}

impl SledHandle {
    /// Resolves when the writer has ended: after the store was closed, or because it panicked. From then on every operation fails.
    pub fn writer_ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.engine.writer_ended()
    }

    /// Finishes what is queued, flushes, seals the files and gives the directory free. Later operations fail.
    ///
    /// # Errors
    /// When the last flush failed; what had been acknowledged is safe.
    pub async fn close(self) -> Result<(), StoreError> {
        let result = self.engine.close().await;
        // The writer has nothing left to do but to return; joining it makes sure that the lock is gone.
        let joined = tokio::task::spawn_blocking(move || self.writer.join()).await;
        match joined {
            Ok(Ok(())) => result,
            _ => Err(StoreError::Io { detail: "the writer failed while it stopped".to_owned() }),
        }
    }
}

#[cfg(test)]
impl SledHandle {
    /// The engine, for tests of what lies below the traits.
    pub(super) fn engine(&self) -> &impl super::engine::Engine {
        &self.engine
    }
}

/// Opens the store in `path`, which is created when it does not exist. Blocks while files are checked: about as long as
/// reading all of them once, and after a crash as copying them.
///
/// # Errors
/// [`StoreError::Locked`], [`StoreError::Newer`], [`StoreError::Older`], [`StoreError::Full`] and [`StoreError::Corrupt`] before
/// anything in the directory was changed; [`StoreError::Io`] when the disk fails.
pub fn open(path: &Path, options: SledOptions) -> Result<SledHandle, StoreError> {
    let files = DataDirectory { root: path.to_path_buf() };
    let is_older = format::check(&files)?;
    let lock = lock::acquire(&files)?;
    recovery::check_room(&files, 0)?;
    let seal = seal::compare(&files)?;
    let mark = open_mark(&files, &seal)?;
    if files.sled().exists() {
        recovery::prepare(&files, seal, mark.groups(), options.min_free_bytes / 8)?;
    } else if mark.groups() > 0 {
        return Err(files.corrupt("sled/ is missing"));
    }
    if is_older {
        // From now on it may hold what that build would misread.
        format::write(&files)?;
    }
    seal::remove(&files)?;
    let tree = tree::Tree::open(&files, options.cache_bytes, mark.groups())?;
    let groups = tree.groups()?;
    let (engine, shared, queue) = SledEngine::new(&files, tree, &options)?;
    let mut writer = Writer::new(files, options, mark, groups, lock, shared, queue);
    writer.upgrade()?;
    let writer = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.run())
        .map_err(|error| io("starting the writer", error))?;
    Ok(SledHandle { stores: EmbeddedStore::stores(engine.clone()), engine, writer })
}

/// Checks that this build reads the format of the store in `path`, where there is one. Nothing is opened or changed.
///
/// # Errors
/// Those of [`open`] for a format.
pub fn check_format(path: &Path) -> Result<(), StoreError> {
    format::check(&DataDirectory { root: path.to_path_buf() }).map(drop)
}

/// The mark of the store; makes a new store where there is none. Its format is written last, so a store that was cut off
/// while it was made is made again.
fn open_mark(files: &DataDirectory, seal: &SealState) -> Result<HighWaterMark, StoreError> {
    if format::exists(files) {
        return match HighWaterMark::open(files) {
            // A sealed store is all there, and counts its groups itself.
            Err(_) if *seal == SealState::Intact => HighWaterMark::create(files),
            opened => opened,
        };
    }
    if files.sled().exists() {
        return Err(files.corrupt("FORMAT is missing"));
    }
    let mark = HighWaterMark::create(files)?;
    format::write(files)?;
    Ok(mark)
}
