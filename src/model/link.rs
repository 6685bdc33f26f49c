//! Links by which people tie an address of theirs to the contact that they are.

use super::{BrandId, ContactId, Timestamp};

/// The id of a link: when it expires, in milliseconds since 1970 in six bytes, and ten random ones. So ids sort by the
/// time at which they expire, and nobody guesses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkId([u8; 16]);

impl LinkId {
    /// The id of a link that expires at `expires_at`, a time after 1970. `random` must come from a source that cannot be
    /// guessed.
    pub fn new(expires_at: Timestamp, random: &[u8; 10]) -> Self {
        let ms = expires_at.as_millisecond().unsigned_abs().to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&ms[2..]);
        bytes[6..].copy_from_slice(random);
        Self(bytes)
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// When the link expires.
    pub fn expires_at(&self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = self.0;
        let ms = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
    }
}

/// The contact that a link belongs to: whoever follows the link is taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLink {
    /// The brand.
    pub brand: BrandId,
    /// The contact.
    pub contact: ContactId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_expires() {
        let at: Timestamp = "2026-11-22T10:00:00.123Z".parse().unwrap();
        let id = LinkId::new(at, &[7; 10]);
        assert_eq!((id.expires_at(), id.as_bytes()[6]), (at, 7));
        assert_eq!(LinkId::from_bytes([255; 16]).expires_at(), Timestamp::MAX);
    }
}
