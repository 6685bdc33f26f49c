//! Damaged files: refused, untouched, and never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use relevo::model::MessageId;
use relevo::store::StoreError;
use relevo::store::embedded::sled::SledHandle;

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

    /// The same of a store that was opened a second time, so that sled has kept a snapshot.
    async fn killed_later() -> Self {
        Self::closed().await.opened_and_killed().await
    }

    async fn opened_and_killed(mut self) -> Self {
        let handle = self.disk.open();
        for second in 60..70 {
            self.ids.push(accept(&handle.stores, message(second)).await.id);
        }
        let disk = Disk::new();
        copy(&self.disk.path(), &disk.path());
        handle.close().await.unwrap();
        Self { disk, ids: self.ids }
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
        match open_when_free(&disk.path()) {
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

/// Copies the files of a store.
pub fn copy(from: &Path, to: &Path) {
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

#[tokio::test]
async fn any_change_to_the_log_of_a_closed_store_is_refused() {
    let sound = Sound::closed().await;
    assert!(!sound.refuses(&sound.copy(), "sound").await);
    let size = usize::try_from(fs::metadata(sound.disk.path().join("sled/db")).unwrap().len()).unwrap();
    for part in 0..4 {
        let disk = sound.copy();
        flip(&disk.path().join("sled/db"), (size - 1) * part / 3);
        assert!(sound.refuses(&disk, &format!("log flipped, part {part}")).await);
    }
    let disk = sound.copy();
    cut(&disk.path().join("sled/db"), size as u64 / 2);
    assert!(sound.refuses(&disk, "log cut").await);
    let disk = sound.copy();
    fs::remove_file(disk.path().join("sled/db")).unwrap();
    assert!(sound.refuses(&disk, "log removed").await);
}

/// A way to damage a file.
type Damage = fn(&Path);

const DAMAGES: [(&str, Damage); 6] = [
    ("first byte flipped", |path| flip(path, 0)),
    ("last byte flipped", |path| flip(path, fs::read(path).unwrap().len() - 1)),
    ("cut", |path| cut(path, fs::metadata(path).unwrap().len() / 2)),
    ("emptied", |path| cut(path, 0)),
    ("a few bytes", |path| cut(path, 9)),
    ("removed", |path| fs::remove_file(path).unwrap()),
];

/// sled's snapshot and its settings.
fn side_files(disk: &Disk) -> Vec<PathBuf> {
    let files = snapshot(&disk.path().join("sled")).into_iter().map(|(path, _)| path);
    files.filter(|path| path.file_name().unwrap() != "db").collect()
}

#[tokio::test]
async fn whatever_happens_to_the_files_beside_the_log_the_log_serves() {
    for sound in [Sound::closed().await, Sound::killed_later().await] {
        let files = side_files(&sound.disk).len();
        assert_eq!(files, 2, "settings, a snapshot, and no large page in a file of its own");
        for (index, (name, damage)) in (0..files).flat_map(|index| DAMAGES.map(|damage| (index, damage))) {
            let disk = sound.copy();
            let path = side_files(&disk).swap_remove(index);
            damage(&path);
            let what = format!("{}, {name}", path.display());
            assert!(!sound.refuses(&disk, &what).await, "{what}: refused");
            // Once more, from what that start has left.
            assert!(!sound.refuses(&disk, &what).await, "{what}: refused at the next start");
        }
    }
}

#[tokio::test]
async fn the_draft_of_a_snapshot_is_no_snapshot() {
    for sound in [Sound::closed().await, Sound::killed().await, Sound::killed_later().await] {
        for bytes in [&b""[..], b"half a snapshot"] {
            let disk = sound.copy();
            fs::write(disk.path().join("sled/snap.00000000000FFFFF.generating"), bytes).unwrap();
            assert!(!sound.refuses(&disk, "a draft").await, "{bytes:?}");
        }
    }
}

#[tokio::test]
async fn an_older_snapshot_serves_when_the_newest_is_damaged() {
    let sound = Sound::killed_later().await;
    let disk = sound.copy();
    fs::write(disk.path().join("sled/snap.00000000FFFFFFFF"), b"").unwrap();
    assert!(!sound.refuses(&disk, "an empty snapshot beside a whole one").await);
}

#[tokio::test]
async fn the_mark_of_a_closed_store_can_be_lost() {
    let sound = Sound::closed().await;
    let disk = sound.copy();
    fs::remove_file(disk.path().join("MARK")).unwrap();
    assert!(!sound.refuses(&disk, "MARK removed").await);
}

/// With neither a snapshot nor a whole log, sled would take older pages for the latest.
#[tokio::test]
async fn a_damaged_log_does_not_stand_alone() {
    let (mut sound, handle) = Sound::fill().await;
    for second in 100..300 {
        let mut message = message(second);
        // Contents that are the same are kept once.
        message.content.html = Some(format!("<p>{second}</p>").repeat(2_000));
        sound.ids.push(accept(&handle.stores, message).await.id);
    }
    handle.close().await.unwrap();
    let sound = sound.opened_and_killed().await;
    let log = sound.disk.path().join("sled/db");
    let size = fs::read(&log).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    assert!(size > 2 << 20, "the log has several segments");
    let mut refused = 0;
    for part in 0..40 {
        let disk = sound.copy();
        let snapshot =
            side_files(&disk).into_iter().find(|path| path.file_name().unwrap() != "conf").unwrap();
        cut(&snapshot, 0);
        flip(&disk.path().join("sled/db"), size * part / 40);
        refused += u32::from(sound.refuses(&disk, &format!("log flipped, part {part}")).await);
    }
    assert!(refused > 20, "only {refused} were refused");
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
