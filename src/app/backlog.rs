//! What waits to be sent is counted now and then, recorded where `relevo check` finds it, and warned of where it can go no way.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Config, ConfigWarning};
use crate::store::embedded::sled::{RecordedBacklog, record_backlog};
use crate::store::{StoreError, WorkQueue};

/// How often.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How many messages of a class are looked at, at most: as many as take less than a second.
const LIMIT: usize = 50_000;

/// Counts what waits, and whether it has a way by a configuration.
#[derive(Clone)]
pub(super) struct BacklogCounter {
    config: Config,
    work: Arc<dyn WorkQueue>,
    clock: Clock,
}

impl BacklogCounter {
    /// A counter of what waits in this queue.
    pub(super) fn new(config: Config, work: Arc<dyn WorkQueue>, clock: Clock) -> Self {
        Self { config, work, clock }
    }

    /// Counts, warns and records, without end.
    pub(super) async fn run(self) {
        loop {
            if let Err(error) = self.count_and_warn().await {
                tracing::warn!(%error, "what waits to be sent was not counted because the store failed; trying again in ten minutes");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn count_and_warn(&self) -> Result<(), StoreError> {
        let recorded = self.count().await?;
        for ConfigWarning { subject, message } in self.config.warnings_of_backlog(&recorded.backlog) {
            tracing::warn!(subject, detail = message, "messages wait for what is not in the configuration");
        }
        self.record(recorded).await
    }

    /// Counts what waits, and records it.
    ///
    /// # Errors
    /// When the store or the disk fails.
    pub(super) async fn count_and_record(&self) -> Result<(), StoreError> {
        self.record(self.count().await?).await
    }

    async fn count(&self) -> Result<RecordedBacklog, StoreError> {
        Ok(RecordedBacklog { counted_at: self.clock.now(), backlog: self.work.backlog(LIMIT).await? })
    }

    async fn record(&self, recorded: RecordedBacklog) -> Result<(), StoreError> {
        let path = self.config.store.path.clone();
        let record = tokio::task::spawn_blocking(move || record_backlog(&path, &recorded));
        record.await.unwrap_or_else(|error| Err(StoreError::Io { detail: error.to_string() }))
    }
}
