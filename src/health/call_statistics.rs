//! How the calls of one provider go: how many fail, how long they take, and which of those under way are late.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::model::{CallScope, HealthCell, MonotonicTime};

/// Calls that ended longer ago say nothing about now.
const RECENT: Duration = Duration::from_secs(10);

/// So many calls are remembered at most.
const MAX_CALLS: usize = 512;

/// Of so many calls that went well the usual durations are known.
const MAX_DURATIONS: usize = 256;

/// What the share of late calls is compared with: those that ended within this time.
const JUST_NOW: Duration = Duration::from_secs(1);

/// A call is late when it takes so many times as long as usual.
const LATE_FACTOR: u32 = 4;

/// A call hangs when it takes so many times as long as usual.
const HANGING_FACTOR: u32 = 10;

/// How many standard deviations (of a Poisson distribution) of the failures are taken for chance.
const CHANCE: f64 = 1.5;

/// Fewer calls say nothing about speed.
const MIN_CALLS: usize = 5;

/// Fewer late calls are chance.
const MIN_LATE: usize = 2;

/// Names a call under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallNumber(u64);

#[derive(Debug)]
struct EndedCall {
    at: MonotonicTime,
    duration: Duration,
    ok: bool,
    scope: CallScope,
}

/// How the calls of one provider go.
#[derive(Debug)]
pub(super) struct CallStatistics {
    min_late: Duration,
    next: u64,
    /// Calls before this one say how the provider was, and not how it is.
    first_counted: CallNumber,
    in_flight: BTreeMap<CallNumber, MonotonicTime>,
    ended: VecDeque<EndedCall>,
    durations: VecDeque<Duration>,
    /// How long a call takes that goes well, as a slow moving average.
    usual: Option<Duration>,
    /// How many calls went well since somebody last asked.
    news: u32,
    last_good: Option<MonotonicTime>,
}

/// How the calls of one provider went lately, and what came of the messages that it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CallReport {
    /// The share of calls that failed, less what may be chance.
    pub failure_share: f64,
    /// The share of late ones among the calls under way and those that just ended.
    pub late_share: f64,
    /// How long calls that go well take; `None` when that is not known.
    pub duration: Option<Duration>,
    /// The share of the usual receipts that did not come in time; 0 from the calls alone.
    pub silence: f64,
    /// By how much it refuses more than usual; 0 from the calls alone.
    pub refusals: f64,
}

impl CallStatistics {
    /// Nothing is known; no call is late before `min_late`.
    pub fn new(min_late: Duration) -> Self {
        Self {
            min_late,
            next: 0,
            first_counted: CallNumber(0),
            in_flight: BTreeMap::new(),
            ended: VecDeque::new(),
            durations: VecDeque::new(),
            usual: None,
            news: 0,
            last_good: None,
        }
    }

    /// A call begins.
    pub fn begin(&mut self, now: MonotonicTime) -> CallNumber {
        self.next += 1;
        let number = CallNumber(self.next);
        self.in_flight.insert(number, now);
        number
    }

    /// A call ended in a way that says nothing of the provider.
    pub fn forget(&mut self, number: CallNumber) {
        self.in_flight.remove(&number);
    }

    /// A call ended that concerned `scope`.
    pub fn end(&mut self, number: CallNumber, scope: CallScope, ok: bool, now: MonotonicTime) {
        let Some(began) = self.in_flight.remove(&number).filter(|_| number >= self.first_counted) else {
            return;
        };
        let duration = now.since(began);
        while self.ended.front().is_some_and(|call| now.since(call.at) >= RECENT)
            || self.ended.len() >= MAX_CALLS
        {
            self.ended.pop_front();
        }
        self.ended.push_back(EndedCall { at: now, duration, ok, scope });
        if ok {
            self.news = self.news.saturating_add(1);
            self.last_good = Some(now);
            self.usual = Some(self.usual.map_or(duration, |usual| (usual * 63 + duration) / 64));
            if self.durations.len() >= MAX_DURATIONS {
                self.durations.pop_front();
            }
            self.durations.push_back(duration);
        }
    }

    /// Begins anew with the calls that begin from now on: the provider is well again, whatever became of those before. What is known
    /// of calls that went well stays.
    pub fn begin_anew(&mut self) {
        self.first_counted = CallNumber(self.next + 1);
        self.ended.retain(|call| call.ok);
    }

