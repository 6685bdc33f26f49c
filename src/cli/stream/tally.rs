//! What became of the lines of a file: counts, and how it all ended.

use std::io::{self, Write};

use super::lines::Line;
use crate::cli::error::CliError;
use crate::wire::v1::{self, send_stream_response::Result as Answer};

/// How the stream ended.
pub(super) enum StreamEnd {
    /// Every line that was read is answered.
    Read,
    /// The user asked once: what was on its way is answered.
    Interrupted,
    /// The user asked twice.
    Aborted,
    /// The gateway ended it.
    Cut,
    /// It failed.
    Failed(CliError),
}

/// The counts of the answers to the lines of a file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    accepted: u64,
    duplicates: u64,
    refused: u64,
    /// The first line that is not answered.
    next_line: u64,
}

impl Tally {
    /// Nothing counted, before the line `next_line`.
    pub(super) fn new(next_line: u64) -> Self {
        Self { next_line, ..Self::default() }
    }

    pub(super) fn count(&mut self, line: &Line, answer: &v1::SendStreamResponse) {
        self.next_line = line.number + 1;
        match &answer.result {
            Some(Answer::Accepted(accepted)) if accepted.duplicate => self.duplicates += 1,
            Some(Answer::Accepted(_)) => self.accepted += 1,
            Some(Answer::Error(_)) | None => self.refused += 1,
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.accepted + self.duplicates + self.refused
    }

    fn told(&self) -> String {
        let Self { accepted, duplicates, refused, .. } = self;
        format!("{accepted} accepted, {duplicates} known before, {refused} refused")
    }

    pub(super) fn go_on(&self) -> String {
        format!("{}; go on with --from-line {}", self.told(), self.next_line)
    }

    /// Tells of a stream that ended before the file did.
    ///
    /// # Errors
    /// Why, and where to go on.
    pub(super) fn report(&self, end: StreamEnd) -> Result<(), CliError> {
        // Nobody knows of those in flight: they may have been accepted.
        let in_doubt = "lines from there on may have been accepted without an answer, so that only those with an \
                        idempotencyKey are sent no second time";
        let go_on = self.go_on();
        match end {
            StreamEnd::Read => Ok(()),
            StreamEnd::Interrupted => Err(CliError::Interrupted(format!("interrupted: {go_on}"))),
            StreamEnd::Aborted => Err(CliError::Interrupted(format!("interrupted: {go_on}: {in_doubt}"))),
            StreamEnd::Cut => Err(CliError::Wrong(format!("the stream ended: {go_on}: {in_doubt}"))),
            StreamEnd::Failed(error) if self.sum() == 0 => Err(error),
            StreamEnd::Failed(error) => Err(error.with_note(&format!("{go_on}: {in_doubt}"))),
        }
    }

    /// Prints the counts on standard error, which scripts do not read.
    ///
    /// # Errors
    /// That not all lines were accepted.
    pub(super) fn finish(&self) -> Result<(), CliError> {
        if self.refused > 0 {
            return Err(CliError::Wrong(self.told()));
        }
        let _ = writeln!(io::stderr(), "{}", self.told());
        Ok(())
    }
}
