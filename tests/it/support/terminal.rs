//! A terminal: what a person sees of a program.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::gateway::process::PATIENCE;

/// A program in a terminal of 80 columns.
pub struct Terminal {
    child: Child,
    shown: watch::Receiver<String>,
}

impl Terminal {
    /// Starts a program in it.
    pub fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let end: OwnedFd = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        command.stdin(end.try_clone().unwrap()).stdout(end.try_clone().unwrap()).stderr(end);
        let child = command.env("TERM", "xterm").env_remove("NO_COLOR").spawn().unwrap();
        // The command holds the program's end, and the terminal is open as long as anybody does.
        drop(command);
        Self { child, shown: read(master.into()) }
    }

    /// Waits until the terminal shows this text.
    pub async fn wait_for(&self, text: &str) {
        let mut shown = self.shown.clone();
        let found = timeout(PATIENCE, shown.wait_for(|shown| shown.contains(text))).await;
        let found = matches!(found, Ok(Ok(_)));
        assert!(found, "the terminal never showed {text:?}: {:?}", self.shown.borrow());
    }

    /// What it has shown so far.
    pub fn shown(&self) -> String {
        self.shown.borrow().clone()
    }

    /// Waits for the end of the program.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        // The reader ends when the program's end of the terminal is closed.
        timeout(PATIENCE, async { while self.shown.changed().await.is_ok() {} }).await.unwrap();
        (self.child.wait().unwrap(), self.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut master: File) -> watch::Receiver<String> {
    let (shown, receiver) = watch::channel(String::new());
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut part = [0; 4_096];
        // The end is an error on Linux.
        while let Ok(count @ 1..) = master.read(&mut part) {
            bytes.extend_from_slice(&part[..count]);
            shown.send_replace(String::from_utf8_lossy(&bytes).into_owned());
        }
    });
    receiver
}
