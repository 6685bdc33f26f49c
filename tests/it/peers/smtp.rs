//! SMTP servers: aiosmtpd, which answers as addresses ask and keeps a journal, and Postfix's smtp-sink for what only a
//! broken server does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Peer, installed, root, scratch};

/// An aiosmtpd and its journal.
pub struct Smtp {
    peer: Peer,
    journal: PathBuf,
}

impl Smtp {
    /// Starts a server for the test `name`, with the options that `tests/peers/smtp.py` describes.
    pub fn start(name: &str, options: &[&str]) -> Self {
        let journal = scratch(&format!("smtp-{name}.jsonl"));
        fs::write(&journal, "").unwrap();
        let peer = Peer::python(&format!("smtp-{name}"), &root().join("tests/peers/smtp.py"), |port| {
            let own =
                ["--port", &port.to_string(), "--journal", journal.to_str().unwrap()].map(str::to_owned);
            own.into_iter().chain(options.iter().map(|&option| option.to_owned())).collect()
        });
        Self { peer, journal }
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.peer.port()
    }

    /// What it took, in order. A message is here before its sender has the reply.
    pub fn taken(&self) -> Vec<Value> {
        let journal = fs::read_to_string(&self.journal).unwrap();
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Starts a smtp-sink for the test `name`, with its own options.
pub fn smtp_sink(name: &str, options: &[&str]) -> Peer {
    Peer::start(&format!("smtp-sink-{name}"), |port| {
        let mut command = Command::new(installed("postfix/usr/sbin/smtp-sink"));
        command.env("LD_LIBRARY_PATH", installed("postfix/usr/lib/postfix"));
        command.args(options).arg(format!("127.0.0.1:{port}")).arg("10");
        command
    })
}
