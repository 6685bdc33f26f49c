//! The command line: everything that `relevo` does besides running the gateway.
//!
//! The commands speak gRPC and know nothing of the gateway's inside, but for `check`, `keys create --local` and
//! `provider test`, which read the configuration. The pure functions of `render` make the texts that they print.

mod arguments;
mod check;
mod connection;
mod consents;
mod contacts;
mod error;
mod escape;
mod health;
mod incidents;
mod json;
mod keys;
mod messages;
mod preferences;
mod progress;
mod provider_test;
mod providers;
mod render;
mod sandbox;
mod screen;
mod send;
mod spec;
mod stream;
mod times;
mod unreachable;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::clock::Clock;
use screen::CommandOutput;

pub use connection::ConnectionArgs;
pub use error::CliError;

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    the gateway refused, or something that was asked for is wrong; standard
       error says what to do
  2    the command line is wrong
  3    the gateway cannot be reached
  130  interrupted

Times are in UTC. With --json, answers are protobuf's canonical JSON, one object
a line. Colours are for terminals, and NO_COLOR turns them off.

Examples:
  relevo demo                                 see it work; needs nothing set up
  relevo check --config config/relevo.toml    is the configuration right?
  relevo serve --config config/relevo.toml    run the gateway
  export RELEVO_API_KEY=$(relevo keys create --local \\
      --config config/relevo.toml --brand example --scope admin \\
      --label 'my first key' --json | jq -r .secret)
  relevo contact upsert ana --email ana@example.com --phone +34600123456
  relevo send --contact ana --topic orders --text 'It is on its way' \\
      --subject 'Your order'
  relevo message watch";

/// A self-hosted multichannel outreach gateway with failover.
#[derive(Debug, Parser)]
#[command(name = "relevo", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to reach the gateway and how to print.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    #[command(flatten)]
    Gateway(GatewayCommand),
    /// Anything else.
    #[command(flatten)]
    Client(ClientCommand),
}

/// The commands that run the gateway. [`crate::cli`] only reads them.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Run the gateway
    #[command(after_help = SERVE_AFTER_HELP)]
    Serve(ServeArgs),
    /// See the gateway work: four channels, consent, and an outage
    #[command(after_help = DEMO_AFTER_HELP)]
    Demo(DemoArgs),
}

const SERVE_AFTER_HELP: &str = "\
SIGTERM and SIGINT stop it in order: calls in flight are let finish, and nothing
is lost.

A clock that is more than a day past the newest record may be wrong, and what it
would do cannot be undone: then messages of before the start are held, and
nothing is purged, for an hour. After a long stop with a clock that is right,
start with --trust-clock.

Examples:
  relevo serve --config config/relevo.toml
  relevo serve --config config/relevo.toml --trust-clock";

const DEMO_AFTER_HELP: &str = "\
Examples:
  relevo demo          shows an outage and its end, then stays up to be tried
  relevo demo --once   the same, and stops";

/// The arguments of `relevo serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Believe the clock, though it is more than a day past the newest record
    #[arg(long)]
    pub trust_clock: bool,
}

/// The arguments of `relevo demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop when the demonstration is over, instead of staying up to be tried
    #[arg(long)]
    pub once: bool,
}

/// The commands that do not run the gateway.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Check a configuration and show which ways messages would take
    #[command(after_help = check::AFTER_HELP)]
    Check(check::CheckConfigArgs),
    /// Send one message, or a stream of them
    #[command(after_help = send::AFTER_HELP)]
    Send(Box<send::SendArgs>),
    /// See what became of messages
    #[command(subcommand)]
    Message(messages::MessageCommand),
    /// Keep the people to reach
    #[command(subcommand)]
    Contact(contacts::ContactCommand),
    /// Keep what people agreed to
    #[command(subcommand)]
    Consent(consents::ConsentCommand),
    /// Keep how people want to be reached
    #[command(subcommand)]
    Preferences(preferences::PreferencesCommand),
    /// See and control the health of providers, and test them
    #[command(subcommand)]
    Provider(providers::ProviderCommand),
    /// See since when providers are not well, and what that means for messages
    #[command(subcommand)]
    Incident(incidents::IncidentCommand),
    /// See and steer sandbox providers, which send nothing
    #[command(subcommand)]
    Sandbox(sandbox::SandboxCommand),
    /// Create and revoke API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Ask whether the gateway serves
    #[command(after_help = health::AFTER_HELP)]
    Health,
}

