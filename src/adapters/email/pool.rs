//! Connections kept open between messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connection::SmtpConnection;

/// The idle connections of one provider. The last used is taken first.
pub(super) struct ConnectionPool {
    max_idle: usize,
    idle_timeout: Duration,
    idle: Mutex<IdleConnections>,
}

#[derive(Default)]
struct IdleConnections {
    /// Each with the moment since which it is idle; the last used is the last.
    connections: Vec<(Instant, SmtpConnection)>,
    /// Whether a task closes those that are idle for too long.
    is_watched: bool,
}

impl ConnectionPool {
    pub(super) fn new(max_idle: usize, idle_timeout: Duration) -> Arc<Self> {
        Arc::new(Self { max_idle, idle_timeout, idle: Mutex::default() })
    }

    /// The connection that was used last. The server may have closed it.
    pub(super) fn take(&self) -> Option<SmtpConnection> {
        self.lock().connections.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection for the next message. Drops it when it is not usable, and closes it when there are enough.
    pub(super) fn put(self: &Arc<Self>, connection: SmtpConnection) {
        if !connection.is_usable() {
            return;
        }
        let mut idle = self.lock();
        if idle.connections.len() >= self.max_idle {
            return connection.close();
        }
        idle.connections.push((Instant::now(), connection));
        if !idle.is_watched {
            idle.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(self), self.idle_timeout));
        }
    }

    /// Closes all connections.
    pub(super) fn clear(&self) {
        self.lock().close_if(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, IdleConnections> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdleConnections {
    /// Closes the connections of which `is_over` is true of the moment since which they are idle.
    fn close_if(&mut self, is_over: impl Fn(Instant) -> bool) {
        for (_, connection) in self.connections.extract_if(.., |(since, _)| is_over(*since)) {
            connection.close();
        }
    }
}

/// Closes the connections that were idle for too long, for as long as there are any.
async fn watch(pool: Weak<ConnectionPool>, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.lock();
        idle.close_if(|since| since.elapsed() >= idle_timeout);
        if idle.connections.is_empty() {
            idle.is_watched = false;
            return;
        }
    }
}
