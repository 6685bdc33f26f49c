//! Calls signed by Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;

use super::{Algorithm, Call, HookError, is_signed};
use crate::model::Timestamp;
use crate::secret::Secret;

/// How far a call's time may be from ours, either way: what the specification's own verifiers allow.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Checks calls by one secret.
pub(in crate::adapters) struct StandardWebhooks {
    key: Vec<u8>,
}

impl StandardWebhooks {
    /// Checks by this secret, if it is one.
    pub fn new(secret: &Secret) -> Option<Self> {
        Self::key(secret).map(|key| Self { key })
    }

    /// The key that a secret holds: `whsec_` and 24 to 64 bytes in base64, as the specification says.
    pub fn key(secret: &Secret) -> Option<Vec<u8>> {
        let key = STANDARD.decode(secret.expose().strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&key.len()).then_some(key)
    }

    /// Lets a call through that is signed and of now.
    ///
    /// # Errors
    /// `Forged` for every other one.
    pub fn admits(&self, call: &Call<'_>) -> Result<(), HookError> {
        let forged = HookError::Forged("webhook-signature is not by the secret of the configuration");
        let headers = (call.header("webhook-id"), call.header("webhook-timestamp"), call.body);
        let (Some(id), Some(timestamp), Some(body)) = headers else { return Err(forged) };
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        // While a secret is being changed there are several.
        let signatures = call.header("webhook-signature").unwrap_or_default().split(' ');
        let mut given = signatures.filter_map(|own| STANDARD.decode(own.strip_prefix("v1,")?).ok());
        if !given.any(|own| is_signed(Algorithm::HmacSha256, &self.key, &parts, &own)) {
            return Err(forged);
        }
        let signed_at = timestamp.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        if signed_at.is_some_and(|then| call.now.duration_since(then).abs() <= MAX_SKEW) {
            Ok(())
        } else {
            Err(HookError::Forged("webhook-timestamp is more than five minutes off"))
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const AT: i64 = 1_614_265_330;

    fn admits(secret: &str, id: &str, timestamp: &str, signature: &str, body: &str, now: i64) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
        {
            headers.insert(name, value.parse().unwrap());
        }
        let now = Timestamp::from_second(now).unwrap();
        let call = Call { url: "", query: "", headers: &headers, body: Some(body.as_bytes()), now };
        StandardWebhooks::new(&Secret::new(secret)).unwrap().admits(&call).is_ok()
    }

    #[test]
    fn the_published_example_is_let_through_and_nothing_that_was_changed() {
        let at = AT.to_string();
        assert!(admits(SECRET, ID, &at, SIGNATURE, BODY, AT));
        let several = format!("v1,AAAA v1a,x {SIGNATURE}");
        assert!(admits(SECRET, ID, &at, &several, BODY, AT), "one of several does");
        let other = SECRET.replace('9', "8");
        for (secret, id, timestamp, signature, body) in [
            (SECRET, "msg_1", at.as_str(), SIGNATURE, BODY),
            (SECRET, ID, "1614265331", SIGNATURE, BODY),
            (SECRET, ID, "", SIGNATURE, BODY),
            (SECRET, ID, &at, &SIGNATURE[3..], BODY),
            (SECRET, ID, &at, "v1,", BODY),
            (SECRET, ID, &at, "", BODY),
            (SECRET, ID, &at, SIGNATURE, r#"{"test":2432232314}"#),
            (&other, ID, &at, SIGNATURE, BODY),
        ] {
            assert!(
                !admits(secret, id, timestamp, signature, body, AT),
                "{id} {timestamp} {signature} {body}"
            );
        }
    }

    #[test]
    fn a_call_is_of_now() {
        let at = AT.to_string();
        for (now, expected) in [(AT + 300, true), (AT - 300, true), (AT + 301, false), (AT - 301, false)] {
            assert_eq!(admits(SECRET, ID, &at, SIGNATURE, BODY, now), expected, "{now}");
        }
    }
}
