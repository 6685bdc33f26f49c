//! `relevo send`: one message from flags, or a stream of them from a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::screen::CommandOutput;
use super::spec::SpecArgs;
use super::{json, render};
use crate::clock::Clock;
use crate::wire::v1::{
    self, message_service_client::MessageServiceClient, send_stream_response::Result as Answer,
};

pub(super) const AFTER_HELP: &str = "\
Examples:
  relevo send --contact ana --topic orders --text 'Your order is on its way' --subject 'Your order'
  relevo send --email ana@example.com --class commercial --topic offers.shoes --text '20 % off until Sunday' \\
      --send-at 2h --expire-at 2d --label campaign=spring
  relevo send --phone +34600123456 --topic orders --channel whatsapp --channel sms --text 'It has arrived' \\
      --template order_arrived --language es --param Ana --idempotency-key order-1042
  relevo send --file messages.jsonl
  jq -c '.[]' campaign.json | relevo send --file -

With --file each line is one message as JSON, as the API's MessageSpec has it:
  {\"contactId\":\"ana\",\"messageClass\":\"MESSAGE_CLASS_TRANSACTIONAL\",\"topic\":\"orders\",\"content\":{\"text\":\"Hello\"}}
A line that is refused is told, and the rest goes on; the exit code is then 1.";

/// The arguments of `relevo send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Send a stream: one message a line as JSON, from this file or, with -, from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = SPEC_FLAGS)]
    file: Option<PathBuf>,
    #[command(flatten)]
    spec: SpecArgs,
}

/// The arguments and groups of [`SpecArgs`]: what describes one message does not go with a file of them.
const SPEC_FLAGS: [&str; 5] = ["recipient", "class", "topic", "ContentArgs", "DeliveryArgs"];

/// Messages that wait between the reader of the file and the connection, besides those in the gateway's own window.
const READ_AHEAD: usize = 256;

pub(super) async fn run(
    args: SendArgs,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    if let Some(file) = args.file {
        return stream(file, connection, screen).await;
    }
    let message = Some(args.spec.spec(clock.now())?);
    let mut client = client!(MessageServiceClient, connection);
    let answer = client.send(v1::SendRequest { message }).await;
    let answer = answer.map_err(|status| CliError::from_status(&connection.server, status))?;
    screen.show(answer.get_ref(), render::accepted)
}

/// The counts of the answers to the lines of a file.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    duplicates: u64,
    refused: u64,
}

async fn stream(file: PathBuf, connection: &ConnectionArgs, screen: CommandOutput) -> Result<(), CliError> {
    let lines = open(&file)?;
    let mut client = client!(MessageServiceClient, connection);
    let (requests, outgoing) = mpsc::channel(READ_AHEAD);
    let (refused, mut malformed) = mpsc::channel(READ_AHEAD);
    // Files and pipes are read on a thread of their own, which waits when the gateway does.
    let reader = tokio::task::spawn_blocking(move || read_lines(lines, &requests, &refused));
    let failed = |status| CliError::from_status(&connection.server, status);
    let mut answers = client.send_stream(ReceiverStream::new(outgoing)).await.map_err(failed)?.into_inner();
    let mut tally = Tally::default();
    loop {
        let answer = tokio::select! {
            Some(answer) = malformed.recv() => answer,
            answer = answers.message() => match answer.map_err(failed)? {
                Some(answer) => answer,
                None => break,
            },
        };
        tally.count(&answer);
        screen.show(&answer, render::stream_answer)?;
    }
    while let Some(answer) = malformed.recv().await {
        tally.count(&answer);
        screen.show(&answer, render::stream_answer)?;
    }
    let read = reader.await.map_err(|_| CliError::Wrong("the reader of the file failed".to_owned()))?;
    let sent =
        read.map_err(|error| CliError::Wrong(format!("{} cannot be read: {error}", file.display())))?;
    tally.finish(sent)
}

fn open(file: &Path) -> Result<Box<dyn BufRead + Send>, CliError> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    match File::open(file) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(CliError::usage(format!("{} cannot be read: {error}", file.display()))),
    }
}

/// Sends every line as a request, numbered from 1. Lines that are no message go to `malformed`, as answers. Returns the
/// number of lines that were read and not empty; the rest is left unread when the connection has ended.
fn read_lines(
    lines: Box<dyn BufRead + Send>,
    requests: &mpsc::Sender<v1::SendStreamRequest>,
    malformed: &mpsc::Sender<v1::SendStreamResponse>,
) -> io::Result<u64> {
    let mut sent = 0;
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        sent += 1;
        let closed = match json::read(&line) {
            Ok(message) => {
                let request = v1::SendStreamRequest { message: Some(message), sequence: number };
                requests.blocking_send(request).is_err()
            }
            Err(error) => malformed.blocking_send(not_a_message(number, &error)).is_err(),
        };
        if closed {
            break;
        }
    }
    Ok(sent)
}

fn not_a_message(sequence: u64, error: &str) -> v1::SendStreamResponse {
    let message = format!("the line must be a MessageSpec in JSON: {error}");
    let error = v1::SendError { code: Code::InvalidArgument as i32, message, fields: Vec::new() };
    v1::SendStreamResponse { sequence, result: Some(Answer::Error(error)) }
}

impl Tally {
    fn count(&mut self, answer: &v1::SendStreamResponse) {
        match &answer.result {
            Some(Answer::Accepted(accepted)) if accepted.duplicate => self.duplicates += 1,
            Some(Answer::Accepted(_)) => self.accepted += 1,
            Some(Answer::Error(_)) | None => self.refused += 1,
        }
    }

    /// Prints the counts on standard error, which scripts do not read. The error says that not all lines were accepted.
    fn finish(&self, sent: u64) -> Result<(), CliError> {
        let unanswered = sent.saturating_sub(self.accepted + self.duplicates + self.refused);
        let Self { accepted, duplicates, refused } = self;
        let sum = format!("{accepted} accepted, {duplicates} known before, {refused} refused");
        if unanswered > 0 {
            return Err(CliError::Wrong(format!(
                "{sum}, {unanswered} without an answer because the stream ended: send those again"
            )));
        }
        if *refused > 0 {
            return Err(CliError::Wrong(sum));
        }
        // Nobody has to read it.
        let _ = writeln!(io::stderr(), "{sum}");
        Ok(())
    }
}
