//! What happened in a trial: as its callers planned it, as the providers saw it, and as the gateway tells it.

use relevo::wire::v1::MessageState;

use crate::load::Planned;
use crate::servers::{Call, CallResult};

/// Everything that happened.
#[derive(Debug)]
pub struct Record {
    /// The messages, in the order in which they were planned.
    pub messages: Vec<MessageRecord>,
    /// The providers, in the order of the configuration.
    pub providers: Vec<ProviderRecord>,
    /// When the trouble was.
    pub span: Span,
}

/// The moments of a trial, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// When the first message was planned.
    pub began: f64,
    /// When the trouble began.
    pub from: f64,
    /// When it ended.
    pub until: f64,
    /// When the last message was planned.
    pub ended: f64,
}

/// A message.
#[derive(Debug)]
pub struct MessageRecord {
    /// What was planned.
    pub planned: Planned,
    /// Its state in the end, by the gateway; `None` when the gateway does not list it.
    pub state: Option<MessageState>,
    /// When it was taken, and by which provider: its place in [`Record::providers`].
    pub taken: Vec<(usize, f64)>,
    /// When its person got it.
    pub arrived: Vec<f64>,
}

/// A provider.
#[derive(Debug)]
pub struct ProviderRecord {
    /// Its name.
    pub name: &'static str,
    /// Its calls, in the order in which they were decided.
    pub calls: Vec<Call>,
}

impl MessageRecord {
    /// Adds a call of a provider.
    pub fn add(&mut self, provider: usize, call: Call) {
        if call.result == CallResult::Taken {
            self.taken.push((provider, call.decided));
            self.taken.sort_by(|one, other| one.1.total_cmp(&other.1));
        }
    }

    /// When it was first taken.
    pub fn first_taken(&self) -> Option<f64> {
        self.taken.first().map(|taken| taken.1)
    }

    /// How long after it was planned it was first taken, in seconds; without end for one that never was.
    pub fn latency(&self) -> f64 {
        self.first_taken().map_or(f64::INFINITY, |taken| taken - self.planned.at)
    }

    /// Whether it waits at this time: it was planned, and is neither taken nor expired yet.
    pub fn waits_at(&self, time: f64) -> bool {
        (self.planned.at..self.planned.expires).contains(&time)
            && self.first_taken().is_none_or(|taken| taken > time)
    }

    /// Whether it says that it was sent.
    pub fn says_sent(&self) -> bool {
        use MessageState as State;
        matches!(self.state, Some(State::Sent | State::Delivered | State::Read))
    }
}
