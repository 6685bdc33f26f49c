//! Large values in pieces.
//!
//! sled keeps a page that is larger than a quarter of a segment (128 KiB) in a file of its own. It does not sync such
//! files, and when the disk is full while it writes one, it waits for itself for ever. A leaf holds at most 16 pairs and
//! a few more while it splits, so values of at most 4 KiB keep every page in the log.
//!
//! A value is `0` and its bytes, or `1` and the number of its pieces; piece `n` of `key` is at `254 key n`, where `key`
//! stands behind its length, so that pieces of one key are not mistaken for those of another.

/// The largest piece, in bytes.
pub const MAX_BYTES: usize = 4 << 10;

const WHOLE: u8 = 0;
const IN_PIECES: u8 = 1;
const KIND: u8 = 254;

/// A value as sled keeps it.
#[derive(Debug, PartialEq, Eq)]
pub enum StoredValue<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// This many pieces of it.
    Chunks(u32),
}

/// Reads what is kept at a key; `None` when it makes no sense.
pub fn read(kept: &[u8]) -> Option<StoredValue<'_>> {
    match kept.split_first()? {
        (&WHOLE, bytes) => Some(StoredValue::Whole(bytes)),
        (&IN_PIECES, count) => Some(StoredValue::Chunks(u32::from_be_bytes(count.try_into().ok()?))),
        _ => None,
    }
}

/// What is kept at the key of a value, and its pieces.
pub fn split(value: &[u8]) -> (Vec<u8>, Vec<&[u8]>) {
    if value.len() <= MAX_BYTES {
        return ([&[WHOLE], value].concat(), Vec::new());
    }
    let pieces: Vec<&[u8]> = value.chunks(MAX_BYTES).collect();
    // A value is bounded far below 2^32 pieces.
    let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    ([&[IN_PIECES], &count.to_be_bytes()[..]].concat(), pieces)
}

/// Where a piece is kept.
pub fn key(key: &[u8], index: u32) -> Vec<u8> {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [&[KIND], &length.to_be_bytes()[..], key, &index.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_split_only_when_it_is_large() {
        let small = vec![7; MAX_BYTES];
        let (kept, pieces) = split(&small);
        assert_eq!((read(&kept), pieces.len()), (Some(StoredValue::Whole(&small)), 0));
        let large = vec![7; 2 * MAX_BYTES + 1];
        let (kept, pieces) = split(&large);
        assert_eq!((read(&kept), pieces.concat()), (Some(StoredValue::Chunks(3)), large));
        assert_eq!((read(&[]), read(&[2]), read(&[1, 0])), (None, None, None));
    }
}
