//! Bodies: contents that many messages share. A campaign's content is kept once, not once for each person.
//!
//! Whether a content comes again is only known when it does, so the first message keeps its own, and from the second on
//! they share. The messages that share a body are counted, and the last one deletes it.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::keys;
use super::lookup::{Lookup, damaged, load, read_number};
use super::txn::Txn;
use crate::model::BrandId;
use crate::store::StoreError;
use crate::wire::store::v1::BodyRecord;

/// Shorter bodies are not shared, in bytes of their record: there would be little to gain.
const MIN_SHARED_BYTES: usize = 64;

/// How many bodies are remembered.
const RECENT_BODIES: usize = 4_096;

/// The first sixteen bytes of SHA-256 of a body's record.
pub type BodyHash = [u8; 16];

/// The hash of a record that is long enough to be shared.
pub fn body_hash(record: &[u8]) -> Option<BodyHash> {
    if record.len() < MIN_SHARED_BYTES {
        return None;
    }
    Sha256::digest(record).first_chunk().copied()
}

/// The hashes of the bodies last accepted, each in the slot that its first bytes choose. Two that share a slot displace each
/// other, which only costs disk space.
pub struct RecentBodies(Mutex<Vec<BodyHash>>);

impl Default for RecentBodies {
    fn default() -> Self {
        Self(Mutex::new(vec![BodyHash::default(); RECENT_BODIES]))
    }
}

impl RecentBodies {
    /// Whether the body was seen before; it is remembered from now on.
    fn seen_before(&self, hash: BodyHash) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = usize::from(u16::from_be_bytes([hash[0], hash[1]])) % RECENT_BODIES;
        std::mem::replace(&mut seen[slot], hash) == hash
    }
}

/// Shares a body with the earlier messages that had it. Returns whether it is shared now.
pub fn share_body(
    txn: &mut Txn<'_>,
    recent: &RecentBodies,
    brand: &BrandId,
    hash: BodyHash,
    record: &[u8],
) -> Result<bool, StoreError> {
    if !recent.seen_before(hash) {
        return Ok(false);
    }
    let count = keys::body_messages(brand, &hash);
    let messages = read_number(txn, &count)?;
    if messages == 0 {
        txn.put(keys::body(brand, &hash), record.to_vec());
    }
    txn.put_number(count, messages + 1);
    Ok(true)
}

/// Counts one message less that shares the body; after the last one the body is deleted.
pub fn release_body(txn: &mut Txn<'_>, brand: &BrandId, hash: &[u8]) -> Result<(), StoreError> {
    let count = keys::body_messages(brand, hash);
    match read_number(txn, &count)? {
        0 | 1 => {
            txn.delete(keys::body(brand, hash));
            txn.delete(count);
        }
        more => txn.put_number(count, more - 1),
    }
    Ok(())
}

/// The record of a shared body.
pub fn read_body(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    hash: &[u8],
) -> Result<BodyRecord, StoreError> {
    load(from, &keys::body(brand, hash))?
        .ok_or_else(|| damaged(from, "a message leads to no content".to_owned()))
}
