//! Whether a provider suddenly refuses what it used to take.
//!
//! # Why
//!
//! A refusal is about the message, and no failure of the provider. But a filter that was set too sharp, or an account that somebody
//! changed, refuses message after message, each for a reason that sounds like the message's own.
//!
//! # How it works
//!
//! The usual share of refusals is learned from the provider's own past. What its latest answers exceed it by, less what may be
//! chance, is for the live weight to compare with the others of the channel: where all refuse, the messages are to blame.
//!
//! # How it recovers
//!
//! The usual share is not learned while the provider refuses more. Answers that are not refusals take the place of those that were.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::MonotonicTime;

/// How many of the latest answers are looked at, and with how few nothing is said.
const LOOKED_AT: usize = 50;
const MIN_ANSWERS: usize = 20;

/// Answers that came longer ago are forgotten.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// Before so many answers the usual share is not known.
const MIN_LEARNED: u32 = 50;

/// The usual share moves by this part of the way with each answer, once it is known.
const LEARNING: f64 = 1.0 / 256.0;

/// The usual share is not learned from whoever refuses by so much more.
const UNUSUAL: f64 = 0.1;

/// How many standard deviations (of a Poisson distribution) of the refusals are taken for chance.
const CHANCE: f64 = 1.5;

/// How often a provider refuses.
#[derive(Debug, Default)]
pub(super) struct RefusalStatistics {
    latest: VecDeque<(MonotonicTime, bool)>,
    /// The usual share.
    usual: f64,
    learned: u32,
}

impl RefusalStatistics {
    /// An answer came that was a refusal of the message, or not.
    pub fn answered(&mut self, is_refusal: bool, now: MonotonicTime) {
        while self.latest.len() >= LOOKED_AT
            || self.latest.front().is_some_and(|(at, _)| now.since(*at) >= REMEMBERED)
        {
            self.latest.pop_front();
        }
        self.latest.push_back((now, is_refusal));
        if self.learned < MIN_LEARNED || self.excess(now) < UNUSUAL {
            self.learned = self.learned.saturating_add(1);
            let part = LEARNING.max(1.0 / f64::from(self.learned));
            self.usual += (f64::from(u8::from(is_refusal)) - self.usual) * part;
        }
    }

    /// By how much the share of refusals exceeds the usual one, in `0.0..=1.0`, less what may be chance.
    pub fn excess(&self, now: MonotonicTime) -> f64 {
        let latest = || self.latest.iter().filter(|(at, _)| now.since(*at) < REMEMBERED);
        let answers = latest().count();
        if answers < MIN_ANSWERS || self.learned < MIN_LEARNED {
            return 0.0;
        }
        let refusals = latest().filter(|(_, is_refusal)| *is_refusal).count() as f64;
        let certain = (refusals - CHANCE * refusals.sqrt()) / answers as f64;
        (certain - self.usual).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_origin(Duration::from_secs(seconds))
    }

    /// Of every ten answers so many are refusals.
    fn answer(statistics: &mut RefusalStatistics, answers: u64, refusals_of_ten: u64, now: u64) {
        for number in 0..answers {
            statistics.answered(number % 10 < refusals_of_ten, at(now));
        }
    }

    #[test]
    fn who_refuses_as_much_as_always_does_nothing_unusual() {
        for of_ten in [0, 3, 9] {
            let mut statistics = RefusalStatistics::default();
            answer(&mut statistics, 500, of_ten, 0);
            assert_eq!(statistics.excess(at(0)), 0.0, "{of_ten} of ten");
        }
    }

    #[test]
    fn who_suddenly_refuses_most_does_until_it_takes_them_again() {
        let mut statistics = RefusalStatistics::default();
        answer(&mut statistics, 500, 1, 0);
        answer(&mut statistics, 1_000, 9, 1);
        let excess = statistics.excess(at(1));
        assert!(excess > 0.5, "a thousand of them make it no habit: {excess}");
        answer(&mut statistics, 50, 1, 2);
        assert_eq!(statistics.excess(at(2)), 0.0);
    }

    #[test]
    fn of_few_answers_and_of_old_ones_nothing_is_said() {
        let mut statistics = RefusalStatistics::default();
        answer(&mut statistics, 49, 10, 0);
        assert_eq!(statistics.excess(at(0)), 0.0, "it may always refuse");
        let mut statistics = RefusalStatistics::default();
        answer(&mut statistics, 500, 0, 0);
        answer(&mut statistics, 50, 10, 1);
        assert!(statistics.excess(at(300)) > 0.5);
        assert_eq!(statistics.excess(at(301)), 0.0);
    }

    #[test]
    fn one_refusal_after_long_peace_is_chance() {
        let mut statistics = RefusalStatistics::default();
        answer(&mut statistics, 1_000, 0, 0);
        (0..3).for_each(|_| statistics.answered(true, at(1)));
        assert!(statistics.excess(at(1)) < 0.05, "{}", statistics.excess(at(1)));
    }
}
