//! Saving what happened to a message, and asking the store until it answers.

use std::time::Duration;

use super::Dispatcher;
use super::work::MessageWork;
use crate::model::{MessageId, Timestamp};
use crate::store::{AppendResult, StoreError};

/// How long to wait before the store is asked again after it failed.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Whether there is more to do with a message now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WorkStatus {
    /// Decide again now.
    Again,
    /// Nothing more to do now.
    Stop,
}

/// A record that belongs to the message is damaged; the log says which. Asking again would change nothing.
#[derive(Debug)]
pub(super) struct RecordDamaged;

/// What came of a save.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SaveResult {
    /// Everything is stored.
    Saved,
    /// Other events were stored in between, and the work was rebased on them.
    Rebased,
    /// The message is no longer in the store.
    Gone,
}

impl Dispatcher {
    /// Saves what happened, and leaves the message until `next_at`.
    pub(super) async fn save_until(
        &self,
        work: &mut MessageWork,
        next_at: Option<Timestamp>,
    ) -> Result<WorkStatus, RecordDamaged> {
        Ok(match self.save(work, next_at).await? {
            SaveResult::Saved | SaveResult::Gone => WorkStatus::Stop,
            SaveResult::Rebased => WorkStatus::Again,
        })
    }

    /// Saves what happened. When other events were stored in between, the work is rebased on those; unless it was this
    /// very save, which the store could not confirm the first time.
    pub(super) async fn save(
        &self,
        work: &mut MessageWork,
        next_at: Option<Timestamp>,
    ) -> Result<SaveResult, RecordDamaged> {
        let (message, history, known) = (&work.message, &work.history, work.saved);
        let appended =
            self.retry_until_ok(message.id, || self.store.append(message, history, known, next_at)).await?;
        if appended == AppendResult::Done {
            work.saved = work.history.version();
            work.next_at = next_at;
            return Ok(SaveResult::Saved);
        }
        let (brand, id) = (&work.message.brand, work.message.id);
        let Some(stored) = self.retry_until_ok(id, || self.store.reload(brand, id)).await? else {
            return Ok(SaveResult::Gone);
        };
        let is_saved = work.is_saved_in(&stored);
        work.rebase(stored);
        Ok(if is_saved { SaveResult::Saved } else { SaveResult::Rebased })
    }

    /// Asks the store until it answers: what a provider answered must not be lost because the disk was full for a while.
    /// Only damage does not pass by waiting.
    pub(super) async fn retry_until_ok<T, F>(
        &self,
        id: MessageId,
        ask: impl Fn() -> F,
    ) -> Result<T, RecordDamaged>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(
                        message.id = %id, %error,
                        "a step of a message was not done because a record of it is damaged"
                    );
                    return Err(RecordDamaged);
                }
                Err(error) => tracing::error!(
                    message.id = %id, %error,
                    "a step of a message waits because the store failed; trying again"
                ),
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }
}
