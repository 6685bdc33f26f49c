//! A provider with a limit, and a sender that always has more to send, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::AdaptiveRate;
use crate::model::MonotonicTime;

/// How a provider counts.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// A bucket of so many tokens, full at first.
    Bucket { tokens: f64 },
    /// So many calls in each second of its clock.
    Window,
}

/// What a provider answers to a call too many.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// Nothing but that.
    Plain,
    /// When to come back, in whole seconds.
    RetryAfter,
}

/// A sender and a provider.
#[derive(Debug)]
pub struct Simulation {
    /// Calls a second that the provider takes.
    pub rate: f64,
    pub limit: Limit,
    pub answer: Answer,
    /// From a call to its answer, in seconds.
    pub latency: f64,
    /// How many calls may be under way.
    pub concurrency: usize,
    learned: AdaptiveRate,
    now: f64,
    paused_until: f64,
    last_call: f64,
    tokens: f64,
    counted_at: f64,
    /// The calls under way: when each is answered, when it began, and how long to wait where it was refused; in microseconds.
    answers: BinaryHeap<Reverse<(u64, u64, Option<u64>)>>,
}

/// What came of the calls of a while.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub taken: f64,
    pub refused: f64,
}

impl Simulation {
    pub fn new(rate: f64, limit: Limit, answer: Answer, latency: f64, concurrency: usize) -> Self {
        let tokens = match limit {
            Limit::Bucket { tokens } => tokens,
            Limit::Window => rate,
        };
        Self {
            rate,
            limit,
            answer,
            latency,
            concurrency,
            learned: AdaptiveRate::default(),
            now: 0.0,
            paused_until: 0.0,
            last_call: -1.0,
            tokens,
            counted_at: 0.0,
            answers: BinaryHeap::new(),
        }
    }

    /// Sends for so many seconds, as fast as it may.
    pub fn run(&mut self, seconds: f64) -> Tally {
        let (end, mut tally) = (self.now + seconds, Tally::default());
        loop {
            let answered = self.answers.peek().map_or(f64::INFINITY, |Reverse((at, ..))| *at as f64 / 1e6);
            let call = self.next_call();
            if answered.min(call) > end {
                self.now = end;
                return tally;
            }
            if call < answered {
                self.call(call);
            } else if let Some(Reverse((_, began, wait))) = self.answers.pop() {
                self.now = answered;
                self.answered(began, wait, &mut tally);
            }
        }
    }

    fn next_call(&mut self) -> f64 {
        if self.answers.len() >= self.concurrency {
            return f64::INFINITY;
        }
        let interval = self.learned.per_second(moment(self.now)).map_or(0.0, |rate| 1.0 / rate);
        self.now.max(self.paused_until).max(self.last_call + interval)
    }

    fn call(&mut self, at: f64) {
        (self.now, self.last_call) = (at, at);
        let wait = self.judge(at);
        self.answers.push(Reverse((micros(at + self.latency), micros(at), wait)));
    }

    /// How long the provider lets a call wait that it refuses; `None` when it takes it.
    fn judge(&mut self, at: f64) -> Option<u64> {
        match self.limit {
            Limit::Bucket { tokens } => {
                self.tokens = (self.tokens + (at - self.counted_at).max(0.0) * self.rate).min(tokens);
            }
            Limit::Window if at.floor() > self.counted_at.floor() => self.tokens = self.rate,
            Limit::Window => {}
        }
        self.counted_at = self.counted_at.max(at);
        if self.tokens >= 0.999_999 {
            self.tokens -= 1.0;
            return None;
        }
        Some(match self.answer {
            Answer::Plain => 1_000_000,
            Answer::RetryAfter => micros(((1.0 - self.tokens) / self.rate).ceil().max(1.0)),
        })
    }

    fn answered(&mut self, began: u64, wait: Option<u64>, tally: &mut Tally) {
        let (began, now) = (MonotonicTime::from_origin(Duration::from_micros(began)), moment(self.now));
        match wait {
            None => {
                tally.taken += 1.0;
                self.learned.taken(began, now);
            }
            Some(wait) => {
                tally.refused += 1.0;
                self.paused_until = self.paused_until.max(self.now + wait as f64 / 1e6);
                let in_flight = u32::try_from(self.answers.len()).unwrap();
                self.learned.refused(began, Duration::from_micros(wait), in_flight, now);
            }
        }
    }
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

fn moment(seconds: f64) -> MonotonicTime {
    MonotonicTime::from_origin(Duration::from_micros(micros(seconds)))
}
