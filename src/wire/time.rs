//! Times, to the millisecond, and durations.

use std::time::Duration;

use super::{FieldPath, Violations};
use crate::model::Timestamp;

/// A time as protobuf; what is below a millisecond is dropped.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let ms = time.as_millisecond();
    // The remainder lies in 0..1000, so it fits.
    prost_types::Timestamp { seconds: ms.div_euclid(1000), nanos: ms.rem_euclid(1000) as i32 * 1_000_000 }
}

/// A duration as protobuf, at most the 10,000 years that protobuf allows.
pub fn duration(duration: Duration) -> prost_types::Duration {
    const MAX_SECONDS: i64 = 315_576_000_000;
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(MAX_SECONDS).min(MAX_SECONDS);
    // Below a thousand million, so it fits.
    prost_types::Duration { seconds, nanos: duration.subsec_nanos() as i32 }
}

/// Reads a required time; what is below a millisecond is dropped.
pub fn read_time(
    time: Option<prost_types::Timestamp>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    violations.required(time, path)?;
    read_optional_time(time, path, violations)
}

/// Reads a time that may be absent.
pub fn read_optional_time(
    time: Option<prost_types::Timestamp>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    let time = time?;
    let read = to_milliseconds(time).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    if read.is_none() {
        violations.add(path, "must be a time between the years 1 and 9999, with nanos from 0 to 999999999");
    }
    read
}

fn to_milliseconds(time: prost_types::Timestamp) -> Option<i64> {
    // 0001-01-01T00:00:00Z, the first time that protobuf allows.
    const FIRST: i64 = -62_135_596_800;
    if time.seconds < FIRST || !(0..1_000_000_000).contains(&time.nanos) {
        return None;
    }
    time.seconds.checked_mul(1000)?.checked_add(i64::from(time.nanos / 1_000_000))
}

/// Reads a required duration, which must not be negative.
pub fn read_duration(
    duration: Option<prost_types::Duration>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Duration> {
    violations.required(duration, path)?;
    read_optional_duration(duration, path, violations)
}

/// Reads a duration that may be absent, and must not be negative.
pub fn read_optional_duration(
    duration: Option<prost_types::Duration>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Duration> {
    let duration = duration?;
    let parts = (u64::try_from(duration.seconds), u32::try_from(duration.nanos));
    match parts {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Some(Duration::new(seconds, nanos)),
        _ => {
            violations.add(path, "must be a duration of 0 or more, with nanos from 0 to 999999999");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_round_down() {
        let time: Timestamp = "1969-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(timestamp(time), prost_types::Timestamp { seconds: 0, nanos: 0 });
        let time: Timestamp = "1969-12-31T23:59:58.250Z".parse().unwrap();
        assert_eq!(timestamp(time), prost_types::Timestamp { seconds: -2, nanos: 250_000_000 });
    }

    #[test]
    fn impossible_times_and_durations_are_refused() {
        let path = FieldPath::new("time");
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            let mut violations = Violations::default();
            let time = prost_types::Timestamp { seconds, nanos };
            assert_eq!(read_time(Some(time), &path, &mut violations), None, "{seconds} {nanos}");
            assert!(!violations.is_empty());
        }
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, i32::MAX)] {
            let mut violations = Violations::default();
            let duration = prost_types::Duration { seconds, nanos };
            assert_eq!(read_duration(Some(duration), &path, &mut violations), None, "{seconds} {nanos}");
            assert!(!violations.is_empty());
        }
    }
}
