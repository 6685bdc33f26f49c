//! The writer: a thread that gathers operations into groups and makes each group durable with one flush.

use std::fs::File;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::effects::CommitEffects;
use super::super::engine::WriteClass;
use super::super::keys::{self, Sequence};
use super::super::lookup::read_number;
use super::super::txn::{Txn, WriteGroup, Writes};
use super::super::{address_upgrade, due_upgrade};
use super::directory::DataDirectory;
use super::high_water_mark::HighWaterMark;
use super::jobs::{WriteJob, WriterCommand};
use super::options::SledOptions;
use super::shared::SharedTree;
use super::tree::{self, Tree};
use super::{disk, recovery, seal};
use crate::store::StoreError;

/// How long to look away while operations keep coming.
const POLL_INTERVAL: Duration = Duration::from_micros(250);

/// Operations keep coming when so many came since the last look.
const BUSY_OPERATIONS: usize = 4;

/// A group that is held open.
struct GroupWindow {
    /// How much longer, at most.
    left: Duration,
    /// How many operations it had at the last look.
    operations: usize,
}

/// The thread's state.
pub struct Writer {
    files: DataDirectory,
    options: SledOptions,
    mark: HighWaterMark,
    /// How many groups the tree holds.
    groups: u64,
    shared: Arc<SharedTree>,
    queue: mpsc::Receiver<WriterCommand>,
    /// A command that came while a group was gathered and has to wait for its end.
    pending: Option<WriterCommand>,
    // Held until the writer ends.
    _lock: File,
}

impl Writer {
    pub fn new(
        files: DataDirectory,
        options: SledOptions,
        mark: HighWaterMark,
        groups: u64,
        lock: File,
        shared: Arc<SharedTree>,
        queue: mpsc::Receiver<WriterCommand>,
    ) -> Self {
        Self { files, options, mark, groups, shared, queue, pending: None, _lock: lock }
    }

    /// Runs commands until one closes the store, or until no sender is left.
    pub fn run(mut self) {
        while let Some(command) = self.pending.take().or_else(|| self.queue.blocking_recv()) {
            match command {
                WriterCommand::Run(job) => self.run_group(job),
                WriterCommand::Reopen => drop(self.ensure_open()),
                WriterCommand::Close(reply) => {
                    let result = self.finish();
                    // The lock is released before the answer: whoever gets it may open the store again.
                    drop(self);
                    let _ = reply.send(result);
                    return;
                }
            }
        }
        if let Err(error) = self.finish() {
            tracing::error!(%error, "the store was not closed cleanly");
        }
    }

    /// Brings the keys that an older build wrote up to date. Called before anything is served.
    ///
    /// # Errors
    /// When the disk fails or is full; the next opening goes on.
    pub fn upgrade(&mut self) -> Result<(), StoreError> {
        self.upgrade_addresses()?;
        self.upgrade_due_order()
    }

    fn upgrade_addresses(&mut self) -> Result<(), StoreError> {
        let mut folded = 0;
        let mut next = self.read(address_upgrade::first_step)?;
        while let Some(step) = next {
            next = self.upgrade_step(|txn| address_upgrade::take_step(txn, step, &mut folded))?;
        }
        if folded > 0 {
            tracing::info!(
                folded,
                "addresses that an older build kept in the spelling that was given are found in whatever spelling now"
            );
        }
        Ok(())
    }

    fn upgrade_due_order(&mut self) -> Result<(), StoreError> {
        let mut moved = 0;
        let mut is_needed = self.read(due_upgrade::is_needed)?;
        while is_needed {
            is_needed = self.upgrade_step(|txn| due_upgrade::take_step(txn, &mut moved))?;
        }
        if moved > 0 {
            tracing::info!(moved, "what is due, which an older build kept by time, is kept by brand now");
        }
        Ok(())
    }

    fn read<T>(&self, read: impl FnOnce(&Tree) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        read(tree.as_ref().ok_or_else(unavailable)?)
    }

    /// Makes what one step of an upgrade writes durable.
    fn upgrade_step<T>(
        &mut self,
        step: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.admit(WriteClass::Committed, disk::free_bytes(&self.files.root).unwrap_or(u64::MAX))?;
        let shared = Arc::clone(&self.shared);
        let tree = shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        let mut group = WriteGroup::new(tree.as_ref().ok_or_else(unavailable)?);
        let result = group.run(step)?;
        let (writes, effects) = group.finish();
        drop(tree);
        self.commit(writes, effects)?;
        Ok(result)
    }

    fn run_group(&mut self, first: Box<dyn WriteJob>) {
        if let Err(error) = self.ensure_open() {
            return first.answer(Err(error));
        }
        let shared = Arc::clone(&self.shared);
        let tree = shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &*tree else { return first.answer(Err(unavailable())) };
        let free_bytes = disk::free_bytes(&self.files.root).unwrap_or(u64::MAX);
        let mut group = WriteGroup::new(open);
        let mut ran = Vec::new();
        let mut next = Some(first);
        let mut gathering = GroupWindow { left: self.options.group_wait(), operations: 0 };
        while let Some(mut job) = next.take() {
            match self.admit(job.class(), free_bytes) {
                Ok(()) => {
                    job.run(&mut group);
                    ran.push(job);
                }
                Err(full) => job.answer(Err(full)),
            }
            if ran.len() < self.options.group_operations && group.bytes() < self.options.group_bytes {
                next = self.next_job().or_else(|| self.wait_for_job(&mut gathering, ran.len()));
            }
        }
        let (writes, effects) = group.finish();
        drop(tree);
        let durable = self.commit(writes, effects);
        for job in ran {
            job.answer(durable.clone());
        }
    }

