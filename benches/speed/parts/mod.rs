//! The parts of the benchmark, each a module that measures and gives its rows of the table.

mod accept;
mod backlog;
mod drain;
mod growth;
mod http;
mod memory;
mod outage;
mod rivals;
mod rolling;
mod smtp;

use std::fs;

use clap::ValueEnum;
use relevo::wire::v1;

use crate::gateway::Gateway;
use crate::load::{self, Run, Until};
use crate::providers::Provider;
use crate::report::{Report, Row};
use crate::sample::Workspace;
use crate::workload;

/// A part that can be run by itself.
#[derive(Clone, Copy, ValueEnum)]
pub enum Part {
    /// Durable accepts, beside gRPC alone and sled alone
    Accept,
    /// Email from accept to recorded outcome
    Smtp,
    /// SMS, Telegram and WhatsApp from accept to recorded outcome
    Http,
    /// A backlog through a provider that does nothing
    Drain,
    /// One of two providers in trouble
    Outage,
    /// Idle, and at full rate
    Memory,
    /// Millions of messages that wait
    Backlog,
    /// Accepted, sent and forgotten, over and over
    Rolling,
    /// The same work in a larger and larger store
    Growth,
    /// Postfix, Kannel and notifyd, beside what was measured of us before
    Rivals,
}

impl Part {
    /// Its name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Smtp => "smtp",
            Self::Http => "http",
            Self::Drain => "drain",
            Self::Outage => "outage",
            Self::Memory => "memory",
            Self::Backlog => "backlog",
            Self::Rolling => "rolling",
            Self::Growth => "growth",
            Self::Rivals => "rivals",
        }
    }

    /// Measures it in an empty folder, which is removed when all went well. `report` holds what was measured before.
    pub async fn run(self, workspace: &Workspace, report: &Report) -> anyhow::Result<Vec<Row>> {
        if workspace.folder.exists() {
            fs::remove_dir_all(&workspace.folder)?;
        }
        fs::create_dir_all(&workspace.folder)?;
        let rows = match self {
            Self::Accept => accept::run(workspace).await,
            Self::Smtp => smtp::run(workspace).await,
            Self::Http => http::run(workspace).await,
            Self::Drain => drain::run(workspace).await,
            Self::Outage => outage::run(workspace).await,
            Self::Memory => memory::run(workspace).await,
            Self::Backlog => backlog::run(workspace).await,
            Self::Rolling => rolling::run(workspace).await,
            Self::Growth => growth::run(workspace).await,
            Self::Rivals => rivals::run(workspace, report).await,
        }?;
        fs::remove_dir_all(&workspace.folder)?;
        Ok(rows)
    }
}

/// A configuration with one provider that takes everything at once and sends nothing.
fn sandbox() -> String {
    Provider::sandbox().config("max_concurrency = 256")
}

/// Makes so many contacts known to the gateway.
async fn create_contacts(gateway: &Gateway, count: u64) -> anyhow::Result<Run> {
    let now = workload::now()?;
    let workers = load::workers(&gateway.contacts(8).await?, 50);
    load::calls(workers, Until::Count(count), move |mut client, number| {
        let contact = Some(workload::contact(number, now));
        async move {
            client.upsert_contact(v1::UpsertContactRequest { contact, update_mask: None }).await?;
            Ok(())
        }
    })
    .await
}
