//! `relevo incident`: times in which providers were not well.

use clap::{Args, Subcommand};

use super::arguments::LimitArgs;
use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use super::times::TimeArgument;
use crate::clock::Clock;
use crate::wire::v1::{self, incident_service_client::IncidentServiceClient};

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// List incidents, the one that began last first
    #[command(after_help = "Examples:\n  relevo incident list --open\n  \
        relevo incident list --provider twilio-eu --since 3d")]
    List(ListArgs),
    /// Show one incident: what was seen and done, and what it meant for messages
    #[command(after_help = "Examples:\n  relevo incident show 019ca8b0-1c00-7000-8000-000000000001")]
    Show(ShowArgs),
}

/// Which incidents to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those that go on
    #[arg(long)]
    open: bool,
    /// Only those of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only those that go on or ended at this time or later, or so long ago at most
    #[arg(long, value_name = "TIME")]
    since: Option<TimeArgument>,
    #[command(flatten)]
    limit: LimitArgs,
}

/// Names an incident.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The incident's id, as listed
    #[arg(value_name = "INCIDENT_ID")]
    id: String,
}

pub(super) async fn run(
    command: IncidentCommand,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    let mut client = client!(IncidentServiceClient, connection);
    match command {
        IncidentCommand::List(ListArgs { open, provider, since, limit }) => {
            let (provider, since) =
                (provider.unwrap_or_default(), since.map(|since| since.before(clock.now())));
            let page = async |page_size, page_token| {
                let (open_only, provider) = (open, provider.clone());
                let request = v1::ListIncidentsRequest { open_only, provider, since, page_size, page_token };
                let answer = client.list_incidents(request).await.map_err(failed)?.into_inner();
                Ok((answer.incidents, answer.next_page_token))
            };
            screen.show_all(&limit.collect(page).await?, render::incidents)
        }
        IncidentCommand::Show(ShowArgs { id }) => {
            let answer =
                client.get_incident(v1::GetIncidentRequest { incident_id: id }).await.map_err(failed)?;
            let incident = answer.into_inner().incident.unwrap_or_default();
            screen.show_fitted(&incident, render::incident)
        }
    }
}