    /// The next operation, if one is waiting.
    fn next_job(&mut self) -> Option<Box<dyn WriteJob>> {
        match self.queue.try_recv().ok()? {
            WriterCommand::Run(job) => Some(job),
            other => {
                self.pending = Some(other);
                None
            }
        }
    }

    /// Holds the group open for a moment when operations keep coming: a flush costs the same for a few as for many, so a
    /// busy store does more with fewer. One that is not busy never waits.
    fn wait_for_job(&mut self, gathering: &mut GroupWindow, operations: usize) -> Option<Box<dyn WriteJob>> {
        let came = operations - gathering.operations;
        gathering.operations = operations;
        if self.pending.is_some() || came < BUSY_OPERATIONS || gathering.left.is_zero() {
            return None;
        }
        gathering.left = gathering.left.saturating_sub(POLL_INTERVAL);
        std::thread::sleep(POLL_INTERVAL);
        self.next_job()
    }

    /// Refuses what the disk has no room for, before sled learns of it the hard way.
    fn admit(&self, class: WriteClass, free_bytes: u64) -> Result<(), StoreError> {
        let needed_bytes = match class {
            WriteClass::NewWork => self.options.min_free_bytes,
            WriteClass::Committed => self.options.min_free_bytes / 8,
        };
        if free_bytes < needed_bytes { Err(self.files.full(free_bytes, needed_bytes)) } else { Ok(()) }
    }

    /// Makes a group durable, moves the high-water mark on, and publishes the effects. After a failure it is not known what reached the disk, so
    /// the tree is closed: opening it again recovers all of the group or nothing.
    fn commit(&mut self, mut writes: Writes, effects: CommitEffects) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let groups = self.groups + 1;
        writes.insert(keys::sequence(Sequence::Groups), Some(groups.to_be_bytes().to_vec()));
        let result = self.write(writes);
        if let Err(error) = result {
            tracing::error!(%error, "a group of writes failed; the store is closed until its disk works again");
            self.abandon();
            return Err(error);
        }
        self.groups = groups;
        if let Err(error) = self.mark.set(groups) {
            // The group is durable all the same; the next check after a crash is only less sharp.
            tracing::warn!(%error, "the high-water mark of the store was not written; a check after a crash may miss the last groups");
        }
        self.shared.signals.publish(effects);
        Ok(())
    }

    /// Closes a tree that failed. On a thread of its own: after some errors sled waits for itself when it is dropped.
    fn abandon(&self) {
        let tree = self.shared.replace(None);
        self.shared.signals.closed();
        let dropped = std::thread::Builder::new().name("store-closer".to_owned()).spawn(move || drop(tree));
        if let Err(error) = dropped {
            tracing::error!(%error, "the store that failed is closed on the thread of the writer, which may hang, because no other could be started");
        }
    }

    fn write(&self, writes: Writes) -> Result<(), StoreError> {
        {
            let tree = self.shared.tree.write().unwrap_or_else(PoisonError::into_inner);
            tree.as_ref().ok_or_else(unavailable)?.apply(writes)?;
        }
        let tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        tree.as_ref().ok_or_else(unavailable)?.flush()
    }

    /// Opens the tree again after a failure, as soon as there is room for recovery.
    fn ensure_open(&mut self) -> Result<(), StoreError> {
        if self.shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        recovery::check_room(&self.files, self.options.min_free_bytes / 8)?;
        if !tree::is_released(&self.files) {
            return Err(unavailable());
        }
        let tree = Tree::open(&self.files, self.options.cache_bytes, self.mark.groups())?;
        self.groups = tree.groups()?;
        let cursor = read_number(&tree, &keys::sequence(Sequence::Events))?;
        self.shared.replace(Some(tree));
        tracing::info!(path = %self.files.root.display(), "the store is open again");
        self.shared.signals.reopened(cursor);
        Ok(())
    }

    /// Closes the tree and seals its files.
    fn finish(&mut self) -> Result<(), StoreError> {
        let Some(tree) = self.shared.replace(None) else { return Err(unavailable()) };
        tree.flush()?;
        drop(tree);
        // Without the seal the next opening rehearses.
        if !tree::is_released(&self.files) {
            tracing::warn!(
                "the store was not sealed because sled still holds its files; the next start checks a copy of them"
            );
        } else if let Err(error) = seal::set(&self.files) {
            tracing::warn!(%error, "the store could not be sealed; the next start checks a copy of its files");
        }
        Ok(())
    }
}

fn unavailable() -> StoreError {
    StoreError::Io { detail: "the store is closed until its disk works again".to_owned() }
}
