//! The credentials and the client reference that Vonage's APIs share.

use crate::adapters::{Envelope, ProviderBuildError};
use crate::secret::Secret;

/// The longest reference that Vonage takes: with a longer one it refuses the message.
const MAX_REFERENCE_CHARS: usize = 100;

/// Checks an account's credentials.
///
/// # Errors
/// When one of them cannot be right.
pub(in crate::adapters) fn check_credentials(
    api_key: &str,
    api_secret: &Secret,
    signature_secret: Option<&Secret>,
) -> Result<(), ProviderBuildError> {
    if api_key.len() != 8 || !api_key.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let must = "must be the account's API key: eight letters and digits";
        return Err(ProviderBuildError::Setting { setting: "api_key", must });
    }
    if api_secret.expose().is_empty() {
        return Err(ProviderBuildError::Setting { setting: "api_secret", must: "must not be empty" });
    }
    if signature_secret.is_some_and(|secret| secret.expose().is_empty()) {
        let must = "must not be empty; leave it out to take no webhooks";
        return Err(ProviderBuildError::Setting { setting: "signature_secret", must });
    }
    Ok(())
}

/// The client reference of a message, its echo, which comes back with its reports. `None` where the name of the brand is so
/// long that Vonage would not take it: reports on such messages are found by the message's id alone.
pub(in crate::adapters) fn client_reference(envelope: &Envelope) -> Option<String> {
    Some(envelope.echo().to_string()).filter(|echo| echo.len() <= MAX_REFERENCE_CHARS)
}
