//! The parts of the benchmark, each a module that measures and gives its rows of the table.

mod accept;

use std::fs;

use clap::ValueEnum;
use relevo::wire::v1;

use crate::gateway::Gateway;
use crate::load::{self, Run, Until};
use crate::mold;
use crate::report::Row;
use crate::sample::Place;

/// A part that can be run by itself.
#[derive(Clone, Copy, ValueEnum)]
pub enum Part {
    /// Durable accepts, beside gRPC alone and sled alone
    Accept,
}

impl Part {
    /// Its name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
        }
    }

    /// Measures it in an empty folder, which is removed when all went well.
    pub async fn run(self, place: &Place) -> anyhow::Result<Vec<Row>> {
        if place.folder.exists() {
            fs::remove_dir_all(&place.folder)?;
        }
        fs::create_dir_all(&place.folder)?;
        let rows = match self {
            Self::Accept => accept::run(place).await,
        }?;
        fs::remove_dir_all(&place.folder)?;
        Ok(rows)
    }
}

/// A provider that takes everything at once and sends nothing.
const SANDBOX: &str = "[[providers]]\nname = 'sandbox'\nchannel = 'sms'\nfailure_domain = 'sandbox'\n\
                       [providers.limits]\nmax_concurrency = 256\n[providers.sandbox]\n";

/// Makes so many contacts known to the gateway.
async fn know_contacts(gateway: &Gateway, count: u64) -> anyhow::Result<Run> {
    let now = mold::now()?;
    let workers = load::workers(&gateway.contacts(8).await?, 50);
    load::calls(workers, Until::Count(count), move |mut client, number| {
        let contact = Some(mold::contact(number, now));
        async move {
            client.upsert_contact(v1::UpsertContactRequest { contact, update_mask: None }).await?;
            Ok(())
        }
    })
    .await
}
