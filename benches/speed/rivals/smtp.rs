//! Postfix's own load tools, which all email is measured with: smtp-source sends, smtp-sink takes and throws away.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process as async_process;

use super::arrivals::{Arrivals, Counter};
use super::installed;
use super::process::{Process, free_port, is_root};

/// The libraries of the Postfix installed.
fn libraries() -> anyhow::Result<PathBuf> {
    installed("postfix", "usr/lib/postfix")
}

/// A smtp-sink and the count of what it took.
pub struct Sink {
    /// The loopback port it listens on.
    pub port: u16,
    /// How many messages it has taken.
    pub taken: Arrivals,
    _process: Process,
}

impl Sink {
    /// Starts one, with its log in `folder`.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(installed("postfix", "usr/sbin/smtp-sink")?);
        command.env("LD_LIBRARY_PATH", libraries()?);
        // It refuses to run as root unless that is asked for.
        if is_root() {
            command.args(["-u", "root"]);
        }
        command.args(["-c", &format!("127.0.0.1:{port}"), "1000"]);
        let (mut process, output) = Process::start_talking("smtp-sink", folder, &command)?;
        let (counter, taken) = Arrivals::new();
        tokio::spawn(follow(async_process::ChildStdout::from_std(output)?, counter));
        process.listens(port).await?;
        Ok(Self { port, taken, _process: process })
    }
}

/// Follows the counters that `smtp-sink -c` prints, each line over the one before: `sess=1 quit=1 mesg=1`.
async fn follow(output: async_process::ChildStdout, counter: Counter) {
    let mut lines = BufReader::new(output).split(b'\r');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        if let Some(messages) = line.split("mesg=").nth(1).and_then(|digits| digits.trim().parse().ok()) {
            counter.send_replace(messages);
        }
    }
}

/// What smtp-source is to send: this many messages with 500 bytes of text, over this many sessions at a time, which stay
/// open. Every message has a recipient of its own.
pub async fn send(port: u16, sessions: usize, messages: usize) -> anyhow::Result<()> {
    let mut command = async_process::Command::new(installed("postfix", "usr/sbin/smtp-source")?);
    command.env("LD_LIBRARY_PATH", libraries()?).kill_on_drop(true);
    command.args(["-d", "-N", "-l", "500", "-f", "from@example.org", "-t", "to@example.net"]);
    command.args(["-s", &sessions.to_string(), "-m", &messages.to_string(), &format!("127.0.0.1:{port}")]);
    let output = command.output().await.context("cannot run smtp-source")?;
    anyhow::ensure!(
        output.status.success(),
        "smtp-source failed; it said: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
