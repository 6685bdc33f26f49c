//! The time that was last known to be right, by which a clock that is wrong is noticed at a start.

use async_trait::async_trait;

use super::StoreError;
use crate::model::Timestamp;

/// The time that was last known to be right.
#[async_trait]
pub trait ClockStore: Send + Sync {
    /// The time last recorded; before the first is recorded, that of the newest message. `None` in a store without either.
    async fn known_time(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Records a time as right.
    async fn record_time(&self, now: Timestamp) -> Result<(), StoreError>;
}
