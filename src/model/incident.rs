//! A time in which a provider, or a cell of it, was not well.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use uuid::Uuid;

use super::{BrandId, BreakerState, ControlMode, HealthCell, IdError, ProviderName, Timestamp};

/// The id of an incident: a UUID version 7 (RFC 9562), so that ids sort by the time at which incidents began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(Uuid);

impl IncidentId {
    /// The id of the incident that began at `began_at`. `number` differs between those of one process.
    pub fn new(began_at: Timestamp, number: u64) -> Self {
        let ms = u64::try_from(began_at.as_millisecond()).unwrap_or(0);
        let mut counter = [0; 10];
        counter[2..].copy_from_slice(&number.to_be_bytes());
        Self(uuid::Builder::from_unix_timestamp_millis(ms, &counter).into_uuid())
    }

    /// Reads an id back from its sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes, whose order is the order of the ids.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IncidentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| IdError::new("must be a UUID as shown by ListIncidents"))
    }
}

/// What began an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentCause {
    /// A breaker opened.
    BreakerOpened,
    /// It failed more often than others.
    Failures,
    /// More of its calls were late than of others'.
    Late,
    /// It was slower than others.
    Slow,
    /// It took messages of which no receipt told.
    Silent,
    /// It asked again and again to be called less.
    Throttled,
    /// It refused messages more often than it used to.
    Refusals,
}

impl IncidentCause {
    /// A stable word for the cause, for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakerOpened => "breaker_opened",
            Self::Failures => "failures",
            Self::Late => "late",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Throttled => "throttled",
            Self::Refusals => "refusals",
        }
    }
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentEnd {
    /// All was well again.
    Recovered,
    /// The gateway stopped meanwhile, and knew no more of it.
    GatewayStopped,
}

/// A failure, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFailure {
    /// Its kind and the provider's code.
    pub brief: String,
    /// The same with the provider's words, which may quote what a brand sent.
    pub whole: String,
}

/// What was seen or done in an incident.
#[derive(Debug, Clone, PartialEq)]
pub enum IncidentUpdateDetail {
    /// The breaker changed.
    Breaker {
        /// Its new state.
        state: BreakerState,
        /// Why it opened, in words; empty for another state.
        reason: String,
        /// The last failure when it opened.
        failure: Option<RecordedFailure>,
    },
    /// The live weight moved.
    Weight {
        /// The part of the weight before, in `0.0..=1.0`.
        from: f64,
        /// The part after.
        to: f64,
        /// Why, in words.
        reason: String,
    },
    /// The provider asked to be called less.
    Throttled {
        /// For how long it was not called for that, within the hour before.
        paused: Duration,
    },
    /// An operator changed the control.
    Control {
        /// What was asked for.
        mode: ControlMode,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
    },
}

/// What was seen or done in an incident, once or several times.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentUpdate {
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// How many times.
    pub count: u32,
    /// What.
    pub detail: IncidentUpdateDetail,
}

/// What an incident meant for the messages of one brand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentImpact {
    /// How many messages each provider took in the place of the one in trouble.
    pub rescued: BTreeMap<ProviderName, u64>,
    /// How many of those may be second copies, because it is not known whether the provider in trouble took them too.
    pub doubled: u64,
    /// How many messages expired while the provider was left out for the incident's sake, or had failed them.
    pub expired: u64,
    /// How many messages wait for the end of the incident.
    pub waiting: u64,
}

impl IncidentImpact {
    /// How many messages other providers took.
    pub fn total_rescued(&self) -> u64 {
        self.rescued.values().sum()
    }

    /// Whether nothing happened to any message.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A time in which a provider, or a cell of it, was not well.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// The provider.
    pub provider: ProviderName,
    /// The cell that was not well; `None` for the whole provider.
    pub cell: Option<HealthCell>,
    /// What began it.
    pub cause: IncidentCause,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended, and how; `None` while it is open.
    pub ended: Option<(Timestamp, IncidentEnd)>,
    /// Up to when it is known.
    pub updated_at: Timestamp,
    /// What was seen and done: the first update, and then the newest by the time at which they were last seen.
    pub updates: Vec<IncidentUpdate>,
    /// How many updates between the first and the others were forgotten.
    pub forgotten_updates: u32,
    /// What it meant for each brand.
    pub impacts: BTreeMap<BrandId, IncidentImpact>,
}

impl Incident {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// The sum over all brands.
    pub fn whole_impact(&self) -> IncidentImpact {
        let mut whole = IncidentImpact::default();
        for impact in self.impacts.values() {
            for (provider, count) in &impact.rescued {
                *whole.rescued.entry(provider.clone()).or_default() += count;
            }
            whole.doubled += impact.doubled;
            whole.expired += impact.expired;
            whole.waiting += impact.waiting;
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_then_by_number_and_are_read_back() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let ids = [
            IncidentId::new(at(5), 7),
            IncidentId::new(at(6), 1),
            IncidentId::new(at(6), 2),
            IncidentId::new(at(6), 300),
        ];
        assert!(ids.is_sorted_by(|one, next| one < next));
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(IncidentId::from_bytes(*id.as_bytes()), id);
        }
        assert!("".parse::<IncidentId>().is_err());
    }
}
