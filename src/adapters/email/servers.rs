//! The servers of one provider: the first is used as long as it can be reached, and then the next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{SmtpConnection, SmtpServer};
use super::settings::SmtpSettings;
use crate::adapters::ProviderBuildError;
use crate::model::Outcome;

/// How long a server that answered in the first one's place is used.
const KEPT_TO: Duration = Duration::from_secs(60);

/// The servers in their order.
pub(super) struct SmtpServers {
    servers: Vec<SmtpServer>,
    stand_in: Mutex<FallbackServer>,
}

/// Which server is used in the first one's place, and until when.
#[derive(Debug, Default)]
struct FallbackServer(Option<(usize, Instant)>);

impl SmtpServers {
    /// The servers that the settings name, each given `connect_timeout` to answer.
    ///
    /// # Errors
    /// When a setting's value is wrong.
    pub(super) fn new(
        settings: &SmtpSettings,
        connect_timeout: Duration,
    ) -> Result<Self, ProviderBuildError> {
        let servers = settings.servers().map(|at| SmtpServer::new(settings, at, connect_timeout));
        Ok(Self { servers: servers.collect::<Result<_, _>>()?, stand_in: Mutex::default() })
    }

    /// Ends the fallback to another server when its time is over, so that the first one is tried again. Returns true once,
    /// when it does: idle connections to other servers must be closed then.
    pub(super) fn expire_fallback(&self) -> bool {
        self.stand_in().expire(Instant::now())
    }

    /// A connection to the first server in turn that can be reached; without one, what the last of them answered. Nothing was
    /// handed over by then.
    pub(super) async fn connect(&self) -> Result<SmtpConnection, Outcome> {
        let first = self.stand_in().index();
        let mut index = first;
        loop {
            let answer = self.servers[index].connect().await;
            if answer.is_ok() {
                self.stand_in().record_answer(index, Instant::now());
            }
            // What is neither down nor too busy would be the same at the next one.
            let passes = matches!(answer, Err(Outcome::Unavailable { .. } | Outcome::Throttled { .. }));
            index = (index + 1) % self.servers.len();
            if !passes || index == first {
                return answer;
            }
        }
    }

    fn stand_in(&self) -> MutexGuard<'_, FallbackServer> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.stand_in.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FallbackServer {
    fn index(&self) -> usize {
        self.0.map_or(0, |(index, _)| index)
    }

    fn record_answer(&mut self, index: usize, now: Instant) {
        // The time does not begin anew with each connection, or the first one's turn might never come.
        if index != self.index() {
            self.0 = (index > 0).then_some((index, now + KEPT_TO));
        }
    }

    /// Ends the fallback when its time is over. Returns whether it did.
    fn expire(&mut self, now: Instant) -> bool {
        self.0.take_if(|(_, until)| *until <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_answers_in_the_first_ones_place_is_kept_to_for_a_while() {
        let start = Instant::now();
        let mut stand_in = FallbackServer::default();
        stand_in.record_answer(0, start);
        assert_eq!((stand_in.index(), stand_in.expire(start + KEPT_TO)), (0, false));
        stand_in.record_answer(2, start);
        stand_in.record_answer(2, start + KEPT_TO / 2);
        assert_eq!((stand_in.index(), stand_in.expire(start + KEPT_TO / 2)), (2, false));
        assert!(stand_in.expire(start + KEPT_TO));
        assert_eq!((stand_in.index(), stand_in.expire(start + KEPT_TO)), (0, false), "it is over once");
        stand_in.record_answer(1, start);
        stand_in.record_answer(0, start);
        assert_eq!(stand_in.index(), 0, "the others failed, and the first one did not");
    }
}
