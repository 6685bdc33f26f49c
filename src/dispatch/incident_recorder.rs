//! Records incidents: soon when they begin and end, and now and then while they go on.

use std::sync::Arc;
use std::time::Duration;

use super::registry::ProviderRegistry;
use crate::clock::Clock;
use crate::model::{IncidentEnd, Moment};
use crate::store::{IncidentStore, PageRequest, StoreError};

/// How often to look. An incident that begins is on record as soon as that.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many records are read at once.
const PAGE: usize = 100;

/// Has incidents learn what time brings, and records them. Runs until dropped.
pub async fn record_incidents(registry: ProviderRegistry, store: Arc<dyn IncidentStore>, clock: Clock) {
    loop {
        let now = clock.moment();
        registry.observe_incidents(now);
        if let Err(error) = record_due_incidents(&registry, store.as_ref(), now).await {
            tracing::error!(%error, "incidents were not recorded because the store failed; trying again");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Records the incidents that began, ended, or changed some time ago.
///
/// # Errors
/// When the store fails. What it did not record is still to be recorded.
pub async fn record_due_incidents(
    registry: &ProviderRegistry,
    store: &dyn IncidentStore,
    now: Moment,
) -> Result<(), StoreError> {
    for incident in registry.incidents().due_records(now) {
        store.record_incident(incident.clone()).await?;
        registry.incidents().note_recorded(incident, now);
    }
    Ok(())
}

/// Records all incidents that go on or are not yet recorded, when the gateway is about to stop.
///
/// # Errors
/// When the store fails.
pub async fn record_all_incidents(
    registry: &ProviderRegistry,
    store: &dyn IncidentStore,
) -> Result<(), StoreError> {
    for incident in registry.incidents().current() {
        store.record_incident(incident).await?;
    }
    Ok(())
}

/// Ends the incidents that went on when the gateway stopped, at the time up to which they are known.
///
/// # Errors
/// When the store fails.
pub async fn end_interrupted_incidents(store: &dyn IncidentStore) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.incidents(PageRequest { size: PAGE, after }).await?;
        for mut incident in page.items.into_iter().filter(|incident| incident.is_open()) {
            incident.ended = Some((incident.updated_at, IncidentEnd::GatewayStopped));
            store.record_incident(incident).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
