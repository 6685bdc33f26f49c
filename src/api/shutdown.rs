//! The signal that the gateway is stopping, for streams that would otherwise never end.

use std::sync::Arc;

use tokio::sync::watch;

/// A signal that is triggered once, for good. Clones share it.
#[derive(Debug, Clone)]
pub struct ShutdownSignal {
    triggered: Arc<watch::Sender<bool>>,
}

impl ShutdownSignal {
    /// A signal that is not yet triggered.
    pub fn new() -> Self {
        Self { triggered: Arc::new(watch::Sender::new(false)) }
    }

    /// Triggers it.
    pub fn trigger(&self) {
        self.triggered.send_replace(true);
    }

    /// Whether it is triggered.
    pub fn is_triggered(&self) -> bool {
        *self.triggered.borrow()
    }

    /// Waits until it is triggered.
    pub async fn triggered(self) {
        let mut triggered = self.triggered.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = triggered.wait_for(|triggered| *triggered).await;
    }
}

impl Default for ShutdownSignal {
    fn default() -> Self {
        Self::new()
    }
}
