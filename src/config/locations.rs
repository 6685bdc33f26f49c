//! Where each setting stands in the file.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The lines of all settings, by path.
///
/// A path is written as in an error: names joined by dots, items of lists as `[2]`, counted from 0. Quotes around a name
/// are left out here, so that `topics."offers"` and `topics.offers` are the same.
pub(super) struct SettingLocations {
    lines: BTreeMap<String, usize>,
    spans: Vec<SettingLocation>,
}

struct SettingLocation {
    key: Range<usize>,
    value: Range<usize>,
    line: usize,
    path: String,
}

impl SettingLocations {
    pub(super) fn new(text: &str, table: &DeTable<'_>) -> Self {
        let mut spans = Vec::new();
        walk_table(text, table, "", &mut spans);
        let lines = spans.iter().map(|place| (unquoted(&place.path), place.line)).collect();
        Self { lines, spans }
    }

    /// The line of the setting at `path`, or of the nearest table around it that is in the file.
    pub(super) fn line_of(&self, path: &str) -> usize {
        let path = unquoted(path);
        let mut rest = path.as_str();
        loop {
            if let Some(line) = self.lines.get(rest) {
                return *line;
            }
            match rest.rfind(['.', '[']) {
                Some(end) => rest = &rest[..end],
                None => return 1,
            }
        }
    }

    /// The line and path of the setting whose key or value stands at `span`.
    pub(super) fn at(&self, span: Range<usize>) -> (Option<usize>, String) {
        let exact = self.spans.iter().find(|place| place.value == span || place.key == span);
        // A span of no setting is one inside a value, or the whole file's.
        let around = || {
            let inside =
                |place: &&SettingLocation| place.value.start <= span.start && span.end <= place.value.end;
            self.spans.iter().filter(inside).min_by_key(|place| place.value.len())
        };
        match exact.or_else(around) {
            Some(place) => (Some(place.line), place.path.clone()),
            None => (Some(1), String::new()),
        }
    }
}

/// The line, from 1, of the byte at `offset`.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn unquoted(path: &str) -> String {
    path.replace('"', "")
}

fn walk_table(text: &str, table: &DeTable<'_>, prefix: &str, spans: &mut Vec<SettingLocation>) {
    for (key, value) in table {
        let path = join_path(prefix, key.get_ref());
        note(text, path, key.span(), value, spans);
    }
}

fn note(
    text: &str,
    path: String,
    key: Range<usize>,
    value: &toml::Spanned<DeValue<'_>>,
    spans: &mut Vec<SettingLocation>,
) {
    match value.get_ref() {
        DeValue::Table(table) => walk_table(text, table, &path, spans),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                note(text, format!("{path}[{index}]"), item.span(), item, spans);
            }
        }
        _ => {}
    }
    let line = line_at(text, key.start);
    spans.push(SettingLocation { key, value: value.span(), line, path });
}

/// The path of `name` below `prefix`, in quotes where TOML wants them.
pub(super) fn join_path(prefix: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if prefix.is_empty() { name } else { format!("{prefix}.{name}") }
}
