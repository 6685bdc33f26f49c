//! telegram-test-api: keeps what a bot sends until a client fetches it. It checks nothing; Prism does.

use std::process::Command;

use super::{Peer, installed, root};

/// Starts a Telegram server.
pub fn telegram() -> Peer {
    Peer::start("telegram", |port| {
        let mut command = Command::new("node");
        command.arg(root().join("tests/peers/telegram.js")).arg(port.to_string());
        command.env("NODE_PATH", installed("node_modules"));
        command
    })
}
