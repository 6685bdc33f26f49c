//! The limits on calling one provider: its rate, its concurrency, and how many attempts may wait for it in memory.

mod concurrency;
mod queue;
mod rate;

use std::time::Duration;

use tokio::time::Instant;

use concurrency::ConcurrencyLimit;
use queue::{AttemptQueue, ClassQueues, ServiceRate};
use rate::RateLimit;

pub use concurrency::{AttemptTurn, CallSlot};
pub use queue::QueueFull;

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
    queue: Box<dyn AttemptQueue>,
}

impl ProviderLimiter {
    /// The limits of the settings.
    pub fn new(limits: &ProviderLimits) -> Self {
        Self {
            concurrency: ConcurrencyLimit::new(limits.max_concurrency),
            rate: RateLimit::new(limits.rate_per_second),
            queue: Box::new(ClassQueues::new()),
        }
    }

    /// A turn, if one is free this instant and no rate limits the provider: neither one that is set, nor `learned`, in calls a
    /// second.
    pub(super) fn try_turn(&self, learned: Option<f64>) -> Option<AttemptTurn> {
        match self.rate.interval(learned) {
            Some(_) => None,
            None => self.concurrency.try_turn(),
        }
    }

    /// Waits for a turn, no sooner than the rate allows that is set, or that the provider was found to bear: `learned`, in calls a
    /// second, which may change meanwhile.
    ///
    /// # Errors
    /// [`QueueFull`], when too many attempts wait already.
    pub(super) async fn turn(
        &self,
        class: MessageClass,
        learned: impl Fn() -> Option<f64>,
    ) -> Result<AttemptTurn, QueueFull> {
        let busy = || self.busy(class, learned());
        let place = self.queue.join(class, self.queue_capacity()).ok_or_else(busy)?;
        let turn = self.concurrency.turn().await;
        if !self.rate.wait_to_begin(&learned, MAX_WAIT).await {
            return Err(busy());
        }
        drop(place);
        Ok(turn.begun_now())
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
    /// than there are slots. Attempts that find no place are written back to the store, which costs more than waiting.
    fn queue_capacity(&self) -> u32 {
        let call = self.concurrency.call_duration();
        let rounds = match call.is_zero() {
            // Nothing is known yet.
            true => 1,
            false => MAX_WAIT.as_micros() / call.as_micros().max(1_000),
        };
        self.concurrency.max().saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX).max(1))
    }

    fn busy(&self, class: MessageClass, learned: Option<f64>) -> QueueFull {
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
        self.queue.retry_after(class, rate, Instant::now())
    }
}

#[cfg(test)]
mod tests;
