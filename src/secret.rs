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
