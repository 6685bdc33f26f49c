//! Counts what happened in the seeds, so that a simulation in which nothing goes wrong fails.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// How often each kind of event occurred, by its name.
#[derive(Debug, Default, Clone)]
pub struct Tally(pub BTreeMap<String, u64>);

impl Tally {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub fn assert_every_event_occurred(&self) {
        let must = [
            "state delivered",
            "state read",
            "state sent",
            "state failed",
            "state suppressed",
            "state expired",
            "state cancelled",
            "state in doubt",
            "outcome sent",
            "outcome rejected",
            "outcome throttled",
            "outcome unavailable",
            "outcome misconfigured",
            "outcome unknown",
            "recorded ahead and not called",
            "fell back",
            "receipt",
            "crash",
            "the calendar was set",
            "a grant claimed a time to come",
            "disk failed before an append",
            "disk failed after an append",
            "disk failed after a receipt",
            "disk failed after a text",
            "stopped by a text",
            "stopped in another spelling",
            "started by a text",
            "a text told again",
            "suppressed for manual",
            "suppressed for complaint",
            "suppressed for bad_address",
            "a reason was lifted",
            "a lift was refused",
            "duplicate accepted once",
            "a repeat was known",
            "waited for breaker_open",
            "waited for quiet_hours",
            "waited for in_doubt",
            "waited for busy",
            "waited for throttled",
            "fault slow",
            "fault silent",
            "fault limited",
            "fault half broken",
            "fault mistaken refusal",
            "fault taken and denied",
            "fault taken twice",
            "a cell of a provider was open",
        ];
        for what in must {
            assert!(self.0.contains_key(what), "never happened in any seed: {what}; it happened: {self}");
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (what, times) in other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(what, times)| format!("{what} {times}")).collect();
        f.write_str(&parts.join(", "))
    }
}
