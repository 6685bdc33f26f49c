//! The side of the tree that callers see: reads go straight to it, operations go to the writer's queue.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{mpsc, oneshot};

use super::super::engine::{Engine, Signals, Urgency, View};
use super::super::keys::{self, Sequence};
use super::super::txn::{Txn, read_number};
use super::tree::Tree;
use super::writer::{Command, Operation};
use super::{Files, Options};
use crate::store::StoreError;

/// What readers and the writer share. The writer holds the lock while it applies a group, so that whoever looks sees
/// all of a group or nothing; it does not hold it while it flushes.
pub struct Shared {
    /// The tree; `None` while it is closed because the disk failed.
    pub tree: RwLock<Option<Tree>>,
    /// Told after each group.
    pub signals: Signals,
}

impl Shared {
    /// Takes the tree away, or puts one in its place.
    pub fn replace(&self, tree: Option<Tree>) -> Option<Tree> {
        std::mem::replace(&mut *self.tree.write().unwrap_or_else(PoisonError::into_inner), tree)
    }
}

/// The engine on disk.
#[derive(Clone)]
pub struct SledEngine {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Command>,
}

impl SledEngine {
    /// An engine, what it shares with the writer, and the writer's end of the queue.
    pub fn new(
        files: &Files,
        tree: Tree,
        options: &Options,
    ) -> Result<(Self, Arc<Shared>, mpsc::Receiver<Command>), StoreError> {
        let cursor = read_number(&tree, &keys::sequence(Sequence::Events))?;
        tracing::debug!(path = %files.root.display(), cursor, "the store is open");
        let shared = Arc::new(Shared {
            tree: RwLock::new(Some(tree)),
            signals: Signals::new(cursor, options.handover_bytes),
        });
        let (queue, commands) = mpsc::channel(options.queue_operations.max(1));
        Ok((Self { shared: Arc::clone(&shared), queue }, shared, commands))
    }

    /// Lets the writer finish what is queued, and stops it.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Command::Close(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn closed() -> StoreError {
    StoreError::Io { detail: "the store is closed".to_owned() }
}

impl Engine for SledEngine {
    fn read<R>(&self, look: impl FnOnce(&dyn View) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        match &*tree {
            Some(tree) => look(tree),
            None => {
                // Somebody who only reads must not wait for somebody who writes. When the queue is full, the writer is
                // about to try anyway.
                let _ = self.queue.try_send(Command::Reopen);
                Err(StoreError::Io { detail: "the store is closed until its disk works again".to_owned() })
            }
        }
    }

    async fn write<R, F>(&self, urgency: Urgency, operation: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<R, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Operation::new(urgency, operation, reply);
        self.queue.send(Command::Run(Box::new(job))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    fn signals(&self) -> &Signals {
        &self.shared.signals
    }
}
