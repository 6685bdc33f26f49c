//! `relevo send --file`: every line of a file as a message, and what became of each, in the order of the file.
//!
//! What was asked is done whoever reads the answers: where standard output is closed they go nowhere, and the exit code tells
//! the truth. Whatever ends it before the end of the file names the line to go on at.

mod lines;
mod tally;

use std::path::PathBuf;

use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::progress::{ProgressLine, progress};
use super::render;
use super::screen::CommandOutput;
use crate::wire::v1::{self, message_service_client::MessageServiceClient};
use lines::{AnsweredLines, NextLine, open, read_lines};
use tally::{StreamEnd, Tally};

/// Messages that wait between the reader of the file and the connection, besides those in the gateway's own window.
const READ_AHEAD: usize = 256;

/// Lines that were read and are not yet answered, at most: more than the gateway's own window, which is to be the limit.
const MAX_UNANSWERED: usize = 16_384;

/// Sends the lines of `file`, or of standard input where that is `-`, from the line `from_line` on.
///
/// # Errors
/// When a line was refused, or not all were answered.
pub(super) async fn run(
    file: PathBuf,
    from_line: u64,
    connection: &ConnectionArgs,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let (source, size) = open(&file)?;
    let mut client = client!(MessageServiceClient, connection);
    let (requests, outgoing) = mpsc::channel(READ_AHEAD);
    let (lines, unanswered) = mpsc::channel(MAX_UNANSWERED);
    // Files and pipes are read on a thread of their own, which waits when the gateway does.
    let reader = tokio::task::spawn_blocking(move || {
        let read = read_lines(source, from_line, &lines, &requests);
        // The lines before the requests: whoever sees the end of the stream sees that no line follows.
        drop(lines);
        drop(requests);
        read
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let outgoing = ReceiverStream::new(outgoing).take_until(stopped);
    let mut interrupts = Interrupts::new()?;
    let failed = |status| CliError::from_status(&connection.server, status);
    let answers = tokio::select! {
        answers = client.send_stream(outgoing) => answers.map_err(failed)?.into_inner(),
        () = interrupts.next() => return Err(CliError::Interrupted("interrupted before anything was sent".to_owned())),
    };
    let mut lines = AnsweredLines::new(unanswered, answers);
    let mut tally = Tally::new(from_line);
    let mut results = Results { screen, failure: None, is_read: true };
    let mut line = ProgressLine::new();
    let mut stop = Some(stop);
    let end = loop {
        tokio::select! {
            biased;
            () = interrupts.next() => match stop.take() {
                // No more is sent, and what is on its way is answered.
                Some(stop) => drop(stop),
                None => break StreamEnd::Aborted,
            },
            next = lines.next(stop.is_none()) => match next {
                Ok(NextLine::Answered(answered, answer)) => {
                    tally.count(&answered, &answer);
                    line.clear();
                    results.show(&answer);
                    let part = size.map(|size| answered.end as f64 / size as f64);
                    line.show(|elapsed| progress("answered", tally.sum(), elapsed, part));
                }
                Ok(_) if stop.is_none() => break StreamEnd::Interrupted,
                Ok(NextLine::Done) => break StreamEnd::Read,
                Ok(NextLine::Ended) => break StreamEnd::Cut,
                Err(status) => break StreamEnd::Failed(failed(status)),
            },
        }
    };
    drop(line);
    tally.report(end)?;
    let read = reader.await.map_err(|_| CliError::Wrong("the reader of the file failed".to_owned()))?;
    read.map_err(|error| {
        let note = format!("{} cannot be read: {error}; {}", file.display(), tally.go_on());
        CliError::Wrong(note)
    })?;
    tally.finish()?;
    results.failure.map_or(Ok(()), Err)
}

/// Standard output, which somebody may cease to read.
struct Results {
    screen: CommandOutput,
    is_read: bool,
    failure: Option<CliError>,
}

impl Results {
    fn show(&mut self, answer: &v1::SendStreamResponse) {
        if !self.is_read {
            return;
        }
        match self.screen.show(answer, render::stream_answer) {
            Ok(()) => {}
            Err(CliError::Unread) => self.is_read = false,
            Err(error) => (self.is_read, self.failure) = (false, Some(error)),
        }
    }
}

/// Requests to stop: Ctrl-C, or SIGTERM.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| CliError::Wrong(format!("signals cannot be listened for: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
