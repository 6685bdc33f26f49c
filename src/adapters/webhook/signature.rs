//! Signatures by Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;

use crate::adapters::hooks::StandardWebhooks;
use crate::secret::Secret;

/// Signs with one key.
#[derive(Clone)]
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// Signs by this secret, if it is one.
    pub(super) fn new(secret: &Secret) -> Option<Self> {
        StandardWebhooks::key(secret).map(|key| Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The header `webhook-signature`. `timestamp` is in seconds since the Unix epoch.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
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
            assert_eq!(Signer::new(&Secret::new(&secret)).is_some(), right, "{secret}");
        }
    }
}
