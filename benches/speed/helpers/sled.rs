//! The ceiling of the store: what sled does by itself with records of the same number and size.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use crate::stopwatch::Stopwatch;

/// How many messages share one flush.
const GROUP: u64 = 100;

/// The records that the store writes for a group of accepted messages: how many, and the length of each key and value in
/// bytes. Six messages share a pack, and each pack has an entry of the due order; the group adds to the journal, to the index
/// of contacts, and to the head. See the table of keys in the embedded store, which this follows.
const RECORDS: [(u64, usize, usize); 5] =
    [(17, 22, 3_600), (17, 48, 0), (1, 14, 3_500), (1, 22, 400), (1, 7, 70)];

/// Writes groups of messages into a new store in `folder` for so long, and tells how many messages a second that was.
pub fn run(folder: &Path, duration: Duration) -> anyhow::Result<()> {
    // The settings of the gateway's store.
    let config = sled::Config::new().path(folder).cache_capacity(32 << 20).flush_every_ms(None);
    let db = config.open()?;
    let log = File::open(folder.join("db"))?;
    let watch = Stopwatch::start();
    let mut groups = 0;
    while watch.elapsed() < duration {
        db.apply_batch(group(groups))?;
        db.flush()?;
        log.sync_data()?;
        groups += 1;
    }
    println!("{}", (groups * GROUP) as f64 / watch.seconds());
    Ok(())
}

fn group(number: u64) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (kind, (count, key, value)) in (0..).zip(RECORDS) {
        for record in 0..count {
            batch.insert(self::key(kind, number * count + record, key), vec![b'x'; value]);
        }
    }
    batch
}

/// A key of one kind, in the order of the messages, as the store's are: its ids begin with the time. Shorter ones are
/// written over and over.
fn key(kind: u8, number: u64, length: usize) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key.resize(length, 0);
    key
}
