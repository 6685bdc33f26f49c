//! The figures of a record.

use relevo::wire::v1::MessageState;

use crate::record::{MessageRecord, Record};
use crate::servers::CallResult;

/// What counts as in time, in seconds.
const IN_TIME: f64 = 1.0;

/// A provider is left when less than the one share of a window's calls goes to it, and the other share of its messages is taken
/// in time, in percent.
const LEFT: f64 = 10.0;
const FLOWING: f64 = 95.0;

/// The share of messages that come within a second while all is well, in percent, and how late one may be sent, in seconds.
const HEALTHY: f64 = 99.0;
const LATE: f64 = 0.1;

/// The step in which times are found, and the window in which calls are counted, in seconds.
const STEP: f64 = 0.25;
const WINDOW: f64 = 1.5;

/// From when to when, in seconds.
pub type Window = (f64, f64);

impl Record {
    /// The time of the trouble.
    pub fn troubled(&self) -> Window {
        (self.span.from, self.span.until)
    }

    /// The time of the trouble, without so many seconds at its beginning.
    pub fn troubled_after(&self, seconds: f64) -> Window {
        ((self.span.from + seconds).min(self.span.until), self.span.until)
    }

    /// The messages that were planned in a window.
    pub fn planned_in(&self, (from, until): Window) -> impl Iterator<Item = &MessageRecord> {
        self.messages.iter().filter(move |message| (from..until).contains(&message.planned.at))
    }

    /// The share of the messages planned in a window that were taken within a second, in percent; of those for which
    /// `is_meant` is true.
    pub fn in_time(&self, window: Window, is_meant: impl Fn(&MessageRecord) -> bool) -> f64 {
        let meant: Vec<_> = self.planned_in(window).filter(|message| is_meant(message)).collect();
        let in_time = meant.iter().filter(|message| message.latency() <= IN_TIME).count();
        percent(in_time, meant.len())
    }

    /// The longest time that a message planned in a window waited until it was taken, in seconds.
    pub fn longest(&self, window: Window) -> f64 {
        let known = |message: &MessageRecord| Some(message.latency()).filter(|latency| latency.is_finite());
        self.planned_in(window).filter_map(known).fold(0.0, f64::max)
    }

    /// The share of the calls of a window that went to a provider, in percent.
    pub fn share(&self, provider: usize, window: Window) -> f64 {
        let calls = |at: usize| self.calls_in(at, window);
        percent(calls(provider), (0..self.providers.len()).map(calls).sum())
    }

    fn calls_in(&self, provider: usize, (from, until): Window) -> usize {
        let calls = &self.providers[provider].calls;
        calls.iter().filter(|call| (from..until).contains(&call.came)).count()
    }

    /// How long after the trouble began a provider was left, in seconds; `None` when it never was. It is left when hardly a call
    /// goes there, and no message waits for it to be free either.
    pub fn left_after(&self, provider: usize) -> Option<f64> {
        let (from, until) = self.troubled();
        let is_left = |&at: &f64| {
            let window = (at, at + WINDOW);
            self.share(provider, window) < LEFT && self.in_time(window, |_| true) >= FLOWING
        };
        steps(from, until - WINDOW).find(is_left).map(|at| at - from)
    }

    /// How long after the trouble ended a provider had half of its share back, in seconds; `None` when it never had.
    pub fn back_after(&self, provider: usize) -> Option<f64> {
        let usual = self.share(provider, (self.span.began, self.span.from));
        let is_back = |&at: &f64| self.share(provider, (at, at + WINDOW)) >= usual / 2.0;
        steps(self.span.until, self.span.ended - WINDOW).find(is_back).map(|at| at - self.span.until)
    }

    /// How many messages were taken more than once; of those for which `is_meant` is true.
    pub fn doubled(&self, is_meant: impl Fn(&MessageRecord) -> bool) -> usize {
        self.messages.iter().filter(|message| message.taken.len() > 1 && is_meant(message)).count()
    }

    /// How many messages are in this state.
    pub fn in_state(&self, state: MessageState) -> usize {
        self.messages.iter().filter(|message| message.state == Some(state)).count()
    }

    /// How many messages have not ended.
    pub fn unfinished(&self) -> usize {
        use MessageState as State;
        [State::Accepted, State::Waiting, State::Sending].map(|state| self.in_state(state)).iter().sum()
    }

    /// How many calls of a provider ended so.
    pub fn calls(&self, provider: usize, result: CallResult) -> usize {
        self.providers[provider].calls.iter().filter(|call| call.result == result).count()
    }

    /// How many messages waited at a time.
    pub fn waiting_at(&self, time: f64) -> usize {
        self.messages.iter().filter(|message| message.waits_at(time)).count()
    }

    /// How many messages were taken a second within a window.
    pub fn taken_rate(&self, (from, until): Window) -> f64 {
        let taken = self.messages.iter().filter_map(MessageRecord::first_taken);
        taken.filter(|at| (from..until).contains(at)).count() as f64 / (until - from)
    }

    /// Of the pairs of messages of one brand with more than a second between them, the share of which the older was taken first, in
    /// percent; among messages for which `is_meant` is true.
    pub fn ordered_pairs(&self, is_meant: impl Fn(&MessageRecord) -> bool) -> f64 {
        let times = |message: &MessageRecord| {
            Some((message.planned.at, message.first_taken()?, message.planned.brand))
        };
        let taken: Vec<(f64, f64, usize)> =
            self.messages.iter().filter(|message| is_meant(message)).filter_map(times).collect();
        let (mut ordered, mut all) = (0, 0);
        for (at, older) in taken.iter().enumerate() {
            let is_newer = |newer: &&(f64, f64, usize)| newer.0 - older.0 > 1.0 && newer.2 == older.2;
            for newer in taken[at..].iter().filter(is_newer) {
                all += 1;
                ordered += usize::from(older.1 <= newer.1);
            }
        }
        percent(ordered, all)
    }

    /// Whether the machine had too much else to do for the figures to count, in words: the messages themselves were sent late, or
    /// did not come within a second while all was well.
    pub fn busy(&self) -> Option<String> {
        let late = self.messages.iter().filter(|message| message.planned.late > LATE).count();
        let late = percent(late, self.messages.len());
        let healthy = self.in_time((self.span.began, self.span.from), |_| true);
        let say = |what: String| Some(format!("the machine is busy: {what}"));
        match () {
            () if healthy < HEALTHY => say(format!("{healthy:.0} % within 1 s before the trouble")),
            () if late > 100.0 - HEALTHY => say(format!("{late:.0} % of the messages were sent late")),
            () => None,
        }
    }

    /// Acknowledged messages that the gateway does not list, or that say that they were sent and that no provider took.
    pub fn lost(&self) -> usize {
        let is_lost = |message: &&MessageRecord| {
            message.planned.id.is_some()
                && (message.state.is_none() || message.says_sent() && message.taken.is_empty())
        };
        self.messages.iter().filter(is_lost).count()
    }
}

/// So many of all in percent; all of nothing is 100.
pub fn percent(count: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { 100.0 * count as f64 / all as f64 }
}

fn steps(from: f64, until: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(from), |at| Some(at + STEP)).take_while(move |at| *at <= until)
}
