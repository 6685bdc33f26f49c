//! `relevo send --file`: every line of a file as a message, and what became of each, in the order of the file.
//!
//! What was asked is done whoever reads the answers: where standard output is closed they go nowhere, and the exit code tells
//! the truth. Whatever ends it before the end of the file names the line to go on at.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::progress::{ProgressLine, progress};
use super::screen::CommandOutput;
use super::{json, render};
use crate::wire::v1::{
    self, message_service_client::MessageServiceClient, send_stream_response::Result as Answer,
};

/// Messages that wait between the reader of the file and the connection, besides those in the gateway's own window.
const READ_AHEAD: usize = 256;

/// Lines that were read and are not yet answered, at most: more than the gateway's own window, which is to be the limit.
const MAX_UNANSWERED: usize = 16_384;

/// A line that holds something.
struct Line {
    /// From 1.
    number: u64,
    /// How many bytes of the file end with it.
    end: u64,
    /// The answer to a line that is no message, which is not sent.
    malformed: Option<v1::SendStreamResponse>,
}

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
    let mut lines = AnsweredLines { unanswered, answers, current: None, early: None };
    let mut tally = Tally { next_line: from_line, ..Tally::default() };
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

/// How the stream ended.
enum StreamEnd {
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

/// What comes next of the lines.
enum NextLine {
    /// A line with its answer.
    Answered(Line, v1::SendStreamResponse),
    /// There is none, and all are answered.
    Done,
    /// No answer comes any more.
    Ended,
}

/// The lines in their order, each with its answer.
struct AnsweredLines {
    unanswered: mpsc::Receiver<Line>,
    answers: Streaming<v1::SendStreamResponse>,
    /// The line that is to be answered next.
    current: Option<Line>,
    /// An answer that was there before its line, which was on its way to us.
    early: Option<v1::SendStreamResponse>,
}

impl AnsweredLines {
    /// The next line with its answer. When `stopping`, lines that are not yet read are not waited for. It may be dropped at any
    /// time, and nothing is lost.
    async fn next(&mut self, stopping: bool) -> Result<NextLine, Status> {
        if self.current.is_none() {
            let line = if stopping { self.unanswered.try_recv().ok() } else { self.next_line().await? };
            match line {
                Some(line) => self.current = Some(line),
                None if stopping || self.unanswered.is_closed() => return Ok(NextLine::Done),
                None => return Ok(NextLine::Ended),
            }
        }
        let malformed = self.current.as_mut().and_then(|line| line.malformed.take());
        let answer = match malformed.or_else(|| self.early.take()) {
            Some(answer) => Some(answer),
            None => self.answers.message().await?,
        };
        Ok(match self.current.take_if(|_| answer.is_some()).zip(answer) {
            Some((line, answer)) => NextLine::Answered(line, answer),
            None => NextLine::Ended,
        })
    }

    /// The next line that was read. While it is waited for, so is the end of the stream: a gateway that went away is told at
    /// once. Nothing when there is no line any more, or no answer.
    async fn next_line(&mut self) -> Result<Option<Line>, Status> {
        tokio::select! {
            biased;
            line = self.unanswered.recv() => Ok(line),
            answer = self.answers.message(), if self.early.is_none() => match answer? {
                Some(answer) => {
                    self.early = Some(answer);
                    Ok(self.unanswered.recv().await)
                }
                // The reader gives up its lines before its requests, so that the end of a file is known as such here.
                None => Ok(self.unanswered.try_recv().ok()),
            },
        }
    }
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

/// What is read, and its size where that is known.
fn open(file: &Path) -> Result<(Box<dyn BufRead + Send>, Option<u64>), CliError> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let failed = |error| CliError::usage(format!("{} cannot be read: {error}", file.display()));
    let opened = File::open(file).map_err(failed)?;
    let size = opened.metadata().ok().filter(|found| found.is_file()).map(|found| found.len());
    Ok((Box::new(BufReader::new(opened)), size))
}

/// Sends every line from `from_line` on as a request, numbered from 1; lines that are no message are answered here. The rest is
/// left unread when the connection has ended.
fn read_lines(
    source: Box<dyn BufRead + Send>,
    from_line: u64,
    lines: &mpsc::Sender<Line>,
    requests: &mpsc::Sender<v1::SendStreamRequest>,
) -> io::Result<()> {
    let mut end = 0;
    for (number, bytes) in (1..).zip(source.split(b'\n')) {
        let bytes = bytes?;
        end += bytes.len() as u64 + 1;
        if number < from_line || bytes.trim_ascii().is_empty() {
            continue;
        }
        let (request, malformed) = match read_line(&bytes) {
            Ok(message) => (Some(v1::SendStreamRequest { message: Some(message), sequence: number }), None),
            Err(error) => (None, Some(not_a_message(number, &error))),
        };
        // The line goes first, so that no answer comes before the line it is for.
        let is_open = lines.blocking_send(Line { number, end, malformed }).is_ok()
            && request.is_none_or(|request| requests.blocking_send(request).is_ok());
        if !is_open {
            break;
        }
    }
    Ok(())
}

fn read_line(bytes: &[u8]) -> Result<v1::MessageSpec, String> {
    json::read(std::str::from_utf8(bytes).map_err(|error| error.to_string())?)
}

fn not_a_message(sequence: u64, error: &str) -> v1::SendStreamResponse {
    let message = format!("the line must be a MessageSpec in JSON: {error}");
    let error = v1::SendError { code: Code::InvalidArgument as i32, message, fields: Vec::new() };
    v1::SendStreamResponse { sequence, result: Some(Answer::Error(error)) }
}

/// The counts of the answers to the lines of a file.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    duplicates: u64,
    refused: u64,
    /// The first line that is not answered.
    next_line: u64,
}

impl Tally {
    fn count(&mut self, line: &Line, answer: &v1::SendStreamResponse) {
        self.next_line = line.number + 1;
        match &answer.result {
            Some(Answer::Accepted(accepted)) if accepted.duplicate => self.duplicates += 1,
            Some(Answer::Accepted(_)) => self.accepted += 1,
            Some(Answer::Error(_)) | None => self.refused += 1,
        }
    }

    fn sum(&self) -> u64 {
        self.accepted + self.duplicates + self.refused
    }

    fn told(&self) -> String {
        let Self { accepted, duplicates, refused, .. } = self;
        format!("{accepted} accepted, {duplicates} known before, {refused} refused")
    }

    fn go_on(&self) -> String {
        format!("{}; go on with --from-line {}", self.told(), self.next_line)
    }

    /// Tells of a stream that ended before the file did.
    ///
    /// # Errors
    /// Why, and where to go on.
    fn report(&self, end: StreamEnd) -> Result<(), CliError> {
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
    fn finish(&self) -> Result<(), CliError> {
        if self.refused > 0 {
            return Err(CliError::Wrong(self.told()));
        }
        let _ = writeln!(io::stderr(), "{}", self.told());
        Ok(())
    }
}
