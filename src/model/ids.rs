//! Identifiers, each a type of its own so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::Timestamp;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(&'static str);

impl IdError {
    /// The text is no identifier because of this.
    pub(super) fn new(why: &'static str) -> Self {
        Self(why)
    }
}

/// The gateway's id of a message: a UUID version 7 (RFC 9562), so that ids sort by time of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// Builds an id from the time in milliseconds since the Unix epoch and ten random bytes.
    pub fn new(unix_ms: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, random).into_uuid())
    }

    /// The smallest id of a time.
    pub fn first_at(at: Timestamp) -> Self {
        Self::new(u64::try_from(at.as_millisecond()).unwrap_or(0), &[0; 10])
    }

    /// Reads an id back from its sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes, whose order is the order of the ids.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The time in it: when the message was accepted.
    pub fn accepted_at(&self) -> Timestamp {
        // 48 bits reach beyond the last year of a timestamp.
        let ms = i64::try_from(self.unix_ms()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
    }

    /// The time in it, in milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> u64 {
        // The first 48 bits of 128 (RFC 9562, section 5.7).
        (self.0.as_u128() >> 80) as u64
    }

    /// The id that comes after this one: the random part counts up (RFC 9562, section 6.2, method 2), and when it is used
    /// up, the time goes on by a millisecond.
    pub fn next(&self) -> Self {
        const COUNTER: u128 = (1 << 62) - 1;
        let value = self.0.as_u128();
        if value & COUNTER == COUNTER {
            return Self::new(self.unix_ms() + 1, &[0; 10]);
        }
        Self(Uuid::from_u128(value + 1))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| IdError("must be a UUID as returned by Send"))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:expr, $error:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() || text.len() > $max || !text.chars().all(allowed) {
                    return Err(IdError($error));
                }
                Ok(Self(text.to_owned()))
            }
        }
    };
}

fn name_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

text_id!(
    /// The name of a brand in the configuration.
    BrandId, 63, name_char, "must be 1 to 63 lower-case letters, digits and hyphens"
);
text_id!(
    /// The name of a provider in the configuration.
    ProviderName, 63, name_char, "must be 1 to 63 lower-case letters, digits and hyphens"
);
text_id!(
    /// The name, in the configuration, of a business portfolio at Meta: whoever has senders of one business knows people on
    /// WhatsApp by the same user ids.
    BusinessId, 63, name_char, "must be 1 to 63 lower-case letters, digits and hyphens"
);
text_id!(
    /// A brand's own id of a contact.
    ContactId, 128, |c| c.is_ascii_alphanumeric() || "._:@-".contains(c),
    "must be 1 to 128 letters, digits and any of . _ : @ -"
);
text_id!(
    /// The public part of an API key.
    KeyId, 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit(), "must be 1 to 32 lower-case letters and digits"
);

/// Which of the people that had a contact's id one after the other. A brand may delete a contact and give its id to somebody
/// else, to whom nothing belongs that was meant for the first. Zero for contacts of earlier versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContactIncarnation(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_id_comes_right_after_and_is_a_uuid_7() {
        let id = MessageId::new(1_800_000_000_123, &[7; 10]);
        assert_eq!(id.unix_ms(), 1_800_000_000_123);
        assert_eq!(id.next().0.as_u128(), id.0.as_u128() + 1);
        let last = MessageId::new(5, &[255; 10]);
        assert!(last.next() > last);
        assert_eq!((last.next().unix_ms(), last.next().0.get_version_num()), (6, 7));
    }
}
