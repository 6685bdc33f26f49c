//! Processes that a measurement starts. They end with it, however it ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;
use tokio::time;

/// How often something is looked at until it is as expected.
const STEP: Duration = Duration::from_millis(20);

/// The steps waited at most for a server to listen, or to end when it is asked to: 20 seconds.
const STEPS: usize = 1_000;

/// A server started by a measurement.
pub struct Process {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a server. What it prints goes to `FOLDER/NAME.log`.
    pub fn start(name: &'static str, folder: &Path, command: &mut Command) -> anyhow::Result<Self> {
        let (log, file) = create_log(name, folder)?;
        command.stdout(file.try_clone()?);
        Self::spawn(name, log, file, command)
    }

    /// Starts a server whose output is for us. Only what it complains of goes to `FOLDER/NAME.log`.
    pub fn start_talking(
        name: &'static str,
        folder: &Path,
        command: &mut Command,
    ) -> anyhow::Result<(Self, ChildStdout)> {
        let (log, file) = create_log(name, folder)?;
        let mut process = Self::spawn(name, log, file, command.stdout(Stdio::piped()))?;
        let output = process.child.stdout.take().context("its output was asked for")?;
        Ok((process, output))
    }

    fn spawn(name: &'static str, log: PathBuf, file: File, command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, log, child })
    }

    /// Waits until it listens on a loopback port.
    ///
    /// # Errors
    /// When it ends instead, or takes too long, with what it said.
    pub async fn listens(&mut self, port: u16) -> anyhow::Result<()> {
        for _ in 0..STEPS {
            if is_open(port).await {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            time::sleep(STEP).await;
        }
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        bail!("{} did not start; it said: {}", self.name, said.trim())
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    /// Asks it to end, so that it ends its own children too, and insists when it does not.
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..STEPS {
            if self.has_ended() {
                return;
            }
            thread::sleep(STEP);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server's command, which ends when the benchmark does, even when that is killed.
pub fn server(program: impl AsRef<OsStr>) -> Command {
    guarded(&[], program.as_ref())
}

/// The command of a server that refuses to run as root: root runs it as Debian's nobody.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let nobody: &[&str] =
        if is_root() { &["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] } else { &[] };
    guarded(nobody, program.as_ref())
}

fn guarded(privileges: &[&str], program: &OsStr) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).args(privileges).arg("--").arg(program);
    command
}

fn create_log(name: &str, folder: &Path) -> anyhow::Result<(PathBuf, File)> {
    let path = folder.join(format!("{name}.log"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok((path, file))
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// When it fails, with what it said.
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed; it said: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A loopback port that nothing listens on.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether something listens on the port. A connection from a free port to itself is no listener.
async fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect(address).await.is_ok_and(|stream| stream.local_addr().is_ok_and(|own| own != address))
}
