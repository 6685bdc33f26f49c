//! `relevo sandbox`: providers that send nothing.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::arguments::Behavior;
use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use super::times;
use crate::wire::v1::{self, sandbox_service_client::SandboxServiceClient};

/// What to do with sandbox providers.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Show what sandbox providers were given, newest first
    #[command(
        after_help = "Examples:\n  relevo sandbox outbox\n  relevo sandbox outbox --provider sms-north --limit 5"
    )]
    Outbox(OutboxArgs),
    /// Tell sandbox providers how to behave from now on
    #[command(
        after_help = "Behaviours:\n  accept          takes every message\n  fail            refuses the \
        connection\n  hang            never answers\n  throttle        says it is called too often\n  lose-reply      \
        takes the message and loses the reply\n  reject-address  says the address is bad\n  silent          takes the message \
        and reports nothing of it\n\nExamples:\n  relevo \
        sandbox set hang --failure-domain meta\n  relevo sandbox set throttle --provider sms-north --retry-after 30s\n  \
        relevo sandbox set accept --failure-domain meta"
    )]
    Set(SetBehaviorArgs),
}

/// Which outbox to show.
#[derive(Debug, Args)]
pub struct OutboxArgs {
    /// Only that of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// At most this many, up to 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
}

/// How to behave.
#[derive(Debug, Args)]
pub struct SetBehaviorArgs {
    /// The behaviour
    #[arg(value_enum, ignore_case = true)]
    behavior: Behavior,
    #[command(flatten)]
    target: TargetArgs,
    /// How long a throttled caller is told to wait; one second when left out
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    retry_after: Option<Duration>,
}

/// Who is to behave so.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct TargetArgs {
    /// This provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// All sandbox providers of this failure domain
    #[arg(long, value_name = "NAME")]
    failure_domain: Option<String>,
}

pub(super) async fn run(
    command: SandboxCommand,
    connection: &ConnectionArgs,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    let mut client = client!(SandboxServiceClient, connection);
    match command {
        SandboxCommand::Outbox(OutboxArgs { provider, limit }) => {
            let request = v1::ListOutboxRequest { provider: provider.unwrap_or_default(), page_size: limit };
            let answer = client.list_outbox(request).await.map_err(failed)?;
            screen.show_all(&answer.get_ref().entries, render::outbox)
        }
        SandboxCommand::Set(args) => {
            let request = v1::SetBehaviorRequest {
                provider: args.target.provider.unwrap_or_default(),
                failure_domain: args.target.failure_domain.unwrap_or_default(),
                behavior: args.behavior.into(),
                retry_after: args.retry_after.map(crate::wire::duration),
            };
            let answer = client.set_behavior(request).await.map_err(failed)?;
            screen.show(answer.get_ref(), render::behavior_answer)
        }
    }
}
