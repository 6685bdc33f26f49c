//! The checks that the settings of several adapters share.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use super::ProviderBuildError;
use crate::model::SettingError;

/// The rule that [`is_host`] checks, for the error of a setting.
pub(super) const HOST_MUST: &str = "must be a host name or an IP address";

/// Checks a setting. `must` is what its value must be, as the error says it.
///
/// # Errors
/// [`ProviderBuildError::Setting`] when `is_valid` is false.
pub(super) fn require(
    is_valid: bool,
    setting: &'static str,
    must: &'static str,
) -> Result<(), ProviderBuildError> {
    if is_valid { Ok(()) } else { Err(ProviderBuildError::Setting { setting, must }) }
}

/// That a number lies within its bounds.
///
/// # Errors
/// When it does not: the bounds.
pub(super) fn within<T: PartialOrd + Display>(
    value: T,
    bounds: RangeInclusive<T>,
    setting: &'static str,
) -> Result<(), ProviderBuildError> {
    SettingError::out_of_bounds(setting, value, bounds).map_or(Ok(()), |error| Err(error.into()))
}

/// The longest that a provider may be said to know a repeated call: 30 days.
const MAX_REPEAT_WINDOW_MINUTES: u32 = 30 * 24 * 60;

/// How long a provider knows a repeated call, where that is agreed with it and is a setting.
///
/// # Errors
/// When it is out of its bounds. Within the last minute of it nothing is repeated, so a shorter one would be none.
pub(super) fn repeat_window(minutes: Option<u32>) -> Result<Option<Duration>, ProviderBuildError> {
    let Some(minutes) = minutes else { return Ok(None) };
    within(minutes, 2..=MAX_REPEAT_WINDOW_MINUTES, "repeat_window_minutes")?;
    Ok(Some(Duration::from_secs(u64::from(minutes) * 60)))
}

/// Whether the text has the form of a host name or an IP address, of at most 255 octets (RFC 1035, section 2.3.4).
pub(super) fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    !text.is_empty() && text.len() <= 255 && text.chars().all(allowed)
}

/// Whether the text is a URL that a provider can call back. It may carry a query, but no credentials, which would be handed
/// to the provider.
pub(super) fn is_callback(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_no_more() {
        let longest = "a".repeat(255);
        for right in ["mail.example.com", "smsc_1", "192.0.2.1", "2001:db8::1", &longest] {
            assert!(is_host(right), "{right}");
        }
        let too_long = "a".repeat(256);
        for wrong in
            ["", "two words", "mail.example.com/", "user@mail.example.com", "correo.españa", &too_long]
        {
            assert!(!is_host(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_callback_goes_to_http_without_credentials() {
        for right in ["https://relevo.example.com/twilio?a=b", "http://127.0.0.1:8080"] {
            assert!(is_callback(right), "{right}");
        }
        for wrong in
            ["", "relevo.example.com", "ftp://relevo.example.com", "https://user:word@relevo.example.com"]
        {
            assert!(!is_callback(wrong), "{wrong}");
        }
    }
}
