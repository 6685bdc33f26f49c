//! strace, which makes the operations of a running process on files fail, or kills it at one of them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// What happens at an operation.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The process is killed before it is done.
    Kill,
    /// It fails with this error, and so do all of its kind that follow.
    Error(&'static str),
}

/// A tracer of a process, attached to all of its threads.
pub struct Tracer {
    strace: Child,
}

impl Tracer {
    /// Lets the `count`th call of `syscall` by any thread of the process meet `fault`. Returns once it is attached.
    pub fn attach(process: u32, syscall: &str, fault: Fault, count: usize) -> Self {
        let fault = match fault {
            Fault::Kill => format!("signal=KILL:when={count}"),
            Fault::Error(error) => format!("error={error}:when={count}+"),
        };
        let mut strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", &format!("trace={syscall}"), "-e"])
            .args([&format!("inject={syscall}:{fault}"), "-p", &process.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("tests/peers/install.sh installs strace");
        let mut stderr = BufReader::new(strace.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("attached") {
            let read = stderr.read_line(&mut said).unwrap();
            assert!(read > 0, "strace did not attach: {said}");
        }
        // It must not be stopped by a pipe that nobody reads.
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { strace }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Ends with the traced process, at the latest now.
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}
