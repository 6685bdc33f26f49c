//! For how long a provider was not called lately because it had asked for that.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::MonotonicTime;

/// How far back pauses count.
const WINDOW_MINUTES: u64 = 60;

/// The pauses of one provider in the last hour, by the minute.
#[derive(Debug, Default)]
pub(super) struct PauseStatistics {
    until: Option<MonotonicTime>,
    seen_at: MonotonicTime,
    /// The number of the minute since the origin of the clock, and the pauses in it.
    minutes: VecDeque<(u64, Duration)>,
}

impl PauseStatistics {
    /// At `now` the provider has asked not to be called before `until`. Returns whether it asked for more than when it was last
    /// seen.
    pub fn observe(&mut self, until: Option<MonotonicTime>, now: MonotonicTime) -> bool {
        let minute = now.since(MonotonicTime::default()).as_secs() / 60;
        let paused =
            self.until.map(|before| before.min(now).since(self.seen_at)).filter(|paused| !paused.is_zero());
        if let Some(paused) = paused {
            match self.minutes.back_mut() {
                Some((last, sum)) if *last == minute => *sum += paused,
                _ => self.minutes.push_back((minute, paused)),
            }
        }
        while self.minutes.front().is_some_and(|(first, _)| first + WINDOW_MINUTES <= minute) {
            self.minutes.pop_front();
        }
        let has_asked = until > self.until;
        (self.until, self.seen_at) = (until, now);
        has_asked
    }

    /// The pauses of the last hour together.
    pub fn total(&self) -> Duration {
        self.minutes.iter().map(|(_, paused)| *paused).sum()
    }

    /// Counts from now on.
    pub fn reset(&mut self) {
        self.minutes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn pauses_count_as_they_go_by_and_for_an_hour() {
        let mut pauses = PauseStatistics::default();
        assert!(pauses.observe(Some(at(130)), at(100)));
        assert_eq!(pauses.total(), Duration::ZERO, "nothing has gone by");
        assert!(!pauses.observe(Some(at(130)), at(110)));
        assert!(pauses.observe(Some(at(140)), at(120)), "it asked again");
        assert_eq!(pauses.total(), Duration::from_secs(20));
        pauses.observe(None, at(600));
        assert_eq!(pauses.total(), Duration::from_secs(40), "no longer than it asked for");
        pauses.observe(None, at(3_599));
        assert_eq!(pauses.total(), Duration::from_secs(40));
        pauses.observe(None, at(3_720));
        assert_eq!(pauses.total(), Duration::from_secs(20), "those of the second minute are an hour old");
        pauses.observe(None, at(9_000));
        assert_eq!(pauses.total(), Duration::ZERO);
    }
}
