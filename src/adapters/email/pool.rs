//! Connections kept open between messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connection::SmtpConnection;

/// The idle connections of one provider, the last used first.
pub(super) struct ConnectionPool {
    max_idle: usize,
    idle_timeout: Duration,
    idle: Mutex<IdleConnection>,
}

#[derive(Default)]
struct IdleConnection {
    connections: Vec<(Instant, SmtpConnection)>,
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

    /// Keeps a connection for the next message, or leaves it when it is no use or there are enough.
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

    /// Leaves all connections: the last used was found closed, and the others are older.
    pub(super) fn clear(&self) {
        self.lock().leave(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, IdleConnection> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdleConnection {
    fn leave(&mut self, is_left: impl Fn(Instant) -> bool) {
        for (_, connection) in self.connections.extract_if(.., |(since, _)| is_left(*since)) {
            connection.close();
        }
    }
}

/// Leaves connections that were idle for too long, for as long as there are any.
async fn watch(pool: Weak<ConnectionPool>, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.lock();
        idle.leave(|since| since.elapsed() >= idle_timeout);
        if idle.connections.is_empty() {
            idle.is_watched = false;
            return;
        }
    }
}
