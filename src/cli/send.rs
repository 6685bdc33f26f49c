//! `relevo send`: one message from flags, or a stream of them from a file.

use std::path::PathBuf;

use clap::Args;

use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::screen::CommandOutput;
use super::spec::SpecArgs;
use super::{render, stream};
use crate::clock::Clock;
use crate::wire::v1::{self, message_service_client::MessageServiceClient};

pub(super) const AFTER_HELP: &str = "\
Examples:
  relevo send --contact ana --topic orders --text 'Your order is on its way' \\
      --subject 'Your order'
  relevo send --email ana@example.com --class commercial --topic offers.shoes \\
      --text '20 % off until Sunday' --send-at 2h --expire-at 2d \\
      --label campaign=spring
  relevo send --phone +34600123456 --topic orders --channel whatsapp \\
      --channel sms --text 'It has arrived' --template order_arrived \\
      --language es --param Ana --idempotency-key order-1042
  relevo send --file messages.jsonl
  relevo send --file messages.jsonl --from-line 1156
  jq -c '.[]' campaign.json | relevo send --file -

With --file each line is one message as JSON, as the API's MessageSpec has it:
  {\"contactId\":\"ana\",\"messageClass\":\"transactional\",\"topic\":\"orders\",
   \"content\":{\"text\":\"Hello\"}}, all on one line
A line that is refused is told, and the rest goes on; the exit code is then 1.
Ctrl-C stops it in order, once what is on its way is answered, and the line to
go on at is told.";

/// The arguments of `relevo send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Send a stream: one message a line as JSON, from this file or, with -, from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = SPEC_FLAGS)]
    file: Option<PathBuf>,
    /// With --file, leave out the lines before this one: where an interrupted stream is to go on
    #[arg(long, value_name = "NUMBER", requires = "file", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
    #[command(flatten)]
    spec: SpecArgs,
}

/// The arguments and groups of [`SpecArgs`]: what describes one message does not go with a file of them.
const SPEC_FLAGS: [&str; 5] = ["recipient", "class", "topic", "ContentArgs", "DeliveryArgs"];

pub(super) async fn run(
    args: SendArgs,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    if let Some(file) = args.file {
        return stream::run(file, args.from_line, connection, screen).await;
    }
    let message = Some(args.spec.spec(clock.now())?);
    let mut client = client!(MessageServiceClient, connection);
    let answer = client.send(v1::SendRequest { message }).await;
    let answer = answer.map_err(|status| CliError::from_status(&connection.server, status))?;
    screen.show(answer.get_ref(), render::accepted)
}