    /// Forgets the failures of a cell, because they are not the provider's.
    pub fn forgive(&mut self, cell: &HealthCell) {
        self.ended.retain(|call| call.ok || !call.scope.cells().contains(cell));
    }

    /// How the calls go. Of fewer than `min_calls` lately it is not said how many failed.
    pub fn report(&self, min_calls: u32, now: MonotonicTime) -> CallReport {
        let recent = || self.ended.iter().filter(|call| now.since(call.at) < RECENT);
        let failed = recent().filter(|call| !call.ok).count() as f64;
        let certain = (failed - CHANCE * failed.sqrt()).max(0.0);
        let (good, time) = recent()
            .filter(|call| call.ok)
            .fold((0_u32, Duration::ZERO), |(count, sum), call| (count + 1, sum + call.duration));
        let enough = good as usize >= MIN_CALLS;
        CallReport {
            failure_share: if recent().count() < min_calls as usize {
                0.0
            } else {
                certain / recent().count() as f64
            },
            late_share: self.late_share(now),
            duration: if enough { Some(time / good) } else { self.usual },
            silence: 0.0,
            refusals: 0.0,
        }
    }

    fn late_share(&self, now: MonotonicTime) -> f64 {
        let late_after = self.usual.map_or(Duration::MAX, |usual| (usual * LATE_FACTOR).max(self.min_late));
        // Numbers ascend, and so do times.
        let counted = self.in_flight.range(self.first_counted..);
        let late = counted.take_while(|(_, began)| now.since(**began) > late_after).count();
        if late < MIN_LATE {
            return 0.0;
        }
        let just_ended = self.ended.iter().rev().take_while(|call| now.since(call.at) < JUST_NOW).count();
        late as f64 / (late + just_ended) as f64
    }

    /// How many calls have been under way for longer than `min`, and than ten times as long as usual, and none went well since
    /// they began. Those that began before `since` do not count.
    pub fn hanging(&self, min: Duration, since: MonotonicTime, now: MonotonicTime) -> u32 {
        let after = self.usual.map_or(min, |usual| (usual * HANGING_FACTOR).max(min));
        let since = self.last_good.map_or(since, |good| good.max(since));
        let hangs =
            |(_, began): &(&CallNumber, &MonotonicTime)| **began >= since && now.since(**began) > after;
        u32::try_from(self.in_flight.range(self.first_counted..).filter(hangs).count()).unwrap_or(u32::MAX)
    }

    /// How many calls went well since this was last asked.
    pub fn take_news(&mut self) -> u32 {
        std::mem::take(&mut self.news)
    }

