//! What operators asked of providers.

use async_trait::async_trait;

use super::{Page, PageRequest, StoreError};
use crate::model::{ProviderControlChange, ProviderName};

/// The entries of a provider that the audit log keeps: its newest. A brand may control the providers that serve it alone, and must
/// not fill the store.
pub const MAX_CONTROL_CHANGES: u64 = 10_000;

/// What operators asked of providers.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// Puts a change in force and into the audit log.
    async fn set_control(&self, change: ProviderControlChange) -> Result<(), StoreError>;

    /// The last change of every provider that ever had one.
    async fn controls(&self) -> Result<Vec<ProviderControlChange>, StoreError>;

    /// The audit log, newest first, of one provider or of all: of each the last [`MAX_CONTROL_CHANGES`].
    async fn control_changes(
        &self,
        provider: Option<&ProviderName>,
        page: PageRequest,
    ) -> Result<Page<ProviderControlChange>, StoreError>;
}
