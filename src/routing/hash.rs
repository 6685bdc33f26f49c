//! A pseudo-random number that depends only on a message's id and a salt.

use crate::model::MessageId;

/// A number in `0.0..1.0` drawn from a message's id and a salt: as good as random between messages, and the same each
/// time the same question is asked. FNV-1a with a final mix (the constants are those of FNV and of MurmurHash3).
pub(super) fn hash_fraction(message: MessageId, salt: &[u8]) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in message.as_bytes().iter().chain(salt) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    // The upper 53 bits fill a double's mantissa exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
