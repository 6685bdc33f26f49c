//! The errors of a configuration, each with its place in the file.

use std::fmt;
use std::path::{Path, PathBuf};

use super::locations::{SettingLocations, join_path, line_at};
use crate::model::SettingError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; the nearest one there is when the setting is missing.
    pub line: Option<usize>,
    /// The path of the setting, for example `providers[2].limits.timeout_ms`; empty when it is the file itself.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.display().fmt(f)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that was found wrong, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(Vec<ConfigError>);

/// One error a line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl ConfigErrors {
    /// The errors; at least one.
    pub fn errors(&self) -> &[ConfigError] {
        &self.0
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot be read ({error}): name a file that this user may read");
        Self(vec![ConfigError { file: path.into(), line: None, key: String::new(), message }])
    }

    /// The text is not TOML.
    pub(super) fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_at(text, span.start));
        let message = format!("must be TOML: {}", error.message());
        Self(vec![ConfigError { file: path.into(), line, key: String::new(), message }])
    }
}

/// Gathers errors, and knows where they are.
pub(super) struct ErrorCollector<'a> {
    file: &'a Path,
    places: &'a SettingLocations,
    found: Vec<ConfigError>,
}

impl<'a> ErrorCollector<'a> {
    pub(super) fn new(file: &'a Path, places: &'a SettingLocations) -> Self {
        Self { file, places, found: Vec::new() }
    }

    /// Notes what is wrong with the setting at `key`. The first error of a setting is enough: what follows from it is none.
    pub(super) fn add(&mut self, key: impl Into<String>, message: impl fmt::Display) {
        let key = key.into();
        if self.found.iter().any(|error| error.key == key) {
            return;
        }
        let line = self.places.line_of(&key);
        let message = message.to_string();
        self.found.push(ConfigError { file: self.file.into(), line: Some(line), key, message });
    }

    /// Notes what is wrong with the settings of the table at `path`.
    pub(super) fn add_all(&mut self, path: &str, wrong: Vec<SettingError>) {
        for error in wrong {
            self.add(format!("{path}.{}", error.key), error.must);
        }
    }

    /// Notes `message` unless `right`.
    pub(super) fn require(&mut self, right: bool, key: impl Into<String>, message: impl fmt::Display) {
        if !right {
            self.add(key, message);
        }
    }

    /// Notes that a table has not the shape of its settings. A setting that it lacks because of an error of its own is none.
    pub(super) fn shape_error(&mut self, error: &toml::de::Error) {
        let (line, key) = error.span().map(|span| self.places.at(span)).unwrap_or_default();
        let message = in_plain_words(error.message());
        let lacking = message.strip_prefix(LACKS).map(|name| join_path(&key, name.trim_matches('`')));
        if !lacking.is_some_and(|path| self.has_at(&path)) {
            self.found.push(ConfigError { file: self.file.into(), line, key, message });
        }
    }

    /// Whether anything is wrong with the setting at `path` or below it.
    pub(super) fn has_at(&self, path: &str) -> bool {
        let below = |key: &str| {
            key.strip_prefix(path).is_some_and(|rest| matches!(rest.chars().next(), None | Some('.' | '[')))
        };
        self.found.iter().any(|error| below(&error.key))
    }

    /// Whether nothing is wrong so far.
    ///
    /// # Errors
    /// What is.
    pub(super) fn result(&self) -> Result<(), ConfigErrors> {
        if self.found.is_empty() { Ok(()) } else { Err(self.sorted()) }
    }

    fn sorted(&self) -> ConfigErrors {
        let mut found = self.found.clone();
        found.sort_by_key(|error| error.line);
        ConfigErrors(found)
    }
}

impl From<ErrorCollector<'_>> for ConfigErrors {
    fn from(errors: ErrorCollector<'_>) -> Self {
        errors.sorted()
    }
}

/// How the error of a table without a setting begins.
const LACKS: &str = "lacks the setting ";

/// Serde's message without the names of Rust's types.
fn in_plain_words(message: &str) -> String {
    let types = [
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number of 0 or more"),
        ("expected usize", "expected a whole number of 0 or more"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected f64", "expected a number"),
        ("unknown field", "unknown setting"),
        ("missing field ", LACKS),
    ];
    let message = without_struct_name(message.trim_end());
    types.into_iter().fold(message, |text, (rust, plain)| text.replace(rust, plain))
}

/// A struct is a table in the file, whatever its name is in Rust.
fn without_struct_name(message: &str) -> String {
    match message.split_once("expected struct ") {
        Some((before, named)) => {
            let after = named.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            format!("{before}expected a table{after}")
        }
        None => message.to_owned(),
    }
}
