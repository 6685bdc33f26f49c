//! The limit on the calls of providers in a second.

use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// A token bucket: each call takes a token. It fills at a steady rate, up to the tokens of one second, and at least one.
#[derive(Debug)]
pub(super) struct TokenBucket {
    tokens_per_second: f64,
    state: Mutex<BucketState>,
}

#[derive(Debug)]
struct BucketState {
    tokens: f64,
    /// When the bucket had so many.
    updated_at: Instant,
}

impl TokenBucket {
    /// A bucket that is full at `now`.
    pub(super) fn new(tokens_per_second: f64, now: Instant) -> Self {
        let tokens = tokens_per_second.max(1.0);
        Self { tokens_per_second, state: Mutex::new(BucketState { tokens, updated_at: now }) }
    }

    /// Takes a token at `now`; `false` when there is none.
    pub(super) fn try_take(&self, now: Instant) -> bool {
        // No code panics while it holds the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(state.updated_at).as_secs_f64();
        let capacity = self.tokens_per_second.max(1.0);
        let tokens = (state.tokens + elapsed * self.tokens_per_second).min(capacity);
        let taken = tokens >= 1.0;
        state.tokens = if taken { tokens - 1.0 } else { tokens };
        state.updated_at = now.max(state.updated_at);
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_tokens_of_a_second_are_taken_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let bucket = TokenBucket::new(2.0, start);
        let take_at = |ms| bucket.try_take(start + Duration::from_millis(ms));
        assert_eq!([take_at(0), take_at(0), take_at(0), take_at(499)], [true, true, false, false]);
        assert_eq!([take_at(500), take_at(500)], [true, false]);
        let after_a_minute = [take_at(60_000), take_at(60_000), take_at(60_000)];
        assert_eq!(after_a_minute, [true, true, false], "a bucket holds the tokens of one second");
        assert!(!take_at(0), "an earlier time changes nothing");
    }

    #[test]
    fn less_than_one_in_a_second_is_still_one() {
        let start = Instant::now();
        let bucket = TokenBucket::new(0.1, start);
        assert!(bucket.try_take(start) && !bucket.try_take(start + Duration::from_secs(9)));
        assert!(bucket.try_take(start + Duration::from_secs(10)));
    }
}
