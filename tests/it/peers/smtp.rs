//! SMTP servers: aiosmtpd, which answers as addresses ask and keeps a journal, and Postfix's smtp-sink for what only a
//! broken server does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

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
        let peer = Peer::python(&format!("smtp-{name}"), |port| {
            let script = root().join("tests/peers/smtp.py").display().to_string();
            let journal = journal.display().to_string();
            let arguments = [script, "--port".to_owned(), port.to_string(), "--journal".to_owned(), journal];
            arguments.into_iter().chain(options.iter().map(|&option| option.to_owned())).collect()
        });
        Self { peer, journal }
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.peer.port()
    }

    /// The messages that it accepted, in order. A message is in the journal before its sender has the reply.
    pub fn taken(&self) -> Vec<Value> {
        self.journal().into_iter().filter(|entry| entry["raw"].is_string()).collect()
    }

    /// Waits until the journal has this event, such as `quit` or `hangs`, for the session with this number.
    ///
    /// # Panics
    /// When it has not within ten seconds.
    pub async fn wait_for_event(&self, what: &str, session: u64) {
        for _ in 0..500 {
            if self.journal().iter().any(|entry| entry[what] == session) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {what} of session {session}: {:?}", self.journal());
    }

    fn journal(&self) -> Vec<Value> {
        let journal = fs::read_to_string(&self.journal).unwrap();
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Starts a smtp-sink for the test `name`, with its own options.
pub fn smtp_sink(name: &str, options: &[&str]) -> Peer {
    Peer::start(&format!("smtp-sink-{name}"), |port| {
        let mut command = Command::new(installed("postfix/usr/sbin/smtp-sink"));
        command.env("LD_LIBRARY_PATH", installed("postfix/usr/lib/postfix"));
        // It refuses to run as root unless that is asked for.
        if fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0) {
            command.args(["-u", "root"]);
        }
        command.args(options).arg(format!("127.0.0.1:{port}")).arg("1000");
        command
    })
}
