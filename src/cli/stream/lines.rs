//! The lines of a file: read on a thread of their own, sent, and met by their answers in the order of the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};

use crate::cli::error::CliError;
use crate::cli::json;
use crate::wire::v1::{self, send_stream_response::Result as Answer};

/// A line that holds something.
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// How many bytes of the file end with it.
    pub(super) end: u64,
    /// The answer to a line that is no message, which is not sent.
    malformed: Option<v1::SendStreamResponse>,
}

/// What comes next of the lines.
pub(super) enum NextLine {
    /// A line with its answer.
    Answered(Line, v1::SendStreamResponse),
    /// There is none, and all are answered.
    Done,
    /// No answer comes any more.
    Ended,
}

/// The lines in their order, each with its answer.
pub(super) struct AnsweredLines {
    unanswered: mpsc::Receiver<Line>,
    answers: Streaming<v1::SendStreamResponse>,
    /// The line that is to be answered next.
    current: Option<Line>,
    /// An answer that was there before its line, which was on its way to us.
    early: Option<v1::SendStreamResponse>,
}

impl AnsweredLines {
    /// The lines that are `unanswered`, and what comes as their `answers`.
    pub(super) fn new(unanswered: mpsc::Receiver<Line>, answers: Streaming<v1::SendStreamResponse>) -> Self {
        Self { unanswered, answers, current: None, early: None }
    }

    /// The next line with its answer. When `stopping`, lines that are not yet read are not waited for. It may be dropped at any
    /// time, and nothing is lost.
    pub(super) async fn next(&mut self, stopping: bool) -> Result<NextLine, Status> {
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

/// What is read, and its size where that is known.
pub(super) fn open(file: &Path) -> Result<(Box<dyn BufRead + Send>, Option<u64>), CliError> {
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
pub(super) fn read_lines(
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
