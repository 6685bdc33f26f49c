//! How many calls are taken in a second.

use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// A bucket of calls: it fills at a steady rate, up to what a second brings, and at least one.
#[derive(Debug)]
pub(super) struct TokenBucket {
    per_second: f64,
    left: Mutex<(f64, Instant)>,
}

impl TokenBucket {
    pub(super) fn new(per_second: f64, now: Instant) -> Self {
        Self { per_second, left: Mutex::new((per_second.max(1.0), now)) }
    }

    /// Takes a call out of the bucket at `now`; `false` when it is empty.
    pub(super) fn try_take(&self, now: Instant) -> bool {
        // Nothing panics while it holds the lock.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, at) = *left;
        let since = now.saturating_duration_since(at).as_secs_f64();
        let filled = (before + since * self.per_second).min(self.per_second.max(1.0));
        let admits = filled >= 1.0;
        *left = (if admits { filled - 1.0 } else { filled }, now.max(at));
        admits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_second_brings_is_taken_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let pace = TokenBucket::new(2.0, start);
        let at = |ms| pace.try_take(start + Duration::from_millis(ms));
        assert_eq!([at(0), at(0), at(0), at(499)], [true, true, false, false]);
        assert_eq!([at(500), at(500)], [true, false]);
        assert_eq!([at(60_000), at(60_000), at(60_000)], [true, true, false], "nothing is saved up");
        assert!(!at(0), "a time before changes nothing");
    }

    #[test]
    fn less_than_one_in_a_second_is_still_one() {
        let start = Instant::now();
        let pace = TokenBucket::new(0.1, start);
        assert!(pace.try_take(start) && !pace.try_take(start + Duration::from_secs(9)));
        assert!(pace.try_take(start + Duration::from_secs(10)));
    }
}
