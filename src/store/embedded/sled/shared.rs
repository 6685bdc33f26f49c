//! What readers and the writer share.

use std::sync::{PoisonError, RwLock};

use super::super::engine::StoreSignals;
use super::tree::Tree;

/// What readers and the writer share. The writer holds the lock while it applies a group, so that whoever looks sees
/// all of a group or nothing; it does not hold it while it flushes.
pub struct SharedTree {
    /// The tree; `None` while it is closed because the disk failed.
    pub tree: RwLock<Option<Tree>>,
    /// The signals that publish each durable group.
    pub signals: StoreSignals,
}

impl SharedTree {
    /// Takes the tree away, or puts one in its place.
    pub fn replace(&self, tree: Option<Tree>) -> Option<Tree> {
        std::mem::replace(&mut *self.tree.write().unwrap_or_else(PoisonError::into_inner), tree)
    }
}
