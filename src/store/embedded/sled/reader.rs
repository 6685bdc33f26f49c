//! The side of the tree that callers see: reads go straight to it, operations go to the writer's queue.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{mpsc, oneshot};

use super::super::engine::{Engine, StoreSignals, WriteClass};
use super::super::keys::{self, Sequence};
use super::super::lookup::{Snapshot, read_number};
use super::super::txn::Txn;
use super::directory::DataDirectory;
use super::jobs::{WriteOperation, WriterCommand};
use super::options::SledOptions;
use super::shared::SharedTree;
use super::tree::Tree;
use crate::store::StoreError;

/// The engine on disk.
#[derive(Clone)]
pub struct SledEngine {
    shared: Arc<SharedTree>,
    queue: mpsc::Sender<WriterCommand>,
}

impl SledEngine {
    /// An engine, what it shares with the writer, and the writer's end of the queue.
    pub fn new(
        files: &DataDirectory,
        tree: Tree,
        options: &SledOptions,
    ) -> Result<(Self, Arc<SharedTree>, mpsc::Receiver<WriterCommand>), StoreError> {
        let cursor = read_number(&tree, &keys::sequence(Sequence::Events))?;
        tracing::debug!(path = %files.root.display(), cursor, "the store is open");
        let shared = Arc::new(SharedTree {
            tree: RwLock::new(Some(tree)),
            signals: StoreSignals::new(cursor, options.handover_bytes),
        });
        let (queue, commands) = mpsc::channel(options.queue_operations.max(1));
        Ok((Self { shared: Arc::clone(&shared), queue }, shared, commands))
    }

    /// Resolves when nobody takes operations any more.
    pub fn writer_ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let queue = self.queue.clone();
        async move { queue.closed().await }
    }

    /// Lets the writer finish what is queued, and stops it.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(WriterCommand::Close(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn closed() -> StoreError {
    StoreError::Io { detail: "the store is closed".to_owned() }
}

impl Engine for SledEngine {
    fn read<R>(&self, look: impl FnOnce(&dyn Snapshot) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        match &*tree {
            Some(tree) => look(tree),
            None => {
                // Somebody who only reads must not wait for somebody who writes. When the queue is full, the writer is
                // about to try anyway.
                let _ = self.queue.try_send(WriterCommand::Reopen);
                Err(StoreError::Io { detail: "the store is closed until its disk works again".to_owned() })
            }
        }
    }

    async fn write<R, F>(&self, class: WriteClass, operation: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<R, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = WriteOperation::new(class, operation, reply);
        self.queue.send(WriterCommand::Run(Box::new(job))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    fn signals(&self) -> &StoreSignals {
        &self.shared.signals
    }
}
