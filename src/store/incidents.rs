//! Times in which providers were not well.

use async_trait::async_trait;

use super::{Page, PageRequest, StoreError};
use crate::model::{Incident, IncidentId};

/// How many incidents are kept: the newest.
pub const MAX_INCIDENTS: u64 = 1_000;

/// Times in which providers were not well.
#[async_trait]
pub trait IncidentStore: Send + Sync {
    /// Stores an incident, in the place of what was stored of it before.
    async fn record_incident(&self, incident: Incident) -> Result<(), StoreError>;

    /// An incident by its id, among the last [`MAX_INCIDENTS`].
    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError>;

    /// The last [`MAX_INCIDENTS`], the one that began last first.
    async fn incidents(&self, page: PageRequest) -> Result<Page<Incident>, StoreError>;
}
