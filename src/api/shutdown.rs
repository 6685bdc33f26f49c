//! The news that the gateway is stopping, for streams that would otherwise never end.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that is raised once. Clones share it.
#[derive(Debug, Clone)]
pub struct ShutdownSignal {
    raised: Arc<watch::Sender<bool>>,
}

impl ShutdownSignal {
    /// A flag not yet raised.
    pub fn new() -> Self {
        Self { raised: Arc::new(watch::Sender::new(false)) }
    }

    /// Raises it, for good.
    pub fn trigger(&self) {
        self.raised.send_replace(true);
    }

    /// Whether it is raised.
    pub fn is_triggered(&self) -> bool {
        *self.raised.borrow()
    }

    /// Waits until it is raised.
    pub async fn triggered(self) {
        let mut raised = self.raised.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = raised.wait_for(|raised| *raised).await;
    }
}

impl Default for ShutdownSignal {
    fn default() -> Self {
        Self::new()
    }
}
