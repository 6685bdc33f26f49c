//! A start or a stop that is cut off at any operation on files, or for which every such operation fails from there on, leaves
//! a store that opens again with all that it acknowledged. With `RELEVO_SOAK` set, more errors are tried.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use relevo::model::MessageId;

use super::damage::copy;
use super::sample::*;
use crate::support::strace::{Fault, Tracer};

/// The operations by which a start and a stop change files.
const SYSCALLS: [&str; 11] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "rename",
    "unlink",
    "mkdir",
    "ftruncate",
    "openat",
    "copy_file_range",
];

/// The part of a process's life in which it meets the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Stop,
}

/// The other process of the tests below: opens the store in `RELEVO_TEST_STORE`, accepts a message and closes the store, each
/// when it is sent a line. It speaks over a socket, whose calls no fault concerns.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "the other process of a test"]
async fn stepwise_process() {
    let (Ok(path), Ok(port)) = (std::env::var("RELEVO_TEST_STORE"), std::env::var("RELEVO_TEST_PORT")) else {
        return;
    };
    let mut socket = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    lines.next();
    let handle = relevo::store::embedded::sled::open(path.as_ref(), options()).unwrap();
    let id = accept(&handle.stores, super::opening::random_message()).await.id;
    socket.write_all(format!("accepted {id}\n").as_bytes()).unwrap();
    lines.next();
    handle.close().await.unwrap();
    socket.write_all(b"closed\n").unwrap();
}

/// The other process, killed when dropped.
struct Stepwise {
    child: Child,
    socket: TcpStream,
    lines: Lines<BufReader<TcpStream>>,
}

impl Stepwise {
    fn start(path: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::faults::stepwise_process", "--ignored"])
            .env("RELEVO_TEST_STORE", path)
            .env("RELEVO_TEST_PORT", listener.local_addr().unwrap().port().to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (socket, _) = listener.accept().unwrap();
        let lines = BufReader::new(socket.try_clone().unwrap()).lines();
        Self { child, socket, lines }
    }

    /// Lets it take its next step, and waits for the line that says so; `None` when it ends instead.
    fn step(&mut self, done: &str) -> Option<String> {
        let _ = self.socket.write_all(b"\n");
        self.lines.by_ref().map_while(Result::ok).find(|line| line.starts_with(done))
    }
}

impl Drop for Stepwise {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a process on a copy of `store` that meets the fault, and asserts that what it leaves opens again with all messages.
/// Returns whether the process met the fault at all.
async fn survives(
    store: &Disk,
    ids: &[MessageId],
    phase: Phase,
    syscall: &str,
    fault: Fault,
    count: usize,
) -> bool {
    let disk = Disk::new();
    if store.path().exists() {
        copy(&store.path(), &disk.path());
    }
    let mut process = Stepwise::start(&disk.path());
    let mut acknowledged = ids.to_vec();
    let tracer = (phase == Phase::Start).then(|| Tracer::attach(process.child.id(), syscall, fault, count));
    let mut accepted = process.step("accepted");
    let tracer = match phase {
        Phase::Start => tracer,
        Phase::Stop => Some(Tracer::attach(process.child.id(), syscall, fault, count)),
    };
    if let Some(accepted) = &mut accepted {
        acknowledged.push(accepted.split_off("accepted ".len()).parse().unwrap());
    }
    let closed = process.step("closed");
    drop((process, tracer));
    let what = format!("{phase:?} {syscall} {fault:?} {count}");
    let handle = open_when_free(&disk.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
    for id in &acknowledged {
        let found = handle.stores.work.reload(&acme(), *id).await.unwrap();
        assert!(found.is_some(), "{what}: {id} is lost");
    }
    handle.close().await.unwrap();
    closed.is_none()
}

/// Tries the faults at every operation of a phase.
async fn survive_all(store: &Disk, ids: &[MessageId], phase: Phase) {
    let mut met = 0;
    for syscall in SYSCALLS {
        for fault in faults(syscall) {
            let mut count = 1;
            while survives(store, ids, phase, syscall, fault, count).await {
                count += 1;
                met += 1;
            }
        }
    }
    println!("{met} faults");
    assert!(met > 20, "the process met only {met} faults");
}

/// The faults to try. Most files are opened to be read, so that without `RELEVO_SOAK` only a kill is tried there.
fn faults(syscall: &str) -> Vec<Fault> {
    let is_soak = std::env::var_os("RELEVO_SOAK").is_some();
    match (is_soak, syscall) {
        (true, _) => vec![Fault::Kill, Fault::Error("ENOSPC"), Fault::Error("EIO"), Fault::Error("EROFS")],
        (false, "openat") => vec![Fault::Kill],
        (false, _) => vec![Fault::Kill, Fault::Error("ENOSPC")],
    }
}

/// A store as a process that was killed leaves it, with a snapshot of sled's.
pub async fn killed() -> (Disk, Vec<MessageId>) {
    let (first, mut ids) = closed().await;
    let handle = first.open();
    ids.push(accept(&handle.stores, message(9)).await.id);
    let disk = Disk::new();
    copy(&first.path(), &disk.path());
    handle.close().await.unwrap();
    assert!(!fs::exists(disk.path().join("SEAL")).unwrap());
    (disk, ids)
}

/// A store that was closed.
pub async fn closed() -> (Disk, Vec<MessageId>) {
    let disk = Disk::new();
    let handle = disk.open();
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.push(accept(&handle.stores, message(second)).await.id);
    }
    handle.close().await.unwrap();
    (disk, ids)
}

#[tokio::test]
async fn the_making_of_a_store_can_fail_anywhere() {
    survive_all(&Disk::new(), &[], Phase::Start).await;
}

#[tokio::test]
async fn a_start_after_a_clean_stop_can_fail_anywhere() {
    let (disk, ids) = closed().await;
    survive_all(&disk, &ids, Phase::Start).await;
}

#[tokio::test]
async fn a_start_after_a_kill_can_fail_anywhere() {
    let (disk, ids) = killed().await;
    survive_all(&disk, &ids, Phase::Start).await;
}

#[tokio::test]
async fn a_stop_can_fail_anywhere() {
    let (disk, ids) = closed().await;
    survive_all(&disk, &ids, Phase::Stop).await;
}
