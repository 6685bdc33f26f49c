//! Proves sled's log whole without the help of a snapshot.
//!
//! Where a snapshot says which place of the log holds the latest state of a page, to read every page proves every place that
//! counts. Without one sled replays the log, and what it cannot read in the middle of it, it leaves out without a word:
//! pages would silently be what they were before. So the log alone is believed only when every message in it can be read.
//!
//! The log is a row of segments of 512 KiB. A segment begins with a header (the CRC-32 of the rest, its number in the log,
//! and up to where the log was durable when it was begun), and messages follow one another until one that says that the rest is
//! unused, or until the rest has no room for another. A segment that was never used, or given up, begins with zeros. What lies
//! beyond the durable end of the log may be torn, because nobody was told that it is there (sled 0.34, `pagecache/logger.rs`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SEGMENT_BYTES: usize = 512 << 10;
const SEGMENT_HEADER_BYTES: usize = 20;
/// No message begins where the rest of the segment has less room than this.
const MAX_MESSAGE_HEADER_BYTES: usize = 32;
/// The kind of a message after which the segment has no other.
const END_OF_SEGMENT: u8 = 2;
/// The kind that sled gives to what it has given up.
const GIVEN_UP: u8 = 0;

/// What the first bytes of a segment tell.
#[derive(Debug, PartialEq, Eq)]
enum SegmentState {
    /// It was never used, or was given up.
    Unused,
    /// It holds messages.
    Used {
        /// Where it begins in the log.
        start: i64,
        /// Up to where the log was durable when it was begun.
        durable_end: i64,
    },
    /// Its header cannot be read.
    Damaged,
}

/// Whether every message in the durable part of the log at `path` can be read. A log that was not begun has none.
///
/// # Errors
/// When the file cannot be read.
pub fn is_whole(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        file => file?,
    };
    let count = file.metadata()?.len().div_ceil(SEGMENT_BYTES as u64);
    let mut used = Vec::new();
    let mut durable_end = 0;
    for offset in (0..count).map(|index| index * SEGMENT_BYTES as u64) {
        match read_state(&file, offset)? {
            SegmentState::Unused => {}
            SegmentState::Damaged => return Ok(false),
            SegmentState::Used { start, durable_end: known } => {
                durable_end = durable_end.max(known);
                used.push((offset, start));
            }
        }
    }
    // The segment in which the durable part ends is still written on.
    let last_start = durable_end / SEGMENT_BYTES as i64 * SEGMENT_BYTES as i64;
    let mut segment = vec![0; SEGMENT_BYTES];
    for (offset, start) in used.into_iter().filter(|(_, start)| *start < last_start) {
        file.read_exact_at(&mut segment, offset)?;
        if !messages_are_whole(&segment, start) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_state(file: &File, offset: u64) -> io::Result<SegmentState> {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    match file.read_exact_at(&mut header, offset) {
        // The file ends within the header, which was therefore never durable.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(SegmentState::Unused),
        Err(error) => Err(error),
        Ok(()) => Ok(parse_header(&header)),
    }
}

fn parse_header(header: &[u8; SEGMENT_HEADER_BYTES]) -> SegmentState {
    let (sum, numbers) = header.split_at(4);
    if header.iter().all(|byte| *byte == 0) {
        SegmentState::Unused
    } else if (crc32fast::hash(numbers) ^ u32::MAX).to_le_bytes() != *sum {
        SegmentState::Damaged
    } else {
        let number = |bytes: &[u8]| {
            bytes.iter().rev().fold(0, |number, byte| number << 8 | i64::from(*byte)) ^ i64::MAX
        };
        SegmentState::Used { start: number(&numbers[..8]), durable_end: number(&numbers[8..]) }
    }
}

/// Whether every message of a segment that begins at `start` in the log can be read.
fn messages_are_whole(segment: &[u8], start: i64) -> bool {
    let segment_number = start.unsigned_abs() / SEGMENT_BYTES as u64;
    let mut at = SEGMENT_HEADER_BYTES;
    while at + MAX_MESSAGE_HEADER_BYTES <= segment.len() {
        match read_message(&segment[at..], segment_number) {
            None => return false,
            Some((END_OF_SEGMENT, _)) => return true,
            Some((_, length)) => at += length,
        }
    }
    true
}

/// The kind and length of the message that `bytes` begin with; `None` when it cannot be read.
fn read_message(bytes: &[u8], segment_number: u64) -> Option<(u8, usize)> {
    let (sum, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first()?;
    let (body_bytes, rest) = read_varint(rest)?;
    let (number, rest) = read_varint(rest)?;
    let (_page, rest) = read_varint(rest)?;
    let body = rest.get(..usize::try_from(body_bytes).ok()?)?;
    let header_bytes = bytes.len() - rest.len();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(&bytes[4..header_bytes]);
    let is_whole = (hasher.finalize() ^ u32::MAX).to_le_bytes() == *sum;
    (is_whole && *kind != GIVEN_UP && number == segment_number).then_some((*kind, header_bytes + body.len()))
}

/// The number that `bytes` begin with, as SQLite 4 writes it, and what follows.
fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let many = |count: usize| {
        let (number, rest) = rest.split_at_checked(count)?;
        let mut bytes = [0; 8];
        bytes[..count].copy_from_slice(number);
        Some((u64::from_le_bytes(bytes), rest))
    };
    match *first {
        0..=240 => Some((u64::from(*first), rest)),
        241..=248 => many(1).map(|(low, rest)| (240 + 256 * (u64::from(*first) - 241) + low, rest)),
        249 => {
            let (number, rest) = rest.split_first_chunk::<2>()?;
            Some((2_288 + u64::from(u16::from_be_bytes(*number)), rest))
        }
        _ => many(usize::from(*first) - 247),
    }
}
