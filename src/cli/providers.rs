//! `relevo provider`: the health of providers, and taking them out of service.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::arguments::{LimitArgs, Mode};
use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::provider_test;
use super::render;
use super::screen::CommandOutput;
use super::times::{self, TimeArgument};
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::wire::v1::{self, provider_service_client::ProviderServiceClient};

/// What to do with providers.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// List the providers with their health
    #[command(after_help = "Examples:\n  relevo provider list\n  \
        relevo provider list --json |\n      jq -r 'select(.breaker == \"BREAKER_STATE_OPEN\") | .provider'")]
    List,
    /// Show the providers, and each one again whenever its health or control changes, until interrupted
    #[command(after_help = "Examples:\n  relevo provider watch")]
    Watch,
    /// Take a provider into service, out of it, or drain it
    #[command(after_help = "Modes:\n  in-service      used as its health allows; closes its breaker\n  \
        draining        takes no new message\n  out-of-service  takes nothing, whatever its breaker says\n\n\
        Examples:\n  relevo provider set twilio-eu out-of-service --reason 'billing dispute' \\\n      --actor eva\n  \
        relevo provider set twilio-eu draining --reason 'maintenance at 22:00' \\\n      --for 4h\n  \
        relevo provider set twilio-eu in-service --reason 'settled'")]
    Set(SetControlArgs),
    /// Show who changed the control of providers, when and why, newest first
    #[command(after_help = "Examples:\n  relevo provider log --provider twilio-eu")]
    Log(LogArgs),
    /// Send one real message through one provider, and explain its answer
    #[command(after_help = provider_test::AFTER_HELP)]
    Test(provider_test::TestArgs),
}

/// What is wanted of a provider.
#[derive(Debug, Args)]
pub struct SetControlArgs {
    /// The provider's name in the configuration
    provider: String,
    /// What is wanted of it
    #[arg(value_enum, ignore_case = true)]
    mode: Mode,
    /// Why; it is kept in the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Fall back to in service by itself after this long
    #[arg(long = "for", value_name = "DURATION", value_parser = times::duration, conflicts_with = "until")]
    duration: Option<Duration>,
    /// Fall back to in service by itself at this time
    #[arg(long, value_name = "TIME")]
    until: Option<TimeArgument>,
    /// Your name; the id of the key is kept beside it
    #[arg(long, value_name = "NAME", env = "USER")]
    actor: Option<String>,
}

/// Which changes to show.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Only those of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    #[command(flatten)]
    limit: LimitArgs,
}

pub(super) async fn run(
    command: ProviderCommand,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    match command {
        ProviderCommand::List => {
            let mut client = client!(ProviderServiceClient, connection);
            let answer = client.list_providers(v1::ListProvidersRequest {}).await.map_err(failed)?;
            screen.show_all(&answer.get_ref().providers, render::providers)
        }
        ProviderCommand::Watch => {
            let mut client = client!(ProviderServiceClient, connection);
            let answer = client.watch_providers(v1::WatchProvidersRequest {}).await.map_err(failed)?;
            let mut changes = answer.into_inner();
            while let Some(change) = changes.message().await.map_err(failed)? {
                let provider = change.provider.unwrap_or_default();
                screen.show(&provider, |provider| render::provider_line(provider, clock.now()))?;
            }
            Err(CliError::Unreachable(format!("{} ended the stream: it may be stopping", connection.server)))
        }
        ProviderCommand::Set(args) => {
            let mut client = client!(ProviderServiceClient, connection);
            let answer = client.set_provider_control(args.request(clock.now())).await.map_err(failed)?;
            let provider = answer.into_inner().provider.unwrap_or_default();
            screen.show_fitted(&provider, |provider, within| {
                render::providers(std::slice::from_ref(provider), within)
            })
        }
        ProviderCommand::Log(args) => {
            let mut client = client!(ProviderServiceClient, connection);
            let provider = args.provider.unwrap_or_default();
            let page = async |page_size, page_token| {
                let provider = provider.clone();
                let request = v1::ListProviderControlChangesRequest { provider, page_size, page_token };
                let answer =
                    client.list_provider_control_changes(request).await.map_err(failed)?.into_inner();
                Ok((answer.changes, answer.next_page_token))
            };
            screen.show_all(&args.limit.collect(page).await?, render::control_changes)
        }
        ProviderCommand::Test(args) => provider_test::run(args, clock, screen).await,
    }
}

impl SetControlArgs {
    fn request(self, now: Timestamp) -> v1::SetProviderControlRequest {
        let expiry = self.until.or(self.duration.map(TimeArgument::Away));
        v1::SetProviderControlRequest {
            provider: self.provider,
            mode: self.mode.into(),
            reason: self.reason,
            expire_time: expiry.map(|when| when.after(now)),
            actor: self.actor.unwrap_or_default(),
        }
    }
}
