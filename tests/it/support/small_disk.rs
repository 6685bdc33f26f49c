//! A disk that can be filled: a small file system in memory, mounted for the test.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mebibyte.
pub const MIB: usize = 1 << 20;

/// A file system of 48 MiB, unmounted when dropped.
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where mounting is not permitted.
    ///
    /// # Panics
    /// When it is not permitted and `CI` is `true`: there nothing may be skipped.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "a small file system cannot be mounted here");
            // Not by `println!`, which the test harness keeps to itself.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: a small file system cannot be mounted here, so a full disk cannot be tested"
            );
        }
        mounted.then_some(Self { folder })
    }

    /// The path for a store's data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Fills the disk until `free` bytes are left, or a little less where somebody writes meanwhile.
    pub fn fill(&self, free: usize) {
        loop {
            let free_now = free_bytes(self.folder.path());
            match fs::write(self.ballast(), vec![1; free_now - free]) {
                // Somebody took some of it in between.
                Err(error) if error.kind() == ErrorKind::StorageFull => self.empty(),
                written => return written.unwrap(),
            }
        }
    }

    /// Gives back what [`SmallDisk::fill`] took.
    pub fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn free_bytes(path: &Path) -> usize {
    let output = Command::new("df").args(["--block-size=1", "--output=avail"]).arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap()
}
