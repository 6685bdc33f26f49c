//! What is going on on a connection: whether its peer is known, and how many calls are in work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::places::Standing;

/// How long a connection without a call may stay when the listener stops: some round trips to the peer.
const GOODBYE: Duration = Duration::from_millis(500);

/// What is going on on one connection. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct ConnectionActivity(Arc<ConnectionActivityInner>);

#[derive(Debug)]
struct ConnectionActivityInner {
    standing: Standing,
    is_proven: AtomicBool,
    has_served: AtomicBool,
    was_idle_at_stop: AtomicBool,
    calls: watch::Sender<usize>,
}

/// A call in work; it has ended when this is dropped.
#[derive(Debug)]
pub struct CallToken(Arc<ConnectionActivityInner>);

impl ConnectionActivity {
    pub(super) fn new(standing: Standing) -> Self {
        let no = || AtomicBool::new(false);
        Self(Arc::new(ConnectionActivityInner {
            standing,
            is_proven: no(),
            has_served: no(),
            was_idle_at_stop: no(),
            calls: watch::Sender::new(0),
        }))
    }

    /// Its peer is one of those the listener is there for, so no newcomer takes its place from now on.
    pub fn prove(&self) {
        if !self.0.is_proven.swap(true, Ordering::Relaxed) {
            self.0.standing.prove();
        }
    }

    /// Whether the peer is known to be one of those the listener is there for.
    pub fn is_proven(&self) -> bool {
        self.0.is_proven.load(Ordering::Relaxed)
    }

    /// A call begins.
    pub fn begin_call(&self) -> CallToken {
        self.0.has_served.store(true, Ordering::Relaxed);
        self.0.was_idle_at_stop.store(false, Ordering::Relaxed);
        self.0.calls.send_modify(|calls| *calls += 1);
        CallToken(Arc::clone(&self.0))
    }

    /// The listener stops. Without a call in work the connection may end soon.
    pub fn note_stop(&self) {
        self.0.was_idle_at_stop.store(*self.0.calls.borrow() == 0, Ordering::Relaxed);
    }

    /// How long the peer has to read its last answer and close, after we have closed for writing; not at all when it never
    /// made a call. A peer whose calls had all ended before the listener stopped has read its answers.
    pub(super) fn time_to_close(&self, after_a_call: Duration) -> Option<Duration> {
        let was_idle = self.0.was_idle_at_stop.load(Ordering::Relaxed);
        let time = if was_idle { after_a_call.min(GOODBYE) } else { after_a_call };
        self.0.has_served.load(Ordering::Relaxed).then_some(time)
    }

    /// Waits until no call has been in work for a moment. A call that the peer began before it heard that the listener stops
    /// arrives within that.
    pub(super) async fn idle(&self) {
        let mut calls = self.0.calls.subscribe();
        // The sender lives in `self`, so no wait fails.
        loop {
            let _ = calls.wait_for(|calls| *calls == 0).await;
            if timeout(GOODBYE, calls.wait_for(|calls| *calls > 0)).await.is_err() {
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
