//! Lines that repeat others. What fails a thousand times a second is told when it begins, and then once an interval with how
//! often it was.
//!
//! # How it works
//!
//! Lines are of one kind when they come from one place in the code and are about one provider, brand, key, code, reason, and so on
//! ([`line::KIND_FIELDS`]). The first ones of a kind within an interval are written, and the others counted. When the interval is over,
//! a summary tells the count, with a few examples of what differed ([`line::EXAMPLE_FIELDS`]). While there are summaries to tell, the
//! kind has nothing but them; an interval without a line ends that.
//!
//! # What is never left out
//!
//! Lines of one kind never count against those of another. At `info` a line about one message or one person is no repeat, however many
//! there are: the log has one for each by design. At `debug` an operator looks at every step.

mod line;
mod summary;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use line::{LineKind, RepeatableLine};
use summary::{HeldLines, RepeatSummary};

/// The kinds that are counted apart. Beyond them lines of one place in the code are one kind.
const MAX_KINDS: usize = 1_024;

/// Leaves out lines that repeat others. Clones share what they counted.
#[derive(Clone)]
pub(super) struct RepeatFilter(Arc<Mutex<RepeatCounter>>);

/// Counts the lines of each kind.
struct RepeatCounter {
    max_repeats: u32,
    interval: Duration,
    windows: HashMap<LineKind, RepeatWindow>,
}

/// The lines of one kind in one interval.
struct RepeatWindow {
    since: Instant,
    /// How many more are written.
    left: u32,
    /// Those left out.
    held: Option<HeldLines>,
}

impl RepeatFilter {
    /// A filter that lets `max_repeats` lines of a kind pass in each interval.
    pub(super) fn new(max_repeats: u32, interval: Duration) -> Self {
        Self(Arc::new(Mutex::new(RepeatCounter { max_repeats, interval, windows: HashMap::new() })))
    }

    /// What was left out in the intervals that are over by now.
    pub(super) fn take_due(&self, now: Instant) -> Vec<RepeatSummary> {
        let mut counter = self.counter();
        let interval = counter.interval;
        counter.take(now, interval)
    }

    /// All that was left out and not yet told.
    pub(super) fn take_all(&self, now: Instant) -> Vec<RepeatSummary> {
        self.counter().take(now, Duration::ZERO)
    }

    fn counter(&self) -> MutexGuard<'_, RepeatCounter> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for RepeatFilter {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if !line::is_repeatable(event.metadata()) {
            return true;
        }
        // Before the lock: what a value prints is other code.
        let line = RepeatableLine::read(event);
        self.counter().admit(line, Instant::now())
    }
}

impl RepeatCounter {
    /// Whether a line is to be written; else it is counted.
    fn admit(&mut self, line: RepeatableLine, now: Instant) -> bool {
        let mut kind = line.kind.clone();
        if self.windows.len() >= MAX_KINDS && !self.windows.contains_key(&kind) {
            kind.fields = Default::default();
        }
        let left = self.max_repeats;
        let window = self.windows.entry(kind).or_insert(RepeatWindow { since: now, left, held: None });
        if window.held.is_none() && now.duration_since(window.since) >= self.interval {
            *window = RepeatWindow { since: now, left, held: None };
        }
        if window.left > 0 {
            window.left -= 1;
            return true;
        }
        window.held.get_or_insert_with(|| HeldLines::like(&line)).add(line);
        false
    }

    /// Takes what was left out since `min_age` or longer. A kind of which nothing was left out in that time begins anew.
    fn take(&mut self, now: Instant, min_age: Duration) -> Vec<RepeatSummary> {
        let mut summaries = Vec::new();
        self.windows.retain(|kind, window| {
            let age = now.duration_since(window.since);
            if age < min_age {
                return true;
            }
            let Some(held) = window.held.take() else { return false };
            *window = RepeatWindow { since: now, left: 0, held: None };
            summaries.push(held.into_summary(kind.clone(), age));
            true
        });
        summaries
    }
}

#[cfg(test)]
mod tests;
