//! Why the store could not do what was asked.

/// Why the store could not do what was asked. Nothing is half done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or nearly so.
    #[error(
        "the disk that holds {path} has {free_bytes} bytes free, and {needed_bytes} are needed: free some space"
    )]
    Full {
        /// The data directory.
        path: String,
        /// What is free.
        free_bytes: u64,
        /// What must stay free.
        needed_bytes: u64,
    },
    /// Another process has the store open.
    #[error(
        "{path} is in use by another process: stop that one, or give this one a data directory of its own"
    )]
    Locked {
        /// The data directory.
        path: String,
    },
    /// A newer build wrote the store.
    #[error(
        "{path} was written in format {found}, and this build reads up to {supported}: run a newer relevo, or give \
         this one a data directory of its own"
    )]
    Newer {
        /// The data directory.
        path: String,
        /// The format found.
        found: u32,
        /// The newest format this build reads.
        supported: u32,
    },
    /// A build too old for this one wrote the store.
    #[error(
        "{path} was written in format {found}, and this build reads from {supported} on: let the relevo that wrote it \
         finish its messages, and give this one a data directory of its own"
    )]
    Older {
        /// The data directory.
        path: String,
        /// The format found.
        found: u32,
        /// The oldest format this build reads.
        supported: u32,
    },
    /// The store is damaged.
    #[error("{path} is damaged ({detail}): restore it from a backup; nothing in it was changed")]
    Corrupt {
        /// The data directory.
        path: String,
        /// What was seen.
        detail: String,
    },
    /// The disk failed.
    #[error("the store could not reach its disk: {detail}")]
    Io {
        /// What was seen.
        detail: String,
    },
}
