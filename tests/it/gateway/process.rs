//! Starts and ends gateways: the program that users run, with a configuration and a data directory of the test's own.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::peers::free_port;

const RELEVO: &str = env!("CARGO_BIN_EXE_relevo");

/// The longest wait for any event.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The value of every secret in the configurations.
pub const SECRET: &str = "the-secret-of-this-test";

/// The directory of a gateway: its configuration, its secrets and its data. It outlives the gateway, so that the next one can
/// start on it.
pub struct GatewayDirectory {
    folder: tempfile::TempDir,
    /// A key of the brand `acme` with the scope `admin`.
    pub brand_key: String,
    /// A key of the gateway with the scope `admin`.
    pub gateway_key: String,
}

impl GatewayDirectory {
    /// Creates a directory whose configuration ends with `config`. The text before it ends in the section `[store]`, so
    /// `config` may begin with more settings of the store.
    pub async fn new(config: &str) -> Self {
        Self::with_data(Path::new("data"), config).await
    }

    /// The same with the data in the directory `data`.
    pub async fn with_data(data: &Path, config: &str) -> Self {
        Self::with(data, "", config).await
    }

    /// The same with more settings of the server.
    pub async fn with_server(server: &str, config: &str) -> Self {
        Self::with(Path::new("data"), server, config).await
    }

