//! Which messages went to a contact.
//!
//! An index of single messages by contact would scatter its writes over the whole tree, one page for each. Instead, four
//! bytes of a hash are kept for each message, in the order of acceptance, a thousand to a record: ten million messages
//! take 40 MB, which is read through in a tenth of a second, and a hash that is found leads to a short run of packs.

use std::ops::{ControlFlow, Range};

use super::keys;
use super::lookup::{Lookup, ScanOrder, Snapshot};
use super::packs::RECORD_BYTES;
use super::txn::Txn;
use crate::model::{BrandId, MessageId};
use crate::store::StoreError;
use crate::wire::store::v1::HeadRecord;

/// Bytes of the hash of a contact.
const HASH_BYTES: usize = 4;

/// Notes the contact of the newest message.
pub fn append(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    head: &mut HeadRecord,
    id: MessageId,
    contact: &str,
) -> Result<(), StoreError> {
    let open = head.contacts.as_slice().try_into().map(MessageId::from_bytes).ok();
    let length = open.map_or(Ok(0), |first| txn.length(&keys::contacts_index(brand, first)))?;
    let first = open.filter(|_| (1..RECORD_BYTES).contains(&length)).unwrap_or(id);
    head.contacts = first.as_bytes().to_vec();
    txn.append(keys::contacts_index(brand, first), |record| record.extend(hash(contact)))
}

/// The runs of ids before `end` among which a contact's messages are, the newest first, for as long as `visit` says so.
pub fn runs(
    view: &dyn Snapshot,
    brand: &BrandId,
    contact: &str,
    end: Option<MessageId>,
    visit: &mut dyn FnMut(Range<Option<MessageId>>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let wanted = hash(contact);
    let range =
        end.map_or_else(|| keys::contacts_indexes(brand), |end| keys::contacts_indexes_up_to(brand, end));
    let mut next = end;
    view.scan(range, ScanOrder::Descending, &mut |key, record| {
        let first = keys::id(key);
        let run = first..std::mem::replace(&mut next, first);
        match record.chunks_exact(HASH_BYTES).any(|hash| hash == wanted) {
            true => visit(run),
            false => Ok(ControlFlow::Continue(())),
        }
    })
}

/// Drops the oldest indexes, of which no message is left.
pub fn clear(txn: &mut Txn<'_>, brand: &BrandId) -> Result<(), StoreError> {
    let Some(oldest) = first_key(txn.committed(), keys::packs(brand))?.and_then(|key| keys::id(&key)) else {
        return Ok(());
    };
    // The last index that begins before the oldest pack has messages of it.
    let Some((last, _)) = txn.last_in(keys::contacts_indexes_up_to(brand, oldest))? else { return Ok(()) };
    let mut old = Vec::new();
    txn.committed().scan(
        keys::contacts_indexes(brand).start..last,
        ScanOrder::Ascending,
        &mut |key, _| {
            old.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        },
    )?;
    old.into_iter().for_each(|key| txn.delete(key));
    Ok(())
}

fn first_key(view: &dyn Snapshot, range: Range<Vec<u8>>) -> Result<Option<Vec<u8>>, StoreError> {
    let mut first = None;
    view.scan(range, ScanOrder::Ascending, &mut |key, _| {
        first = Some(key.to_vec());
        Ok(ControlFlow::Break(()))
    })?;
    Ok(first)
}

/// FNV-1a in 32 bits. Two contacts that share a hash only cost a look at a few packs too many.
fn hash(contact: &str) -> [u8; HASH_BYTES] {
    let mut hash = 0x811c_9dc5_u32;
    for byte in contact.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash.to_be_bytes()
}
