//! The one loop by which the gateway takes connections, whatever is spoken on them: gRPC, webhooks, LMTP.
//!
//! # Why
//!
//! Whoever can reach a port can open connections to it, say nothing, never read, or stay while the gateway stops. None of
//! that may cost others their place, or a caller the answer to what was done.
//!
//! # How it works
//!
//! A connection gets a place (`places`). As long as it has not proven that it is one of those the gateway is there for, it
//! holds the place only until a newcomer needs it. A write that makes no progress ends it (`io`), and TCP probes a peer
//! that is silent.
//!
//! # How it stops
//!
//! When it is asked to stop, the listener closes, and each connection is told. One without a call in work ends at once, the
//! others when their calls have ended, and what is left after the drain timeout is cut off. A connection that served
//! somebody is closed for writing first and then read to its end: to close a socket in which unread bytes lie resets the
//! connection, and a reset takes answers with it that the peer has not read yet.

mod activity;
mod drive;
mod io;
mod places;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

pub use activity::{CallToken, ConnectionActivity};
pub use drive::drive;
pub use io::ConnectionIo;
use places::Places;

/// The first wait after a connection could not be accepted, which is doubled up to the last: the machine has no file
/// descriptors or no memory left, and to ask again at once would only take its time.
const ACCEPT_BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// What bounds the connections of a listener.
#[derive(Debug, Clone)]
pub struct ListenerLimits {
    /// What is spoken, for the log: `gRPC`.
    pub protocol: &'static str,
    /// Connections open at once; more wait.
    pub max_connections: usize,
    /// How many of those may not have proven yet who they are. One more ends the oldest of them.
    pub max_unproven: usize,
    /// How long a write may make no progress, and how long the peer has to close after we did.
    pub write_timeout: Duration,
    /// How long a connection is silent before TCP probes whether the peer is still there.
    pub keepalive: Duration,
    /// How long calls in work may take when the listener stops.
    pub drain_timeout: Duration,
}

/// An accepted connection.
pub struct Connection {
    /// Who is at the other end, where the system knows.
    pub peer: Option<SocketAddr>,
    /// What is read and written.
    pub io: ConnectionIo,
    /// What is going on on it.
    pub activity: ConnectionActivity,
    /// Whether the listener stops.
    pub stop: ListenerStop,
}

/// Tells that the listener stops.
#[derive(Debug, Clone)]
pub struct ListenerStop(watch::Receiver<Phase>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Cutting,
}

impl ListenerStop {
    /// Resolves when the listener stops.
    pub async fn begun(self) {
        self.reached(Phase::Draining).await;
    }

    async fn reached(mut self, expected: Phase) {
        // The sender outlives all receivers.
        let _ = self.0.wait_for(|phase| *phase >= expected).await;
    }
}

/// Hands each connection to `handle` until `stop` resolves, and then waits until all have ended, or cuts them off when the
/// drain timeout has passed. When what `handle` returned ends, the connection is closed.
pub async fn serve<H, F>(
    listener: TcpListener,
    limits: ListenerLimits,
    stop: impl Future<Output = ()>,
    handle: H,
) where
    H: Fn(Connection) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Places::new(limits.max_connections, limits.max_unproven));
    let phase = watch::Sender::new(Phase::Serving);
    tokio::select! {
        () = accept_all(listener, &limits, &places, &phase, handle) => {}
        () = stop => {}
    }
    phase.send_replace(Phase::Draining);
    if timeout(limits.drain_timeout, phase.closed()).await.is_err() {
        let (protocol, timeout_ms) = (limits.protocol, limits.drain_timeout.as_millis());
        warn!(protocol, timeout_ms, "calls were still in work when the drain timeout passed and are cut off");
        phase.send_replace(Phase::Cutting);
        phase.closed().await;
    }
}

/// Takes the listener, so that it closes when this ends.
async fn accept_all<H, F>(
    listener: TcpListener,
    limits: &ListenerLimits,
    places: &Arc<Places>,
    phase: &watch::Sender<Phase>,
    handle: H,
) where
    H: Fn(Connection) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let stream = Arc::new(accept(&listener, limits.protocol, places).await);
        let mut place = places.take().await;
        if let Err(error) = io::prepare(&stream, limits.keepalive) {
            debug!(protocol = limits.protocol, %error, "a connection ended before it began");
            continue;
        }
        let activity = ConnectionActivity::new(place.standing());
        let stop = ListenerStop(phase.subscribe());
        let io = ConnectionIo::new(Arc::clone(&stream), limits.write_timeout);
        let handled = handle(Connection {
            peer: stream.peer_addr().ok(),
            io,
            activity: activity.clone(),
            stop: stop.clone(),
        });
        let (protocol, write_timeout) = (limits.protocol, limits.write_timeout);
        let run = async move {
            tokio::select! {
                () = handled => {}
                () = stop.clone().reached(Phase::Cutting) => {}
            }
            // Whoever holds the stop is waited for, so this lives until the end.
            let _open = stop;
            if let Some(patience) = activity.time_to_close(write_timeout) {
                io::close_when_read(&stream, patience).await;
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = run => {}
                () = place.lost() => debug!(protocol, "a connection ended because a newcomer needed its place"),
            }
        });
    }
}

/// The next connection.
async fn accept(listener: &TcpListener, protocol: &str, places: &Places) -> TcpStream {
    let (mut wait, longest) = ACCEPT_BACKOFF;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                warn!(protocol, %error, "a connection could not be accepted");
                // What is lacking may be file descriptors, and whoever proved nothing has one.
                places.end_oldest_unproven();
                sleep(wait).await;
                wait = longest.min(wait * 2);
            }
        }
    }
}
