//! Gives a parsed table the shape of its settings, and tells everything that does not fit: what serde stumbles over is told,
//! taken out, and the rest is read again.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::errors::ErrorCollector;

/// Reads a table as `T`. `None` when that cannot be, with errors that say why; there are errors as well when a part of it
/// was left out.
pub(super) fn read<'i, T: Deserialize<'i>>(
    table: Spanned<DeValue<'i>>,
    errors: &mut ErrorCollector<'_>,
) -> Option<T> {
    read_by(table, |table| T::deserialize(ValueDeserializer::from(table)), errors)
}

/// The same by a function that does not know of errors.
pub(super) fn read_by<'i, T>(
    mut table: Spanned<DeValue<'i>>,
    read: impl Fn(Spanned<DeValue<'i>>) -> Result<T, toml::de::Error>,
    errors: &mut ErrorCollector<'_>,
) -> Option<T> {
    loop {
        match read(table.clone()) {
            Ok(settings) => return Some(settings),
            Err(error) => {
                errors.shape_error(&error);
                if !error.span().is_some_and(|span| take_out(table.get_mut(), &span)) {
                    return None;
                }
            }
        }
    }
}

/// Takes out the setting or item whose key or value stands at `span`; false when there is none.
fn take_out(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => take_out_of(table, span),
        DeValue::Array(items) if items.iter().any(|item| item.span() == *span) => {
            *items = std::mem::replace(items, DeArray::new())
                .into_iter()
                .filter(|item| item.span() != *span)
                .collect();
            true
        }
        DeValue::Array(items) => items.iter_mut().any(|item| take_out(item.get_mut(), span)),
        _ => false,
    }
}

fn take_out_of(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let found = table.iter().find(|(key, value)| key.span() == *span || value.span() == *span);
    match found.map(|(key, _)| key.clone()) {
        Some(key) => table.remove(&key).is_some(),
        None => table.iter_mut().any(|(_, value)| take_out(value.get_mut(), span)),
    }
}
