//! The peers: independent servers on free loopback ports, which end with the test that started them, however it ends.

mod aws;
mod maildev;
mod network;
mod postfix;
mod prism;
mod smsc;
mod smtp;
mod sns;
mod telegram;
mod webhook;
mod wiremock;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

pub use aws::{aws, botocore};
pub use maildev::maildev;
pub use network::{Api, Proxy};
pub use postfix::postfix;
pub use prism::prism;
pub use smsc::{Smsc, segments};
pub use smtp::{Smtp, smtp_sink};
pub use sns::sns_validator;
pub use telegram::telegram;
pub use webhook::webhook;
pub use wiremock::WiremockStubs;

/// Runs a command until it ends or standard input closes, whichever is first. The test holds the other end of standard
/// input, which the system closes even when the test is killed.
const SUPERVISOR: &str = r#"
    exec 3<&0
    "$@" </dev/null 3<&- &
    peer=$!
    (read -r _ <&3; kill -9 $peer 2>/dev/null) >/dev/null 2>&1 &
    exec 3<&-
    wait $peer
"#;

/// A server started by a test.
pub struct Peer {
    port: u16,
    supervisor: Child,
    /// The peer ends when this is closed.
    supervisor_stdin: Option<ChildStdin>,
}

impl Peer {
    /// Starts a server and waits until it listens. `command` makes the command from the port to listen on; what it
    /// prints goes to `NAME.log`.
    ///
    /// # Panics
    /// When the server ends or does not listen within half a minute.
    pub fn start(name: &str, command: impl Fn(u16) -> Command) -> Self {
        let log_path = scratch(&format!("{name}.log"));
        let log = File::create(&log_path).unwrap();
        let port = free_port();
        let command = command(port);
        let mut supervisor = Command::new("sh");
        supervisor.args(["-c", SUPERVISOR, name]).arg(command.get_program()).args(command.get_args());
        supervisor.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        supervisor.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut supervisor = supervisor.spawn().unwrap();
        let supervisor_stdin = supervisor.stdin.take();
        let mut peer = Self { port, supervisor, supervisor_stdin };
        assert!(
            peer.listens(),
            "{name} did not start; it said:\n{}",
            std::fs::read_to_string(log_path).unwrap()
        );
        peer
    }

    /// Starts the Python of `.peers/venv` with the arguments made from the port.
    pub fn python(name: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        Self::start(name, |port| {
            let mut command = Command::new(installed("venv/bin/python"));
            command.args(arguments(port));
            command
        })
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits for the port, or for the end of the server.
    fn listens(&mut self) -> bool {
        const STEP: Duration = Duration::from_millis(20);
        for _ in 0..1_500 {
            if is_open(self.port) {
                return true;
            }
            if self.supervisor.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(STEP);
        }
        false
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.supervisor_stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Where `.peers/PATH` is.
///
/// # Panics
/// When it is not installed.
pub fn installed(path: &str) -> PathBuf {
    let path = root().join(".peers").join(path);
    assert!(path.exists(), "{} is missing: run `make peers` (tests/peers/install.sh)", path.display());
    path
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A path for a peer's files, below `target/`.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// A loopback port that nothing listens on, and that no other test of this process is given: two peers with one port would
/// both seem to have started. The ports lie below those that Linux gives to whoever asks for any, so that nobody has one by chance.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const PORTS: Range<u16> = 10_000..32_000;
    // Runs that overlap begin at different places.
    let first = std::process::id().wrapping_mul(7_919) % u32::from(PORTS.end - PORTS.start);
    let first = u16::try_from(first).unwrap();
    for _ in PORTS {
        let taken = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (first + taken % (PORTS.end - PORTS.start)) % (PORTS.end - PORTS.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// Whether something listens on the port. A connection from a free port to itself is no listener.
fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect(address).is_ok_and(|stream| stream.local_addr().is_ok_and(|local| local != address))
}

#[test]
fn a_peer_ends_with_its_owner() {
    let files = scratch("files");
    std::fs::create_dir_all(&files).unwrap();
    let arguments = |port: u16| {
        format!("-m http.server --bind 127.0.0.1 --directory {} {port}", files.display())
            .split(' ')
            .map(str::to_owned)
            .collect()
    };
    let peer = Peer::python("files", arguments);
    let port = peer.port();
    assert!(is_open(port));
    drop(peer);
    assert!(!is_open(port));
}

#[test]
#[should_panic(expected = "broken did not start; it said:\nout of order")]
fn a_peer_that_ends_at_once_says_what_it_said() {
    Peer::python("broken", |_| vec!["-c".to_owned(), "print('out of order')".to_owned()]);
}
