//! The settings of an account that carries several channels: those of the account, which all its kinds of provider have, and
//! those of the kind's channel, read from one table.
//!
//! `#[serde(flatten)]` would lose the places of settings in the file, and let unknown ones pass.

use std::fmt;

use serde::de::value::Error as FieldError;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

/// The settings of one channel of an account.
#[derive(Debug, Clone)]
pub struct ChannelSettings<A, C> {
    /// Those of the account.
    pub account: A,
    /// Those of the channel.
    pub channel: C,
}

impl<A: DeserializeOwned, C: DeserializeOwned> ChannelSettings<A, C> {
    /// Reads both structs from `table`, each by the names of its fields.
    ///
    /// # Errors
    /// The first setting that neither has, or that is missing or of another type.
    pub(super) fn read(table: Spanned<DeValue<'_>>) -> Result<Self, toml::de::Error> {
        let known = [field_names::<A>(), field_names::<C>()].concat();
        KnownSettings(&known).deserialize(ValueDeserializer::from(table.clone()))?;
        Ok(Self {
            account: A::deserialize(ValueDeserializer::from(table.clone()))?,
            channel: C::deserialize(ValueDeserializer::from(table))?,
        })
    }
}

/// The names of a struct's fields, by which it asks a deserializer for them.
fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // It fails, because no value is given.
    let _ = T::deserialize(FieldNames(&mut names));
    names
}

struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = FieldError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, FieldError> {
        Err(FieldError::custom("no value is given"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Reads a table, and lets only settings of these names pass.
#[derive(Clone, Copy)]
struct KnownSettings<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for KnownSettings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, table: D) -> Result<(), D::Error> {
        table.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KnownSettings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut table: M) -> Result<(), M::Error> {
        while table.next_key_seed(KnownName(self.0))?.is_some() {
            table.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The name of a setting, which must be one of these.
struct KnownName<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for KnownName<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<(), D::Error> {
        name.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KnownName<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a setting")
    }

    /// In the words of serde's own derived code.
    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        if self.0.contains(&name) {
            return Ok(());
        }
        let known: Vec<String> = self.0.iter().map(|known| format!("`{known}`")).collect();
        Err(E::custom(format_args!("unknown field `{name}`, expected one of {}", known.join(", "))))
    }
}
