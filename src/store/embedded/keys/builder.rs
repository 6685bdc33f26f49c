//! How a key is put together, and its parts read back.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::model::{Address, MessageId, Timestamp};

/// Builds a key.
pub struct KeyBuilder(Vec<u8>);

impl KeyBuilder {
    pub fn new(kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(kind);
        Self(bytes)
    }

    pub fn byte(self, byte: u8) -> Self {
        self.last(&[byte])
    }

    pub fn number(self, number: u64) -> Self {
        self.last(&number.to_be_bytes())
    }

    pub fn time(self, at: Timestamp) -> Self {
        self.last(&time(at))
    }

    pub fn id(self, id: MessageId) -> Self {
        self.last(id.as_bytes())
    }

    /// A name followed by more.
    pub fn name(self, name: &str) -> Self {
        self.last(name.as_bytes()).byte(0)
    }

    pub fn last(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn address(self, address: &Address) -> Self {
        match address.folded() {
            Address::Email(email) => self.byte(1).last(email.as_str().as_bytes()),
            Address::Phone(phone) => self.byte(2).last(phone.as_str().as_bytes()),
            Address::TelegramChat(chat) => self.byte(3).number(chat.unsigned_abs()),
            Address::WhatsappUser(user) => {
                self.byte(4).name(user.business().as_str()).last(user.id().as_bytes())
            }
        }
    }

    pub fn done(self) -> Vec<u8> {
        self.0
    }

    /// Every key that begins with these parts.
    pub fn all(self) -> Range<Vec<u8>> {
        let end = after_prefix(&self.0);
        self.0..end
    }
}

/// The smallest key that does not begin with `prefix`. The first byte is a kind and never 255, so there is one.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// A time in eight bytes that sort as times do, also before 1970.
pub fn time(at: Timestamp) -> [u8; 8] {
    (at.as_millisecond() ^ i64::MIN).to_be_bytes()
}

pub fn read_time(bytes: [u8; 8]) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::from_be_bytes(bytes) ^ i64::MIN).ok()
}

/// Reads eight bytes as written by [`time`] at the end of a key or value.
pub fn read_last_time(bytes: &[u8]) -> Option<Timestamp> {
    bytes.last_chunk().copied().and_then(read_time)
}

/// Reads the number with which a key ends.
pub fn number(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A key as errors show it: its kind and a digest, because a key can hold an address.
pub fn redacted(key: &[u8]) -> String {
    let digest = Sha256::digest(key);
    let kind = key.first().copied().unwrap_or_default();
    format!("a key of kind {kind} ({:02x}{:02x}{:02x}{:02x})", digest[0], digest[1], digest[2], digest[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_keys() {
        let times = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "1970-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
        ];
        let keys: Vec<_> = times.map(|text| time(text.parse().unwrap())).into();
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(after_prefix(&[1, 2]), [1, 3]);
        assert_eq!(after_prefix(&[1, 255, 255]), [2]);
    }
}