/// Runs a command, and prints its answer to standard output.
///
/// # Errors
/// Why the command failed: [`CliError`] has the text for people, and [`CliError::exit_code`] the code for scripts.
pub async fn run(command: ClientCommand, connection: &ConnectionArgs, clock: &Clock) -> Result<(), CliError> {
    let screen = CommandOutput::new(connection.json);
    match command {
        ClientCommand::Check(args) => check::run(&args, clock, screen),
        ClientCommand::Send(args) => send::run(*args, connection, clock, screen).await,
        ClientCommand::Message(command) => messages::run(command, connection, clock, screen).await,
        ClientCommand::Contact(command) => contacts::run(command, connection, screen).await,
        ClientCommand::Consent(command) => consents::run(command, connection, clock, screen).await,
        ClientCommand::Preferences(command) => preferences::run(command, connection, screen).await,
        ClientCommand::Provider(command) => providers::run(command, connection, clock, screen).await,
        ClientCommand::Incident(command) => incidents::run(command, connection, clock, screen).await,
        ClientCommand::Sandbox(command) => sandbox::run(command, connection, screen).await,
        ClientCommand::Keys(command) => keys::run(command, connection, clock, screen).await,
        ClientCommand::Health => health::run(connection, screen).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let mut leaves = command.get_subcommands().peekable();
            if leaves.peek().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:\n  relevo "), "{path} has no examples");
            }
            leaves.for_each(|leaf| check(leaf, &format!("{path} {}", leaf.get_name())));
        }
        check(&Cli::command(), "relevo");
    }

    /// Every example is taken from the help and parsed, so none of them can go stale.
    #[test]
    fn every_example_is_parsed() {
        fn examples(command: &clap::Command, found: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            // A terminal of 80 columns has no need to break any of them, so that they can be copied.
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
            let joined: Vec<_> = help.split("\\\n").map(str::trim_start).collect();
            let joined = joined.join(" ");
            found.extend(joined.lines().filter_map(|line| Some(line.split_once("relevo ")?.1.to_owned())));
            command.get_subcommands().for_each(|subcommand| examples(subcommand, found));
        }
        let mut found = Vec::new();
        examples(&Cli::command(), &mut found);
        assert!(found.len() > 40, "{found:#?}");
        for example in found {
            let example = example.split([')', '|']).next().unwrap_or_default().to_owned();
            let example = example.split("   ").next().unwrap_or_default();
            let arguments = split_arguments(&format!("relevo {example}"));
            if let Err(error) = Cli::try_parse_from(&arguments) {
                panic!("{arguments:?}: {error}");
            }
        }
    }

    /// Splits at blanks outside single quotes.
    fn split_arguments(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                words.last_mut().unwrap().push_str(part);
                continue;
            }
            let mut pieces = part.split(' ');
            words.last_mut().unwrap().push_str(pieces.next().unwrap());
            words.extend(pieces.map(str::to_owned));
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn a_key_cannot_be_given_on_the_command_line() {
        assert_eq!(parse("relevo provider list --key rlv_a_b").unwrap_err(), ErrorKind::UnknownArgument);
        assert_eq!(parse("relevo provider list --api-key rlv_a_b").unwrap_err(), ErrorKind::UnknownArgument);
    }

    #[test]
    fn arguments_that_exclude_or_need_one_another_are_refused() {
        for line in [
            "relevo send --contact ana --email ana@example.com --topic orders --text x",
            "relevo send --file - --topic orders",
            "relevo send --file - --class commercial",
            "relevo send --file - --phone 600123456",
            "relevo send --file - --sms-text x",
            "relevo send --file - --fallback-unread-after 1h",
            "relevo contact find",
            "relevo contact find --email a@b.example --phone 1",
            "relevo sandbox set fail --provider a --failure-domain b",
            "relevo provider set a draining --reason x --for 2h --until 2026-03-01T09:00:00Z",
            "relevo provider list --client-cert a.pem",
        ] {
            let refused = parse(line).unwrap_err();
            let expected =
                [ErrorKind::ArgumentConflict, ErrorKind::MissingRequiredArgument].contains(&refused);
            assert!(expected, "{line}: {refused:?}");
        }
    }
}
