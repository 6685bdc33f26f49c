//! The limits on calling one provider: its rate, its concurrency, and how many attempts may wait for it in memory.
//!
//! Whoever waits for a provider does so in one order: by class, then brands in turn, then by deadline and age. The first of them wait
//! in memory, in a line. The others go back to the store.

mod concurrency;
mod line;
mod order;
mod rate;
mod returns;

use std::time::Duration;

use tokio::time::Instant;

use concurrency::ConcurrencyLimit;
use line::WaitingLine;
use rate::RateLimit;
use returns::{ReturnTimes, ServiceRate};

pub use concurrency::{AttemptTurn, CallSlot};
pub use order::{OrderedQueue, WaitingOrder};
pub use returns::LineFull;

use crate::adapters::ProviderLimits;
use crate::model::MessageClass;

/// An attempt waits in memory no longer than this for its turn; with a longer wait ahead it goes back to the store, so that
/// one slow provider does not hold the places of messages for the others.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// An attempt comes back no later than this where the rate is only an estimate, because the provider may have become faster.
const MAX_ESTIMATED_RETURN: Duration = Duration::from_secs(30);

/// An attempt comes back no later than this where the rate is set: beyond it the order of the queue is lost.
const MAX_RATED_RETURN: Duration = Duration::from_secs(3_600);

/// The limits on calling one provider.
pub struct ProviderLimiter {
    concurrency: ConcurrencyLimit,
    rate: RateLimit,
    line: WaitingLine,
    returns: ReturnTimes,
}

impl ProviderLimiter {
    /// The limits of the settings.
    pub fn new(limits: &ProviderLimits) -> Self {
        Self {
            concurrency: ConcurrencyLimit::new(limits.max_concurrency),
            rate: RateLimit::new(limits.rate_per_second),
            line: WaitingLine::new(),
            returns: ReturnTimes::new(),
        }
    }

    /// A turn, if nobody waits for one, one is free this instant, and no rate limits the provider: neither one that is set, nor
    /// `learned`, in calls a second.
    pub(super) fn try_turn(&self, learned: Option<f64>) -> Option<AttemptTurn> {
        match self.rate.interval(learned) {
            None if self.line.is_empty() => self.concurrency.try_turn(),
            _ => None,
        }
    }

    /// Waits for a turn, no sooner than the rate allows that is set, or that the provider was found to bear: `learned`, in calls a
    /// second, which may change meanwhile.
    ///
    /// # Errors
    /// [`LineFull`], when too many attempts wait already.
    pub(super) async fn turn(
        &self,
        order: WaitingOrder,
        learned: impl Fn() -> Option<f64>,
    ) -> Result<AttemptTurn, LineFull> {
        let busy = |class| self.busy(class, learned());
        let class = order.class();
        let capacity = self.capacity(learned());
        let mut place = self.line.join(order, capacity).ok_or_else(|| busy(class))?;
        place.head().await;
        let turn = self.concurrency.turn().await;
        if !self.rate.wait_to_begin(&learned, MAX_WAIT).await {
            return Err(busy(class));
        }
        Ok(turn.begun_now())
    }

    /// How many more attempts the line has room for: none until half of it is free, so that they come several at once.
    pub(super) fn room(&self, learned: Option<f64>) -> usize {
        let (capacity, waiting) = (self.capacity(learned), self.line.len());
        if waiting > capacity / 2 { 0 } else { capacity - waiting }
    }

    /// How long an attempt that came now would wait for its turn, roughly, where `ahead` others that are not in the line would be
    /// let in before it.
    pub(super) fn expected_wait(&self, order: &WaitingOrder, ahead: usize, learned: Option<f64>) -> Duration {
        let ahead = ahead + self.line.ahead_of(order);
        if ahead == 0 && self.concurrency.is_turn_free() {
            return Duration::ZERO;
        }
        let interval = self.interval(learned);
        let places = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1);
        let wait = interval.saturating_mul(places);
        match self.line.is_full_for(order, self.capacity(learned)) {
            true => wait.max(MAX_WAIT + interval),
            false => wait,
        }
    }

    /// The time between two attempts, as far as it is known.
    fn interval(&self, learned: Option<f64>) -> Duration {
        let by_calls = self.concurrency.call_duration() / self.concurrency.max();
        self.rate.interval(learned).map_or(by_calls, |by_rate| by_rate.max(by_calls))
    }

    /// Notes that the attempt of a turn is recorded, and gives a slot for its call if one is free this instant and no rate limits
    /// the provider, as for [`ProviderLimiter::try_turn`].
    pub(super) fn recorded(&self, turn: &AttemptTurn, learned: Option<f64>) -> Option<CallSlot<'_>> {
        let slot = self.concurrency.recorded(turn);
        slot.filter(|_| self.rate.interval(learned).is_none())
    }

    /// Waits for a slot, and then until the rate allows the next call, as for [`ProviderLimiter::turn`].
    pub(super) async fn slot(&self, learned: impl Fn() -> Option<f64>) -> CallSlot<'_> {
        let slot = self.concurrency.slot().await;
        self.rate.wait_to_call(learned).await;
        slot
    }

    /// Notes how long a call took whose message was sent.
    pub(super) fn called(&self, call: Duration) {
        self.concurrency.called(call);
    }

    /// How many attempts of a class may wait: as many as the provider is likely to take within [`MAX_WAIT`], and no fewer
    /// than there are slots unless the rate is lower, but one. Attempts that find no place are written back to the store, which
    /// costs more than waiting.
    fn capacity(&self, learned: Option<f64>) -> usize {
        let call = self.concurrency.call_duration();
        let rounds = match call.is_zero() {
            // Nothing is known yet.
            true => 1,
            false => MAX_WAIT.as_micros() / call.as_micros().max(1_000),
        };
        let by_calls =
            self.concurrency.max().saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX).max(1));
        let by_rate = self
            .rate
            .interval(learned)
            .map_or(u128::MAX, |interval| MAX_WAIT.as_micros() / interval.as_micros().max(1));
        usize::try_from(by_rate.min(by_calls.into())).unwrap_or(usize::MAX).max(1)
    }

    /// When an attempt comes back that may not join the line.
    pub(super) fn busy(&self, class: MessageClass, learned: Option<f64>) -> LineFull {
        let estimate = self.concurrency.call_duration() / self.concurrency.max();
        let rate = match (self.rate.interval(None), self.rate.interval(learned)) {
            (Some(set), slower) if slower == Some(set) => {
                ServiceRate { interval: set.max(estimate), max_retry_after: MAX_RATED_RETURN }
            }
            // Until they come back, the provider may have been found to bear twice as much.
            (_, Some(learned)) => {
                ServiceRate { interval: estimate.max(learned / 2), max_retry_after: MAX_ESTIMATED_RETURN }
            }
            (_, None) => ServiceRate { interval: estimate, max_retry_after: MAX_ESTIMATED_RETURN },
        };
        self.returns.next(class, rate, Instant::now())
    }
}

#[cfg(test)]
mod tests;
