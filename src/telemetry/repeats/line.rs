//! A line as far as it matters for repeats: of which kind it is, and what of it a summary may show.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata};

use crate::telemetry::told::TARGET;

/// The fields by which lines from one place in the code differ in kind. Their values come from the configuration, the code or
/// the keys in force, and never from whoever may call.
pub(super) const KIND_FIELDS: [&str; 8] =
    ["provider.name", "brand.id", "key.id", "code", "reason", "state", "smsc", "log.target"];

/// The fields of which a summary shows some values.
pub(super) const EXAMPLE_FIELDS: [&str; 4] = ["method", "peer.network", "message.id", "error"];

/// The fields of lines at `info` of which there is one for each message or person.
const SUBJECT_FIELDS: [&str; 2] = ["message.id", "contact.id"];

/// Characters of a value or sentence that are kept.
const MAX_CHARS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LineKind {
    /// The place in the code.
    pub(super) callsite: &'static str,
    pub(super) fields: [Option<String>; KIND_FIELDS.len()],
}

/// A line as far as it is looked at here.
pub(super) struct RepeatableLine {
    pub(super) kind: LineKind,
    pub(super) level: Level,
    pub(super) message: String,
    pub(super) examples: [Option<String>; EXAMPLE_FIELDS.len()],
}

/// Whether lines of an event can repeat one another.
pub(super) fn is_repeatable(metadata: &Metadata<'_>) -> bool {
    let is_of_one = || SUBJECT_FIELDS.iter().any(|name| metadata.fields().field(name).is_some());
    metadata.target() != TARGET
        && match *metadata.level() {
            Level::ERROR | Level::WARN => true,
            Level::INFO => !is_of_one(),
            _ => false,
        }
}

impl RepeatableLine {
    /// What an event says. Runs the code by which its values print.
    pub(super) fn read(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let kind = LineKind { callsite: metadata.name(), fields: Default::default() };
        let (message, examples) = (String::new(), Default::default());
        let mut line = Self { kind, level: *metadata.level(), message, examples };
        event.record(&mut line);
        line
    }
}

impl Visit for RepeatableLine {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let position = |names: &[&str]| names.iter().position(|name| *name == field.name());
        if let Some(at) = position(&KIND_FIELDS) {
            self.kind.fields[at] = Some(cut(value));
        } else if let Some(at) = position(&EXAMPLE_FIELDS) {
            self.examples[at] = Some(cut(value));
        } else if field.name() == "message" {
            self.message = cut(value);
        }
    }
}

/// The beginning of what a value prints.
fn cut(value: &dyn Debug) -> String {
    let mut text = String::new();
    // A value that fails to print ends here.
    let _ = write!(text, "{value:?}");
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}
