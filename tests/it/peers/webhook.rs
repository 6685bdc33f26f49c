//! A receiver of messages by webhook, which verifies signatures with the package standardwebhooks.

use super::{Peer, root};

/// Starts a receiver with the secret; `tests/peers/webhook.py` says what it does.
pub fn webhook(name: &str, secret: &str) -> Peer {
    Peer::python(&format!("webhook-{name}"), |port| {
        let script = root().join("tests/peers/webhook.py").display().to_string();
        [&script, "--port", &port.to_string(), "--secret", secret].map(str::to_owned).to_vec()
    })
}
