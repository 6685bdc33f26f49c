//! A gateway whose store is closed serves nobody, and its health says so until the store is open again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::HealthState;
use crate::store::{ControlStore, StoreStatus};

/// How often a store that is closed is asked for something, which has it look at its disk. Nobody else may, because balancers
/// look elsewhere.
const RECHECK: Duration = Duration::from_secs(1);

/// Reports the state of the store as that of the gateway, without end.
pub(super) async fn report(
    mut status: watch::Receiver<StoreStatus>,
    controls: Arc<dyn ControlStore>,
    health: HealthState,
) {
    loop {
        let now = *status.borrow_and_update();
        health.set_store_open(now == StoreStatus::Open);
        let changed = match now {
            StoreStatus::Open => status.changed().await,
            StoreStatus::Closed => {
                // What it answers does not matter.
                let _ = controls.controls().await;
                tokio::time::timeout(RECHECK, status.changed()).await.unwrap_or(Ok(()))
            }
        };
        if changed.is_err() {
            // The store is gone, and with it the gateway.
            return std::future::pending().await;
        }
    }
}
