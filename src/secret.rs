//! Secrets: read from the environment or a file when the configuration is loaded, never printed.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The key under which the loader of the configuration hands over a secret it has read.
pub const RESOLVED: &str = "$secret";

/// A secret value. It has no `Display`, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value. Only the code that hands it to a provider or a peer has a use for it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Why bytes are not a secret that can be used. No text of it shows any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is nothing, or only the end of a line.
    #[error("is empty")]
    Empty,
    /// The bytes are no text.
    #[error("is not text in UTF-8")]
    NotText,
    /// A space, or whatever else leaves a gap, stands at one of the ends.
    #[error("begins or ends with a space, which no secret does")]
    Space,
    /// A control character, which neither a header nor a token can hold.
    #[error("holds a line break or another control character, which no secret does but a key in PEM")]
    ControlCharacter,
}

impl Secret {
    /// Reads what a file or a variable holds. Line ends after it are no part of it: editors and `echo` leave them there. A
    /// key in PEM is the one secret that has several lines.
    ///
    /// # Errors
    /// When it could be in no header, login or signature, so that the first call would fail.
    pub fn read(bytes: &[u8]) -> Result<Self, SecretError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SecretError::NotText)?;
        let text = text.trim_end_matches(['\r', '\n']);
        // Some editors begin a file with a byte order mark, which cannot be seen.
        let is_gap = |c: char| c.is_whitespace() || c == '\u{feff}';
        let is_pem = text.contains("-----BEGIN ");
        let is_stray = |c: char| c.is_control() && !(is_pem && ['\r', '\n'].contains(&c));
        if text.is_empty() {
            Err(SecretError::Empty)
        } else if text.contains(is_stray) {
            Err(SecretError::ControlCharacter)
        } else if text.starts_with(is_gap) || text.ends_with(is_gap) {
            Err(SecretError::Space)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// In the configuration a secret is `{ env = "NAME" }` or `{ file = "PATH" }`; the loader replaces either by
/// `{ "$secret" = value }` before it gets here. Everything else, above all the secret itself, is refused.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"PATH\" }")
    }

    // The next four are overridden because their default errors would print the value.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
        Err(literal_secret())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(literal_secret())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(literal_secret())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(literal_secret())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        match map.next_key::<String>()? {
            Some(key) if key == RESOLVED => map.next_value().map(Secret),
            _ => Err(de::Error::custom(
                "must be { env = \"NAME\" } or { file = \"PATH\" }, with exactly one of the two",
            )),
        }
    }
}

fn literal_secret<E: de::Error>() -> E {
    E::custom(
        "a secret does not belong in this file: write { env = \"NAME\" } or { file = \"PATH\" } to say where it is",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_after_a_secret_are_no_part_of_it() {
        for bytes in ["hunter 2", "hunter 2\n", "hunter 2\r\n", "hunter 2\n\n"] {
            assert_eq!(Secret::read(bytes.as_bytes()), Ok(Secret::new("hunter 2")));
        }
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----";
        assert_eq!(Secret::read(format!("{pem}\n").as_bytes()), Ok(Secret::new(pem)));
    }

    #[test]
    fn what_no_header_can_hold_is_no_secret() {
        for (bytes, error) in [
            (&b""[..], SecretError::Empty),
            (b"\r\n", SecretError::Empty),
            (b"caf\xe9", SecretError::NotText),
            (b"\xff\xfeh\x00", SecretError::NotText),
            (b" hunter2", SecretError::Space),
            (b"hunter2 \n", SecretError::Space),
            ("hunter2\u{a0}".as_bytes(), SecretError::Space),
            ("\u{feff}hunter2".as_bytes(), SecretError::Space),
            (b"\nhunter2", SecretError::ControlCharacter),
            (b"hunter2\t", SecretError::ControlCharacter),
            (b"hunter2\nhunter3", SecretError::ControlCharacter),
            (b"hunter\x002", SecretError::ControlCharacter),
            (b"-----BEGIN \x07", SecretError::ControlCharacter),
        ] {
            assert_eq!(Secret::read(bytes), Err(error), "{bytes:?}");
        }
    }
}
