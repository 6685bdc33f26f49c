//! The time that a caller gives its call, by the header `grpc-timeout`.

use std::time::Duration;

use hyper::HeaderMap;

/// The time in the headers of a call; `None` when it has none, or none that can be read: at most 8 digits and a unit, `H`, `M`,
/// `S`, `m`, `u` or `n` ("gRPC over HTTP2", Requests).
pub fn timeout_in(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_nothing_else() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            timeout_in(&headers)
        };
        for (text, seconds) in
            [("2H", 7_200.0), ("3M", 180.0), ("4S", 4.0), ("5m", 0.005), ("6u", 6e-6), ("7n", 7e-9)]
        {
            assert_eq!(read(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for text in ["", "S", "1", "-1S", "+1S", "1.5S", "123456789S", "1s", "1ñ"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(timeout_in(&HeaderMap::new()), None);
    }
}
