//! Times and durations on the command line.

use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use crate::model::Timestamp;
use crate::wire;

/// A time on the command line: RFC 3339, or how far from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeArgument {
    At(Timestamp),
    Away(Duration),
}

impl FromStr for TimeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let must =
            "must be a time such as 2026-03-01T09:00:00Z, or how far away it is, such as 10m, 2h or 3d";
        duration(text).map(Self::Away).map_err(|_| must.to_owned())
    }
}

impl TimeArgument {
    /// The time that is `self` after `now`.
    pub(super) fn after(self, now: Timestamp) -> prost_types::Timestamp {
        wire::timestamp(match self {
            Self::At(time) => time,
            Self::Away(span) => now.saturating_add(span).unwrap_or(Timestamp::MAX),
        })
    }

    /// The time that is `self` before `now`.
    pub(super) fn before(self, now: Timestamp) -> prost_types::Timestamp {
        wire::timestamp(match self {
            Self::At(time) => time,
            Self::Away(span) => now.saturating_sub(span).unwrap_or(Timestamp::MIN),
        })
    }
}

/// Reads a duration such as `500ms`, `10s`, `2h`, `1h 30m` or `3d`; a day has 24 hours here.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let read = || -> Result<Duration, jiff::Error> {
        let span: Span = text.parse()?;
        span.to_duration(SpanRelativeTo::days_are_24_hours())?.try_into()
    };
    let must = || "must be a duration such as 500ms, 10s, 2h or 3d".to_owned();
    let duration = read().map_err(|_| must())?;
    if duration.is_zero() { Err(must()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let seconds =
            |text: &str| text.parse::<TimeArgument>().map(|when| when.after(now).seconds - now.as_second());
        assert_eq!(seconds("2026-03-01T10:00:00+01:00"), Ok(0));
        assert_eq!(seconds("10m"), Ok(600));
        assert_eq!(seconds("1h 30m"), Ok(5_400));
        assert_eq!(seconds("3d"), Ok(3 * 86_400));
        assert_eq!("2h".parse::<TimeArgument>().unwrap().before(now).seconds - now.as_second(), -7_200);
        for text in ["", "tomorrow", "10", "-5m", "1mo", "2026-03-01", "0s"] {
            assert!(text.parse::<TimeArgument>().is_err(), "{text}");
        }
    }
}
