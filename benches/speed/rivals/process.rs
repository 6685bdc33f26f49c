//! Processes that a measurement starts. They end with it, however it ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;
use tokio::time;

/// Runs a command until it ends or standard input closes, whichever is first. A measurement holds the other end of
/// standard input, and the system closes it even when the benchmark is killed. The command is asked to end, so that it ends
/// its own children too, and made to when it does not.
const WARDEN: &str = r#"
    exec 3<&0
    "$@" </dev/null 3<&- &
    server=$!
    (read -r _ <&3; kill $server; sleep 15; kill -9 $server) >/dev/null 2>&1 &
    guard=$!
    exec 3<&-
    wait $server
    kill $guard
"#;

/// A server started by a measurement.
pub struct Process {
    name: &'static str,
    log: PathBuf,
    warden: Child,
    /// Its closing ends the server.
    leash: Option<ChildStdin>,
}

impl Process {
    /// Starts a server. What it prints goes to `FOLDER/NAME.log`.
    pub fn start(name: &'static str, folder: &Path, command: &Command) -> anyhow::Result<Self> {
        let (log, file) = create_log(name, folder)?;
        let output = file.try_clone()?.into();
        Self::spawn(name, log, file, output, command)
    }

    /// Starts a server whose output is for us. Only what it complains of goes to `FOLDER/NAME.log`.
    pub fn start_talking(
        name: &'static str,
        folder: &Path,
        command: &Command,
    ) -> anyhow::Result<(Self, ChildStdout)> {
        let (log, file) = create_log(name, folder)?;
        let mut process = Self::spawn(name, log, file, Stdio::piped(), command)?;
        let output = process.warden.stdout.take().context("its output was asked for")?;
        Ok((process, output))
    }

    fn spawn(
        name: &'static str,
        log: PathBuf,
        file: File,
        output: Stdio,
        command: &Command,
    ) -> anyhow::Result<Self> {
        let mut warden = Command::new("sh");
        warden.args(["-c", WARDEN, name]).arg(command.get_program()).args(command.get_args());
        warden.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        warden.stdin(Stdio::piped()).stdout(output).stderr(file);
        // What interrupts the benchmark from the keyboard must not end the warden first.
        warden.process_group(0);
        let mut warden = warden.spawn().with_context(|| format!("cannot start {name}"))?;
        let leash = warden.stdin.take();
        Ok(Self { name, log, warden, leash })
    }

    /// Waits until it listens on a loopback port.
    ///
    /// # Errors
    /// When it ends instead, or takes too long, with what it said.
    pub async fn listens(&mut self, port: u16) -> anyhow::Result<()> {
        for _ in 0..1_000 {
            if is_open(port).await {
                return Ok(());
            }
            if self.warden.try_wait()?.is_some() {
                break;
            }
            time::sleep(Duration::from_millis(20)).await;
        }
        let output = fs::read_to_string(&self.log).unwrap_or_default();
        bail!("{} did not start; it said: {}", self.name, output.trim())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.warden.wait();
    }
}

/// The command of a server that refuses to run as root: root runs it as Debian's nobody.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"]).arg(program);
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
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// A loopback port that nothing listens on.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether something listens on the port. A connection from a free port to itself is no listener.
async fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect(address)
        .await
        .is_ok_and(|stream| stream.local_addr().is_ok_and(|local| local != address))
}