    /// How many calls are under way.
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX)
    }

    /// How many calls a second ended lately, however they did.
    pub fn rate(&self, now: MonotonicTime) -> f64 {
        let recent = self.ended.iter().filter(|call| now.since(call.at) < RECENT).count();
        recent as f64 / RECENT.as_secs_f64()
    }

    /// How long half of the calls that go well take, and 99 of 100; `None` while none did.
    pub fn percentiles(&self) -> Option<(Duration, Duration)> {
        let mut sorted: Vec<Duration> = self.durations.iter().copied().collect();
        sorted.sort_unstable();
        let at =
            |share: f64| sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)).copied();
        if sorted.is_empty() { None } else { at(0.5).zip(at(0.99)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, RenderedContent};

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_origin(Duration::from_millis(ms))
    }

    /// Statistics after a call each 20 ms for a while, each of 80 ms.
    fn usual() -> CallStatistics {
        let mut statistics = CallStatistics::new(Duration::from_millis(500));
        for ms in (0..10_000).step_by(20) {
            let call = statistics.begin(at(ms));
            statistics.end(call, CallScope::default(), true, at(ms + 80));
        }
        statistics
    }

    #[test]
    fn calls_that_end_in_time_are_not_late_and_have_their_percentiles() {
        let statistics = usual();
        let report = statistics.report(10, at(10_060));
        assert_eq!((report.failure_share, report.late_share), (0.0, 0.0));
        assert_eq!(report.duration, Some(Duration::from_millis(80)));
        assert_eq!(statistics.percentiles(), Some((Duration::from_millis(80), Duration::from_millis(80))));
        assert!((statistics.rate(at(10_060)) - 50.0).abs() < 2.0, "{}", statistics.rate(at(10_060)));
    }

    #[test]
    fn calls_under_way_are_late_long_before_they_end() {
        let mut statistics = usual();
        for ms in (10_000..11_000).step_by(20) {
            statistics.begin(at(ms));
        }
        assert_eq!(statistics.report(10, at(10_500)).late_share, 0.0);
        let share = statistics.report(10, at(11_100)).late_share;
        assert!(share > 0.9, "{share}");
    }

    #[test]
    fn what_was_before_a_recovery_is_no_longer_counted() {
        let mut statistics = usual();
        let hanging: Vec<_> = (0..20).map(|_| statistics.begin(at(10_100))).collect();
        for _ in 0..20 {
            let failed = statistics.begin(at(10_000));
            statistics.end(failed, CallScope::default(), false, at(12_000));
        }
        let bad = statistics.report(10, at(12_000));
        assert!(bad.late_share > 0.4 && bad.failure_share > 0.02, "{bad:?}");
        let hangs = |statistics: &CallStatistics| {
            statistics.hanging(Duration::from_secs(5), MonotonicTime::default(), at(16_000))
        };
        assert_eq!(hangs(&statistics), 20);
        statistics.begin_anew();
        assert_eq!(hangs(&statistics), 0);
        let good = statistics.begin(at(12_000));
        statistics.end(good, CallScope::default(), true, at(12_080));
        hanging.into_iter().for_each(|call| statistics.end(call, CallScope::default(), false, at(12_090)));
        let report = statistics.report(10, at(12_100));
        assert_eq!((report.late_share, report.failure_share), (0.0, 0.0));
        let failed = statistics.begin(at(12_100));
        statistics.end(failed, CallScope::default(), false, at(12_110));
        assert_eq!(statistics.in_flight(), 0);
        let late: Vec<_> = (0..9).map(|_| statistics.begin(at(12_200))).collect();
        assert!(statistics.report(10, at(14_000)).late_share > 0.9, "{}", late.len());
    }

    #[test]
    fn calls_hang_when_none_goes_well_since_they_began() {
        let mut statistics = usual();
        let calls: Vec<_> = (0..6).map(|_| statistics.begin(at(10_100))).collect();
        let hanging = |statistics: &CallStatistics, ms| {
            statistics.hanging(Duration::from_secs(5), MonotonicTime::default(), at(ms))
        };
        assert_eq!(hanging(&statistics, 15_100), 0);
        assert_eq!(hanging(&statistics, 15_101), 6);
        assert_eq!(statistics.hanging(Duration::from_secs(5), at(10_101), at(20_000)), 0, "begun before");
        statistics.end(calls[0], CallScope::default(), true, at(15_200));
        assert_eq!(hanging(&statistics, 20_000), 0);
    }

    #[test]
    fn failures_are_a_share_of_what_was_tried_lately_and_are_forgotten() {
        let mut statistics = usual();
        for ms in (10_000..20_000).step_by(20) {
            let call = statistics.begin(at(ms));
            statistics.end(call, CallScope::default(), ms % 100 != 0, at(ms + 10));
        }
        let share = statistics.report(10, at(20_000)).failure_share;
        assert!((0.16..0.2).contains(&share), "{share}");
        assert_eq!(statistics.report(10, at(40_000)).failure_share, 0.0);
    }

    #[test]
    fn a_few_failures_are_chance_and_those_of_a_cell_are_its_own() {
        let mut statistics = CallStatistics::new(Duration::from_millis(500));
        let content = RenderedContent::Text("Hi".to_owned());
        let scope = |sender| CallScope::new(Some(sender), &Address::TelegramChat(7), &content);
        let fail = |statistics: &mut CallStatistics, sender| {
            let call = statistics.begin(at(0));
            statistics.end(call, scope(sender), false, at(10));
            statistics.report(10, at(10)).failure_share
        };
        assert_eq!(fail(&mut statistics, "acme"), 0.0);
        let share = (0..9).map(|_| fail(&mut statistics, "acme")).last().unwrap();
        assert!(share > 0.5, "{share}");
        fail(&mut statistics, "globex");
        statistics.forgive(&HealthCell::Sender("acme".to_owned()));
        assert_eq!(statistics.report(10, at(10)).failure_share, 0.0);
    }
}