    async fn with(data: &Path, server: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[server]\nlisten = '127.0.0.1:0'\n{server}\n\n[log]\nformat = 'json'\nfilter = 'info'\n\n[brands.acme]\n\n\
             [store]\npath = '{}'\n{config}",
            data.display()
        );
        fs::write(folder.path().join("relevo.toml"), config).unwrap();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        fs::write(folder.path().join("token"), format!("1234567890:{SECRET}")).unwrap();
        let webhook = base64::prelude::BASE64_STANDARD.encode(format!("{SECRET}, signing"));
        fs::write(folder.path().join("webhook"), format!("whsec_{webhook}")).unwrap();
        let mut directory = Self { folder, brand_key: String::new(), gateway_key: String::new() };
        directory.brand_key = directory.create_key(&["--brand", "acme"]).await;
        directory.gateway_key = directory.create_key(&[]).await;
        directory
    }

    /// Adds settings of the log, each on a line of its own.
    pub fn add_log_settings(&self, settings: &str) {
        self.rewrite_config("filter = 'info'\n", &format!("filter = 'info'\n{settings}\n"));
    }

    /// Puts `to` in the place of `from` in the configuration; at its end when there is no `from`.
    pub fn change_config(&self, from: &str, to: &str) {
        match from {
            "" => {
                let config = fs::read_to_string(self.config()).unwrap();
                fs::write(self.config(), config + to).unwrap();
            }
            from => self.rewrite_config(from, to),
        }
    }

    fn rewrite_config(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.config()).unwrap();
        assert!(config.contains(from), "{from} in {config}");
        fs::write(self.config(), config.replacen(from, to, 1)).unwrap();
    }

    /// Whether the store was closed cleanly.
    pub fn is_sealed(&self) -> bool {
        self.folder.path().join("data/SEAL").exists()
    }

    /// Creates a key with the scope `admin` while no gateway runs.
    pub async fn create_key(&self, more: &[&str]) -> String {
        let output = self.run(&[&["keys", "create", "--local", "--json"], more, KEY].concat()).await;
        assert!(output.status.success(), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["secret"].as_str().unwrap().to_owned()
    }

    /// Runs the program with these arguments and `--config`, to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let ended = self.command(arguments).stdin(Stdio::null()).output();
        timeout(PATIENCE, ended).await.expect("the program should end").unwrap()
    }

    /// Starts a gateway and waits until it is ready.
    ///
    /// # Panics
    /// When the program ends instead.
    pub async fn start(&self) -> Gateway {
        self.started(self.command(&["serve"])).await
    }

    /// Starts a gateway that may use so much memory, and ends when it asks for more.
    pub async fn start_within(&self, bytes: u64) -> Gateway {
        self.started(self.command_within(&[&format!("--data={bytes}")], &["serve"])).await
    }

    /// Starts a gateway that may have so many files open at once.
    pub async fn start_with_files(&self, count: u32) -> Gateway {
        self.started(self.command_within(&[&format!("--nofile={count}:{count}")], &["serve"])).await
    }

    /// Starts a gateway whose calendar is so far off: `+40d` is 40 days ahead. [`Self::set_clock`] changes that while it runs.
    pub async fn start_with_clock(&self, offset: &str, arguments: &[&str]) -> Gateway {
        self.set_clock(offset);
        let mut command = self.command(&[&["serve"], arguments].concat());
        // Where Debian's package has it; the loader knows what $LIB stands for.
        command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1");
        command.env("FAKETIME_TIMESTAMP_FILE", self.path("clock")).env("FAKETIME_CACHE_DURATION", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        self.started(command).await
    }

    /// Starts a gateway on a machine that has this name server, or `None` where the test may not arrange that.
    ///
    /// # Panics
    /// When it may not and `CI` is `true`: there nothing may be skipped.
    pub async fn start_with_name_server(&self, server: IpAddr) -> Option<Gateway> {
        let resolver = format!("nameserver {server}\noptions timeout:1 attempts:1\n");
        fs::write(self.path("resolv.conf"), resolver).unwrap();
        let mount = |more: &str| {
            let mut command = Command::new("unshare");
            let line = format!("mount --bind \"$0\" /etc/resolv.conf && exec {more}");
            command.args(["--mount", "sh", "-c", &line]).arg(self.path("resolv.conf"));
            command
        };
        if !mount("true").status().await.is_ok_and(|status| status.success()) {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "the name server cannot be set here");
            let _ = writeln!(std::io::stderr(), "skipped: the name server of a process cannot be set here");
            return None;
        }
        let command = self.command(&["serve"]);
        let mut in_it = mount("\"$@\"");
        in_it.arg(command.as_std().get_program()).args(command.as_std().get_args()).kill_on_drop(true);
        Some(self.started(in_it).await)
    }

    /// Sets the calendar of gateways that [`Self::start_with_clock`] started; they see it within a second.
    pub fn set_clock(&self, offset: &str) {
        // One that is read half would be no time at all.
        fs::write(self.path("clock.new"), offset).unwrap();
        fs::rename(self.path("clock.new"), self.path("clock")).unwrap();
    }

    async fn started(&self, mut command: Command) -> Gateway {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::read(child.stderr.take().unwrap());
        let ready = log.wait_for("relevo is ready").await;
        let address = ready["address"].as_str().unwrap().parse().unwrap();
        self.gateway(child, log, address)
    }

    /// Starts a gateway whose standard error the test does not read, and waits until it serves.
    pub async fn start_unread(&self, stderr: UnreadStderr) -> Gateway {
        let port = free_port();
        self.rewrite_config("127.0.0.1:0", &format!("127.0.0.1:{port}"));
        let child = self.spawn_unread(stderr);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let gateway = self.gateway(child, Log(watch::channel(Vec::new()).1), address);
        timeout(PATIENCE, gateway.wait_until_serving()).await.expect("the gateway should serve");
        gateway
    }

    /// Starts the program without waiting for anything.
    pub fn spawn_unread(&self, stderr: UnreadStderr) -> Child {
        let mut command = self.command(&["serve"]);
        if let UnreadStderr::Closed = stderr {
            let inner = command.as_std();
            let arguments: Vec<_> = inner.get_args().map(ToOwned::to_owned).collect();
            let mut shell = Command::new("sh");
            shell.args(["-c", "exec \"$@\" 2>&-", "sh"]).arg(inner.get_program()).args(arguments);
            command = shell;
        }
        match stderr {
            UnreadStderr::Closed => {}
            UnreadStderr::To(file) => drop(command.stderr(file)),
        }
        command.kill_on_drop(true).stdin(Stdio::null()).spawn().unwrap()
    }

    fn gateway(&self, child: Child, log: Log, address: SocketAddr) -> Gateway {
        let (brand_key, gateway_key) = (self.brand_key.clone(), self.gateway_key.clone());
        Gateway { child, log, address, brand_key, gateway_key }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_within(&[], arguments)
    }

    /// The program within the limits that `prlimit` is given.
    fn command_within(&self, limits: &[&str], arguments: &[&str]) -> Command {
        // The gateway ends with the test even when that is killed. `setpriv` and `prlimit` become the program they start, so
        // the process id is the gateway's own.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if !limits.is_empty() {
            command.arg("prlimit").args(limits).arg("--");
        }
        command.arg(RELEVO).args(arguments);
        command.arg("--config").arg(self.config()).kill_on_drop(true);
        command
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("relevo.toml")
    }
}

