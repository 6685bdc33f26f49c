//! What is going on on a connection: whether its peer is known, and how many calls are in work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::places::Standing;

/// What is going on on one connection. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct ConnectionActivity(Arc<ConnectionActivityInner>);

#[derive(Debug)]
struct ConnectionActivityInner {
    standing: Standing,
    is_proven: AtomicBool,
    has_served: AtomicBool,
    calls: watch::Sender<usize>,
}

/// A call in work; it has ended when this is dropped.
#[derive(Debug)]
pub struct CallToken(Arc<ConnectionActivityInner>);

impl ConnectionActivity {
    pub(super) fn new(standing: Standing) -> Self {
        let (is_proven, has_served) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(ConnectionActivityInner {
            standing,
            is_proven,
            has_served,
            calls: watch::Sender::new(0),
        }))
    }

    /// Its peer is one of those the listener is there for, so no newcomer takes its place from now on.
    pub fn prove(&self) {
        if !self.0.is_proven.swap(true, Ordering::Relaxed) {
            self.0.standing.prove();
        }
    }

    /// A call begins.
    pub fn begin_call(&self) -> CallToken {
        self.0.has_served.store(true, Ordering::Relaxed);
        self.0.calls.send_modify(|calls| *calls += 1);
        CallToken(Arc::clone(&self.0))
    }

    /// Whether there was ever a call, and so an answer that the peer may not have read.
    pub(super) fn has_served(&self) -> bool {
        self.0.has_served.load(Ordering::Relaxed)
    }

    /// Waits until no call was in work for as long as `pause`.
    pub(super) async fn idle_for(&self, pause: Duration) {
        let mut calls = self.0.calls.subscribe();
        // The sender lives in `self`, so no wait fails.
        loop {
            let _ = calls.wait_for(|calls| *calls == 0).await;
            if timeout(pause, calls.wait_for(|calls| *calls > 0)).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for CallToken {
    fn drop(&mut self) {
        self.0.calls.send_modify(|calls| *calls -= 1);
    }
}
