//! Texts of the file. None of them has use for a control character, and many go into headers, URLs and protocols of
//! providers, where one would fail the first call or write a line of its own.

use toml::de::{DeTable, DeValue};

use super::errors::ErrorCollector;
use super::locations::join_path;

/// Adds an error for every text with a control character.
pub(super) fn check(table: &DeTable<'_>, path: &str, errors: &mut ErrorCollector<'_>) {
    for (key, value) in table {
        check_value(value.get_ref(), &join_path(path, key.get_ref()), errors);
    }
}

fn check_value(value: &DeValue<'_>, path: &str, errors: &mut ErrorCollector<'_>) {
    match value {
        DeValue::String(text) if text.contains(char::is_control) => {
            errors.add(path, "must not hold a line break or another control character");
        }
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item.get_ref(), &format!("{path}[{index}]"), errors);
            }
        }
        DeValue::Table(table) => check(table, path, errors),
        _ => {}
    }
}
