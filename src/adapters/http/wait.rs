//! The wait that a provider asks for before the next call.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::header::header_text;
use crate::adapters::error_meaning::MAX_RETRY_AFTER;
use crate::model::Timestamp;

/// The wait of a `Retry-After` header, in seconds or until a date (RFC 9110, section 10.2.3), at most [`MAX_RETRY_AFTER`]. A date is
/// one of the provider's clock, so it is held against the date of the answer, and against `now` only where there is none.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = header_text(headers, RETRY_AFTER.as_str())?;
    parse_retry_seconds(value).or_else(|| duration_until_http_date(value, answered_at(headers, now)))
}

/// When the provider answered by its own clock (RFC 9110, section 6.6.1), or `now` where it does not say.
pub(super) fn answered_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    header_text(headers, DATE.as_str()).and_then(parse_http_date).unwrap_or(now)
}

/// The wait of so many seconds, at most [`MAX_RETRY_AFTER`].
pub(in crate::adapters) fn parse_retry_seconds(text: &str) -> Option<Duration> {
    Some(Duration::from_secs(text.parse().ok()?).min(MAX_RETRY_AFTER))
}

/// The time from `now` until a date of HTTP (RFC 9110, section 5.6.7), at most [`MAX_RETRY_AFTER`].
pub(in crate::adapters) fn duration_until_http_date(date: &str, now: Timestamp) -> Option<Duration> {
    Some(duration_until(parse_http_date(date)?, now))
}

fn parse_http_date(date: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(date).ok()
}

/// The time from `now` until a moment, at most [`MAX_RETRY_AFTER`]; none when it is past.
pub(in crate::adapters) fn duration_until(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(now)).unwrap_or(Duration::ZERO).min(MAX_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(header: &str) -> Option<u64> {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, header.parse().unwrap())]);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_capped() {
        for (header, seconds) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("99999999", Some(3_600)),
            ("Sun, 22 Nov 2026 10:01:30 GMT", Some(90)),
            ("Sun, 22 Nov 2026 09:00:00 GMT", Some(0)),
            ("Mon, 23 Nov 2026 10:00:00 GMT", Some(3_600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(header), seconds, "{header}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_date_is_held_against_that_of_the_answer_whatever_our_clock_says() {
        let (date, until) = ("Sun, 22 Nov 2026 10:00:00 GMT", "Sun, 22 Nov 2026 10:00:05 GMT");
        let headers = HeaderMap::from_iter(
            [(DATE, date), (RETRY_AFTER, until)].map(|(name, value)| (name, value.parse().unwrap())),
        );
        for now in ["2026-11-22T09:00:00Z", "2026-11-22T11:00:00Z"] {
            assert_eq!(retry_after(&headers, now.parse().unwrap()), Some(Duration::from_secs(5)), "{now}");
        }
    }
}
