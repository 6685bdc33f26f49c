//! Why the gateway cannot run.

use std::net::SocketAddr;

use crate::store::StoreError;

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be opened or closed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gives no randomness.
    #[error("the operating system gives no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The address to listen on cannot be had.
    #[error(
        "cannot listen on {address}: {source}; is it in use? server.listen in the configuration sets another"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
    /// It was asked twice to stop.
    #[error(
        "the gateway was asked to stop a second time and cut off what was in work; its store is closed well"
    )]
    Forced,
    /// A loop ended that the gateway cannot do without.
    #[error(
        "{name} {how}, and the gateway cannot do without: start it again, and report this with the lines of the log before it"
    )]
    LoopEnded {
        /// Which one.
        name: String,
        /// How it ended.
        how: &'static str,
    },
    /// The thread that opened the store did not come back.
    #[error("opening the store failed: {0}")]
    Open(#[from] tokio::task::JoinError),
}
