//! Programs that the benchmark starts: none outlives it, and each tells what it costs.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A running program. It is killed when dropped.
pub struct Process {
    child: Child,
    id: u32,
}

/// What a process holds of the machine's memory, in bytes.
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At most, since it began.
    pub peak: u64,
}

/// The arguments with which this program becomes one of its own helpers.
pub fn helper(name: &str) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("where is this program?")?;
    let mut command = killed_with_parent(&program);
    command.args(["--helper", name]);
    Ok(command)
}

/// A command for `program` that ends with this process however that ends. `setpriv` becomes the program it starts, so
/// the process id is the program's own.
pub fn killed_with_parent(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let id = child.id().context("it ended at once")?;
        Ok(Self { child, id })
    }

    /// Starts a helper and returns it with the line it says when it is ready.
    pub async fn start_helper(name: &str, arguments: &[&str]) -> anyhow::Result<(Self, String)> {
        let mut process = Self::start(helper(name)?.args(arguments).stdout(Stdio::piped()))?;
        let output: Option<ChildStdout> = process.child.stdout.take();
        let mut lines = lines(output)?;
        let line = lines.next_line().await?.with_context(|| format!("the helper {name} said nothing"))?;
        Ok((process, line))
    }

    /// What it writes to standard error, when that was piped.
    pub fn errors(&mut self) -> anyhow::Result<Lines<BufReader<ChildStderr>>> {
        lines(self.child.stderr.take())
    }

    /// What it holds of the memory.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let field = |name: &str| -> anyhow::Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib =
                line.and_then(|rest| rest.split_whitespace().next()).with_context(|| name.to_owned())?;
            Ok(kib.parse::<u64>()? * 1024)
        };
        Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
    }

    /// The processor time it has used, of all its threads.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        // Linux counts it for user space in hundredths of a second, on every machine (man 5 proc, USER_HZ).
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        // The name in parentheses may hold anything; what follows begins with field 3, and utime and stime are 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.id.to_string()]).status().await?;
        ensure!(asked.success(), "process {} cannot be asked to stop", self.id);
        self.child.wait().await?;
        Ok(())
    }

    /// Ends it in an instant.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits until it ends by itself.
    pub async fn ends(mut self) -> anyhow::Result<()> {
        let status = self.child.wait().await?;
        ensure!(status.success(), "process {} ended with {status}", self.id);
        Ok(())
    }
}

fn lines<R: AsyncRead + Unpin>(output: Option<R>) -> anyhow::Result<Lines<BufReader<R>>> {
    Ok(BufReader::new(output.context("its output is not piped")?).lines())
}
