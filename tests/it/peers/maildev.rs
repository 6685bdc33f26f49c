//! maildev: a mail server for development, which shows what it parsed.

use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{Peer, free_port, installed, is_open};

/// Starts one for the test `name`; with it comes the URL of its API.
pub fn maildev(name: &str) -> (Peer, String) {
    let web = free_port();
    let peer = Peer::start(&format!("maildev-{name}"), |port| {
        let mut command = Command::new("node");
        command.arg(installed("node_modules/maildev/bin/maildev"));
        command.args(["--ip", "127.0.0.1", "--web-ip", "127.0.0.1", "--smtp", &port.to_string()]);
        command.args(["--web", &web.to_string(), "--silent"]);
        command
    });
    // It takes mail before its API answers.
    let answers = (0..500).any(|_| {
        is_open(web) || {
            thread::sleep(Duration::from_millis(20));
            false
        }
    });
    assert!(answers, "the API of maildev did not start");
    (peer, format!("http://127.0.0.1:{web}"))
}