/// Where the standard error of a gateway goes that the test does not read.
pub enum UnreadStderr {
    /// It is closed when the gateway starts.
    Closed,
    /// It goes here.
    To(Stdio),
}

/// What every key is created with.
const KEY: &[&str] = &["--scope", "admin", "--label", "test"];

/// A running gateway. It is killed when dropped.
pub struct Gateway {
    child: Child,
    /// What it logs.
    pub log: Log,
    /// Where its API is.
    pub address: SocketAddr,
    pub brand_key: String,
    pub(super) gateway_key: String,
}

impl Gateway {
    /// Kills the process (SIGKILL), which has no time to write anything.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks the process to stop (SIGTERM).
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Lets the process stand still (SIGSTOP).
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// Lets a process that stands still go on (SIGCONT).
    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Lets the process have so many files open at once from now on.
    pub async fn limit_files(&self, count: u32) {
        let id = self.child.id().expect("it runs").to_string();
        let limited = Command::new("prlimit").args(["--pid", &id, &format!("--nofile={count}:")]).status();
        assert!(limited.await.unwrap().success());
    }

    /// Sends the process a signal.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }

    /// Waits until the gateway says of itself that it serves.
    async fn wait_until_serving(&self) {
        while self.check_health().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the gateway says this of itself.
    pub async fn wait_for_health(&self, status: tonic_health::ServingStatus) {
        self.wait_for_health_of("", status).await;
    }

    /// Waits until the gateway says this of one of its services.
    pub async fn wait_for_health_of(&self, service: &str, status: tonic_health::ServingStatus) {
        let status: ServingStatus = status.into();
        let said = async {
            while self.check_health_of(service).await.ok() != Some(status) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("the gateway never said {status:?}"));
    }

    /// Asks whether the gateway serves.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn check_health(&self) -> Result<ServingStatus, tonic::Status> {
        self.check_health_of("").await
    }

    async fn check_health_of(&self, service: &str) -> Result<ServingStatus, tonic::Status> {
        let url = format!("http://{}", self.address);
        let connection = tonic::transport::Endpoint::from_shared(url).unwrap().connect_lazy();
        let answer =
            HealthClient::new(connection).check(HealthCheckRequest { service: service.to_owned() }).await?;
        Ok(answer.into_inner().status())
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("the gateway should end").unwrap()
    }

    /// Stops the gateway, and asserts that it ended well.
    pub async fn stop(mut self) {
        self.terminate().await;
        let status = self.ended().await;
        assert!(status.success(), "{status}: {:#?}", self.log.lines());
    }
}

/// The lines that a gateway has logged so far.
pub struct Log(watch::Receiver<Vec<String>>);

impl Log {
    /// What comes from here.
    pub fn read(stderr: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (lines, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut read = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = read.next_line().await {
                lines.send_modify(|lines| lines.push(line));
            }
        });
        Self(log)
    }

    /// Waits for a line with this message, and returns it.
    ///
    /// # Panics
    /// When the gateway ends without it, or a minute passes.
    pub async fn wait_for(&self, message: &str) -> Value {
        self.wait_for_line(message, |line| line["message"] == message).await
    }

    /// Waits for a line that is wanted, and returns it. `description` says which one that is.
    ///
    /// # Panics
    /// When the gateway ends without it, or a minute passes.
    pub async fn wait_for_line(&self, description: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let parsed = |line: &String| serde_json::from_str::<Value>(line).ok();
        let find = |lines: &Vec<String>| lines.iter().filter_map(parsed).find(&is_wanted);
        let mut log = self.0.clone();
        let said = timeout(PATIENCE, log.wait_for(|lines| find(lines).is_some())).await;
        match said {
            Ok(Ok(lines)) => find(&lines).expect("it was just there"),
            _ => panic!("the gateway never said {description:?}: {:#?}", self.lines()),
        }
    }

    /// How many lines so far have this message.
    pub fn count(&self, message: &str) -> usize {
        let parsed = |line: &String| serde_json::from_str::<Value>(line).ok();
        self.0.borrow().iter().filter_map(parsed).filter(|line| line["message"] == message).count()
    }

    /// Everything so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}
