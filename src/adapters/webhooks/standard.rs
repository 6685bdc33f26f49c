//! Signatures by Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md), which
//! are those of Svix with another prefix before the names of the headers.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use ring::hmac;

use super::signature::{constant_time_eq, is_recent};
use super::{WebhookError, WebhookRequest};
use crate::model::Timestamp;
use crate::secret::Secret;

/// How long a signature holds: what the specification's own libraries and Svix's allow.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// A key that signs webhook requests, and checks their signatures.
#[derive(Clone)]
pub(in crate::adapters) struct StandardWebhooksKey {
    key: hmac::Key,
}

impl StandardWebhooksKey {
    /// The form that [`StandardWebhooksKey::new`] takes, for the error of a setting.
    pub const MUST: &str = "must be whsec_ and 24 to 64 random bytes in base64";

    /// Reads a secret: `whsec_` and 24 to 64 bytes in base64, as the specification says.
    pub fn new(secret: &Secret) -> Option<Self> {
        let key = BASE64_STANDARD.decode(secret.expose().strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&key.len()).then(|| Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// The header `webhook-signature` of a request. `timestamp` is in seconds since the Unix epoch.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }

    /// Lets a request through that is signed by this key, now or at most five minutes ago. `prefix` is what the names of the
    /// three headers begin with: `webhook` or `svix`.
    ///
    /// # Errors
    /// `Unauthenticated` for every other one.
    pub fn verify(&self, request: &WebhookRequest<'_>, prefix: &str) -> Result<(), WebhookError> {
        let header = |name| request.header(&format!("{prefix}-{name}"));
        let (Some(id), Some(time), Some(signatures), Some(body)) =
            (header("id"), header("timestamp"), header("signature"), request.body)
        else {
            return Err(WebhookError::Unauthenticated("it lacks the headers of a signature, or a body"));
        };
        let time = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.ok_or(WebhookError::Unauthenticated("its timestamp is not in seconds since 1970"))?;
        // While a key is being changed there are several signatures, one by each key.
        let right = self.sign(id, time.as_second(), body);
        if !signatures.split(' ').any(|signature| constant_time_eq(signature, &right)) {
            return Err(WebhookError::Unauthenticated("its signature is not by this secret"));
        }
        if is_recent(time, request.now, WINDOW) {
            Ok(())
        } else {
            Err(WebhookError::Unauthenticated("it was not signed within the last five minutes"))
        }
    }
}

impl fmt::Debug for StandardWebhooksKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandardWebhooksKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName};

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn verify(prefix: &str, headers: [&str; 3], body: &str, seconds_later: i64) -> Result<(), WebhookError> {
        let mut all = HeaderMap::new();
        for (name, value) in ["id", "timestamp", "signature"].iter().zip(headers) {
            let name: HeaderName = format!("{prefix}-{name}").parse().unwrap();
            all.insert(name, value.parse().unwrap());
        }
        let now = Timestamp::from_second(1_614_265_330 + seconds_later).unwrap();
        let request = WebhookRequest { url: "", query: "", headers: &all, body: Some(body.as_bytes()), now };
        StandardWebhooksKey::new(&Secret::new(SECRET)).unwrap().verify(&request, "svix")
    }

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let webhooks = StandardWebhooksKey::new(&Secret::new(SECRET)).unwrap();
        assert_eq!(webhooks.sign(ID, 1_614_265_330, BODY.as_bytes()), SIGNATURE);
    }

    #[test]
    fn whatever_is_changed_breaks_the_signature() {
        let right = [ID, "1614265330", SIGNATURE];
        let two = format!("v1,bm90IHRoaXM= {SIGNATURE}");
        assert_eq!(verify("svix", right, BODY, 0), Ok(()));
        assert_eq!(verify("svix", [ID, "1614265330", &two], BODY, 0), Ok(()), "one of several is enough");
        for (prefix, headers, body) in [
            ("webhook", right, BODY),
            ("svix", right, r#"{"test": 2432232315}"#),
            ("svix", [ID, "1614265331", SIGNATURE], BODY),
            ("svix", [ID, "now", SIGNATURE], BODY),
            ("svix", ["msg_other", "1614265330", SIGNATURE], BODY),
            ("svix", [ID, "1614265330", &SIGNATURE[3..]], BODY),
            ("svix", [ID, "1614265330", ""], BODY),
        ] {
            let error = verify(prefix, headers, body, 0);
            assert!(matches!(error, Err(WebhookError::Unauthenticated(_))), "{prefix} {headers:?} {body}");
        }
    }

    #[test]
    fn a_signature_holds_for_five_minutes_either_way() {
        for (seconds, holds) in [(300, true), (301, false), (-300, true), (-301, false)] {
            let verified = verify("svix", [ID, "1614265330", SIGNATURE], BODY, seconds);
            assert_eq!(verified.is_ok(), holds, "{seconds}");
        }
    }

    #[test]
    fn a_secret_has_its_prefix_and_the_length_that_the_specification_asks_for() {
        let secret = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
        for (secret, right) in [
            (secret(24), true),
            (secret(64), true),
            (secret(23), false),
            (secret(65), false),
            (secret(32).replace("whsec_", ""), false),
            (secret(32).replace("whsec_", "whpk_"), false),
            ("whsec_not base64 at all, not even close".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(StandardWebhooksKey::new(&Secret::new(&secret)).is_some(), right, "{secret}");
        }
    }
}
