//! Where the demonstration prints: standard output.

use std::io::{self, Write};

/// Prints a text and the end of its line. Every line is flushed, so that events appear when they happen.
pub(super) fn print_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
