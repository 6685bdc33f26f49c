//! Lines that were left out, while they are counted and as they are told.

use std::time::Duration;

use tracing::Level;

use super::line::{EXAMPLE_FIELDS, KIND_FIELDS, LineKind, RepeatableLine};
use crate::telemetry::told::TARGET;

/// The values of one field that a summary shows.
const MAX_EXAMPLES: usize = 4;

/// Lines of a kind that were left out and are not yet told.
pub(super) struct HeldLines {
    level: Level,
    message: String,
    lines: u64,
    examples: [Examples; EXAMPLE_FIELDS.len()],
}

/// How many lines of a kind were left out, and what they said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RepeatSummary {
    kind: LineKind,
    /// Their level.
    pub(super) level: Level,
    /// Their sentence.
    pub(super) message: String,
    /// How many there were.
    pub(super) lines: u64,
    /// In how long.
    pub(super) interval: Duration,
    examples: [Examples; EXAMPLE_FIELDS.len()],
}

/// Some of the values of a field.
#[derive(Debug, Default, PartialEq, Eq)]
struct Examples {
    values: Vec<String>,
    has_more: bool,
}

impl HeldLines {
    /// No lines yet, of the level and the sentence of this one.
    pub(super) fn like(line: &RepeatableLine) -> Self {
        let (level, message) = (line.level, line.message.clone());
        Self { level, message, lines: 0, examples: Default::default() }
    }

    /// Counts a line.
    pub(super) fn add(&mut self, line: RepeatableLine) {
        self.lines += 1;
        for (kept, value) in self.examples.iter_mut().zip(line.examples) {
            kept.add(value);
        }
    }

    /// The summary of these lines of `kind`, which came within `interval`.
    pub(super) fn into_summary(self, kind: LineKind, interval: Duration) -> RepeatSummary {
        let Self { level, message, lines, examples } = self;
        RepeatSummary { kind, level, message, lines, interval, examples }
    }
}

impl Examples {
    fn add(&mut self, value: Option<String>) {
        let Some(value) = value.filter(|value| !self.values.contains(value)) else { return };
        if self.values.len() < MAX_EXAMPLES {
            self.values.push(value);
        } else {
            self.has_more = true;
        }
    }
}

impl RepeatSummary {
    /// The value of a field that is the same for all of the lines.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.kind.fields[KIND_FIELDS.iter().position(|known| *known == name)?].as_deref()
    }

    /// Some of the values of a field that may differ, with commas between; `None` when there are none.
    pub(super) fn examples(&self, name: &str) -> Option<String> {
        let Examples { values, has_more } =
            &self.examples[EXAMPLE_FIELDS.iter().position(|known| *known == name)?];
        let more = if *has_more { ", ..." } else { "" };
        (!values.is_empty()).then(|| values.join(", ") + more)
    }

    /// Logs the summary, at the level of the lines.
    pub(crate) fn log(&self) {
        macro_rules! log_at {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    lines = self.lines,
                    interval_ms = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX),
                    repeated = self.message,
                    provider.name = self.field("provider.name"),
                    brand.id = self.field("brand.id"),
                    key.id = self.field("key.id"),
                    code = self.field("code"),
                    reason = self.field("reason"),
                    state = self.field("state"),
                    smsc = self.field("smsc"),
                    source = self.field("log.target"),
                    method = self.examples("method"),
                    peer.network = self.examples("peer.network"),
                    message.id = self.examples("message.id"),
                    error = self.examples("error"),
                    "lines like others shortly before were counted and left out"
                )
            };
        }
        match self.level {
            Level::ERROR => log_at!(error),
            Level::WARN => log_at!(warn),
            _ => log_at!(info),
        }
    }
}
