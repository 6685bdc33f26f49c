//! Damaged files: refused, untouched, and never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use relevo::model::MessageId;
use relevo::store::StoreError;
use relevo::store::embedded::sled::{SledHandle, open};

use super::sample::*;

/// A store with some messages, a few of them large; closed cleanly, or as a killed process leaves it.
struct Sound {
    disk: Disk,
    ids: Vec<MessageId>,
}

impl Sound {
    async fn closed() -> Self {
        let (sound, handle) = Self::fill().await;
        handle.close().await.unwrap();
        // Opened again, sled keeps a snapshot.
        sound.disk.open().close().await.unwrap();
        sound
    }

    /// Copies the files while the store is open and idle: what is in them is what a kill leaves.
    async fn killed() -> Self {
        let (sound, handle) = Self::fill().await;
        let disk = Disk::new();
        copy(&sound.disk.path(), &disk.path());
        handle.close().await.unwrap();
        Self { disk, ids: sound.ids }
    }

    async fn fill() -> (Self, SledHandle) {
        let disk = Disk::new();
        let handle = disk.open();
        let mut ids = Vec::new();
        for second in 0..60 {
            let mut message = message(second);
            if second % 20 == 0 {
                // Kept in pieces.
                message.content.html = Some("<p>relay</p>".repeat(2_000));
            }
            ids.push(accept(&handle.stores, message).await.id);
        }
        (Self { disk, ids }, handle)
    }

    /// A copy to be damaged.
    fn copy(&self) -> Disk {
        let disk = Disk::new();
        copy(&self.disk.path(), &disk.path());
        disk
    }

    /// Opens a damaged copy. Either it is refused and untouched, or everything is there. Tells which.
    async fn refuses(&self, disk: &Disk, what: &str) -> bool {
        let before = snapshot(&disk.path());
        match open(&disk.path(), options()) {
            Err(StoreError::Corrupt { .. }) => {
                assert!(snapshot(&disk.path()) == before, "{what}: it was touched");
                true
            }
            Err(other) => panic!("{what}: {other}"),
            Ok(handle) => {
                for id in &self.ids {
                    assert!(
                        handle.stores.work.reload(&acme(), *id).await.unwrap().is_some(),
                        "{what}: {id} is lost"
                    );
                }
                handle.close().await.unwrap();
                false
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in snapshot(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    fs::create_dir_all(to.join("sled/blobs")).unwrap();
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x40;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, length: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn sled_files(disk: &Disk) -> Vec<(PathBuf, usize)> {
    snapshot(&disk.path().join("sled")).into_iter().map(|(path, bytes)| (path, bytes.len())).collect()
}

#[tokio::test]
async fn any_change_to_a_closed_store_is_refused() {
    let sound = Sound::closed().await;
    assert!(!sound.refuses(&sound.copy(), "sound").await);
    let files = sled_files(&sound.disk).len();
    assert_eq!(files, 3, "the log, its settings, a snapshot, and no large page in a file of its own");
    for index in 0..files {
        for part in 0..4 {
            let disk = sound.copy();
            let (path, size) = sled_files(&disk).swap_remove(index);
            flip(&path, (size - 1) * part / 3);
            assert!(sound.refuses(&disk, &format!("{} flipped, part {part}", path.display())).await);
        }
        let disk = sound.copy();
        let (path, size) = sled_files(&disk).swap_remove(index);
        cut(&path, size as u64 / 2);
        assert!(sound.refuses(&disk, &format!("{} cut", path.display())).await);
        let disk = sound.copy();
        fs::remove_file(&sled_files(&disk).swap_remove(index).0).unwrap();
        assert!(sound.refuses(&disk, &format!("{} removed", path.display())).await);
    }
}

#[tokio::test]
async fn after_a_kill_no_acknowledged_message_is_lost_in_silence() {
    let sound = Sound::killed().await;
    assert!(!sound.refuses(&sound.copy(), "sound").await, "a kill alone damages nothing");
    let log = sound.disk.path().join("sled/db");
    let size = fs::read(&log).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let mut refused = 0;
    for part in 0..30 {
        let disk = sound.copy();
        flip(&disk.path().join("sled/db"), size * part / 30);
        refused += u32::from(sound.refuses(&disk, &format!("log flipped, part {part}")).await);
    }
    assert!(refused > 0, "no flipped byte mattered");
    for part in 0..10 {
        let disk = sound.copy();
        cut(&disk.path().join("sled/db"), (size * part / 10) as u64);
        assert!(sound.refuses(&disk, &format!("log cut, part {part}")).await);
    }
    println!("{refused} of the damaged stores were refused");
}

#[tokio::test]
async fn the_files_beside_the_log_are_checked_too() {
    let sound = Sound::killed().await;
    for (name, bytes) in [
        ("FORMAT", &b"relevo store one\n"[..]),
        ("FORMAT", b""),
        ("FORMAT", b"\xff\xfe"),
        ("FORMAT", b"relevo store 0\n"),
        ("MARK", b""),
        ("MARK", &[0; 32]),
    ] {
        let disk = sound.copy();
        fs::write(disk.path().join(name), bytes).unwrap();
        assert!(sound.refuses(&disk, &format!("{name} replaced by {bytes:?}")).await);
    }
    for name in ["FORMAT", "MARK"] {
        let disk = sound.copy();
        fs::remove_file(disk.path().join(name)).unwrap();
        assert!(sound.refuses(&disk, &format!("{name} removed")).await);
    }
    let disk = sound.copy();
    fs::remove_dir_all(disk.path().join("sled")).unwrap();
    assert!(sound.refuses(&disk, "sled/ removed").await);
}
