//! The ceiling of the store: what sled does by itself with records of the same number and size.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use crate::stopwatch::Stopwatch;

/// The records that the store writes for an accepted message, as lengths of key and value in bytes: the message, its
/// progress, its place in the due order, in the brand's and the contact's list, and its event. See the table of keys in
/// the embedded store; these must follow it.
const RECORDS: [(usize, usize); 6] = [(17, 640), (17, 60), (34, 0), (38, 0), (55, 0), (14, 60)];

/// How many messages share one flush.
const GROUP: u64 = 100;

/// Writes groups of messages into a new store in `folder` for so long, and tells how many messages a second that was.
pub fn run(folder: &Path, duration: Duration) -> anyhow::Result<()> {
    // The settings of the gateway's store.
    let config = sled::Config::new().path(folder).cache_capacity(64 << 20).flush_every_ms(None);
    let db = config.open()?;
    let log = File::open(folder.join("db"))?;
    let watch = Stopwatch::start();
    let mut messages = 0;
    while watch.elapsed() < duration {
        db.apply_batch(group(messages))?;
        db.flush()?;
        log.sync_data()?;
        messages += GROUP;
    }
    println!("{}", messages as f64 / watch.seconds());
    Ok(())
}

fn group(first: u64) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for message in first..first + GROUP {
        for (kind, (key, value)) in (0..).zip(RECORDS) {
            batch.insert(self::key(kind, message, key), vec![b'x'; value]);
        }
    }
    batch
}

/// A key of one kind, in the order of the messages, as the store's are: its ids begin with the time.
fn key(kind: u8, message: u64, length: usize) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&message.to_be_bytes());
    key.resize(length, 0);
    key
}
