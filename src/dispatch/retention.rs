//! Forgets messages that ended long ago, so that the store does not grow for ever.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::model::Timestamp;
use crate::store::WorkQueue;

/// How often to look for what may be forgotten.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How many messages are forgotten in one step, so that nobody waits long behind it.
const STEP: usize = 500;

/// Forgets, now and then, what ended longer than `retention` ago. Runs until dropped.
pub async fn forget_old(store: Arc<dyn WorkQueue>, clock: Clock, retention: Duration) {
    loop {
        let before = clock.now().saturating_sub(retention).unwrap_or(Timestamp::MIN);
        match store.purge(before, STEP).await {
            Ok(STEP) => continue,
            Ok(0) => {}
            Ok(forgotten) => {
                tracing::info!(forgotten, "forgot messages that ended before the retention period")
            }
            Err(error) => tracing::error!(%error, "cannot forget old messages; trying again later"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
