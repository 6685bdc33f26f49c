//! Standard output: text for people, or one line of JSON. What is told beside it goes to standard error.

use std::io::{self, Write};

use super::error::CliError;
use super::escape::escaped;
use super::json::{self, NamedMessage};
use super::render::TextWidth;

/// Standard output, in the form that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommandOutput {
    json: bool,
    width: TextWidth,
}

impl CommandOutput {
    pub(super) fn new(json: bool) -> Self {
        Self { json, width: terminal_width() }
    }

    /// How wide a text for people may be.
    pub(super) fn width(self) -> TextWidth {
        self.width
    }

    /// Prints one answer.
    pub(super) fn show<M: NamedMessage>(
        self,
        answer: &M,
        human: impl FnOnce(&M) -> String,
    ) -> Result<(), CliError> {
        self.print(&if self.json { json::write(answer) } else { human(&escaped(answer)) })
    }

    /// Prints one answer, whose text fits itself to the width.
    pub(super) fn show_fitted<M: NamedMessage>(
        self,
        answer: &M,
        human: impl FnOnce(&M, TextWidth) -> String,
    ) -> Result<(), CliError> {
        self.show(answer, |answer| human(answer, self.width))
    }

    /// Prints several answers: as one text, or each on a line of JSON.
    pub(super) fn show_all<M: NamedMessage>(
        self,
        answers: &[M],
        human: impl FnOnce(&[M], TextWidth) -> String,
    ) -> Result<(), CliError> {
        if !self.json {
            let answers: Vec<M> = answers.iter().map(escaped).collect();
            return self.print(&human(&answers, self.width));
        }
        answers.iter().try_for_each(|answer| self.print(&json::write(answer)))
    }

    /// Whether JSON is wanted.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Tells something beside the answers, on standard error.
    pub(super) fn note(self, text: &str) -> Result<(), CliError> {
        Ok(io::stderr().lock().write_all(text.as_bytes())?)
    }

    /// Prints a text, and the end of its line if it has none.
    pub(super) fn print(self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }
}

/// The width of the terminal, where standard output is one.
fn terminal_width() -> TextWidth {
    match terminal_size::terminal_size_of(io::stdout()) {
        Some((terminal_size::Width(columns), _)) if columns > 0 => TextWidth::of(columns.into()),
        _ => TextWidth::UNLIMITED,
    }
}
