//! An SMSC: npm's smpp, which answers as texts ask and keeps a journal. `tests/peers/smsc.js` says what texts can ask for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{Peer, installed, root, scratch};

/// An SMSC and its journal.
pub struct Smsc {
    peer: Peer,
    journal: PathBuf,
}

impl Smsc {
    /// Starts one for the test `name`.
    pub fn start(name: &str, options: &Value) -> Self {
        let journal = scratch(&format!("smsc-{name}.jsonl"));
        fs::write(&journal, "").unwrap();
        let peer = Peer::start(&format!("smsc-{name}"), |port| {
            let mut command = Command::new("node");
            command.arg(root().join("tests/peers/smsc.js")).arg(port.to_string());
            command.arg(&journal).arg(options.to_string());
            command.env("NODE_PATH", installed("node_modules"));
            command
        });
        Self { peer, journal }
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.peer.port()
    }

    /// The entries of its journal for this event, in order. An entry is written before the PDU is answered.
    pub fn events(&self, event: &str) -> Vec<Value> {
        let journal = fs::read_to_string(&self.journal).unwrap();
        let whole = journal.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let entries = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.filter(|entry| entry["event"] == event).collect()
    }

    /// Waits until the journal has this event `times` times.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub async fn wait_for_events(&self, event: &str, times: usize) -> Vec<Value> {
        for _ in 0..500 {
            let events = self.events(event);
            if events.len() >= times {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{event} is in the journal {} times", self.events(event).len());
    }
}

/// How many parts each text has and whether it lies within the network's alphabet, by the calculator of Twilio's.
pub fn segments(texts: &[String]) -> Vec<(bool, usize)> {
    use std::io::Write as _;
    let mut command = Command::new("node");
    command.arg(root().join("tests/peers/segments.js")).env("NODE_PATH", installed("node_modules"));
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let input = serde_json::to_vec(texts).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let counts: Vec<(String, usize)> = serde_json::from_slice(&output.stdout).unwrap();
    counts.into_iter().map(|(encoding, count)| (encoding == "GSM-7", count)).collect()
}
