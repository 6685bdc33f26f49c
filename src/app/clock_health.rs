//! A gateway whose clock may be wrong holds messages of before, and its health says so.

use tokio::sync::watch;

use crate::api::HealthState;

/// Reports whether the clock is believed, without end.
pub(super) async fn report(mut is_trusted: watch::Receiver<bool>, health: HealthState) {
    loop {
        let now = *is_trusted.borrow_and_update();
        health.set_clock_trusted(now);
        if is_trusted.changed().await.is_err() {
            // Nobody looks at the clock any more: the gateway is gone.
            return std::future::pending().await;
        }
    }
}
