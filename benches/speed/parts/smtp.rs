//! Email by one SMTP provider to Postfix's smtp-sink, which takes everything. The ceiling in the same minute is
//! smtp-source, from the same package: it writes SMTP and does nothing else.

use relevo::wire::v1::Channel;

use crate::delivery::Delivery;
use crate::figures::RATE;
use crate::gateway::GatewayDirectory;
use crate::providers::Provider;
use crate::report::Row;
use crate::rivals::smtp::Sink;
use crate::rivals::smtp_direct;
use crate::sample::{Sample, Skipped, Workspace};
use crate::workload::MessageGenerator;

use super::create_contacts;

/// Sessions at once, ours and those of the ceiling.
const SESSIONS: usize = 20;

/// The name of the sample that rivals stand beside.
pub fn name() -> String {
    format!("email by SMTP, {SESSIONS} sessions, durable in and recorded out")
}

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (contacts, rounds, seconds) = if workspace.quick { (500, 1, 1.0) } else { (10_000, 3, 5.0) };
    let sink = Sink::start(&workspace.folder).await?;
    let provider = Provider::smtp(sink.port, SESSIONS).config(&format!("max_concurrency = {SESSIONS}"));
    let directory = GatewayDirectory::new(workspace, "gateway", &provider).await?;
    let gateway = directory.start().await?;
    create_contacts(&gateway, contacts).await?;
    let mut delivery = Delivery::new(&gateway, MessageGenerator::new(contacts, Channel::Email)).await?;
    let mut ours = Sample::new(name(), RATE, "500 bytes of text each.");
    let mut cpu = Sample::new("email by SMTP: the gateway's processor time", "us/message", "");
    for _ in 0..rounds {
        let run = delivery.run(seconds).await?;
        ours.runs.push(run.rate);
        cpu.runs.push(run.cpu_us);
    }
    gateway.stop().await?;
    drop(sink);
    Ok(rows(ours, cpu, smtp_direct::measure(workspace).await))
}

fn rows(ours: Sample, cpu: Sample, straight: Result<Vec<Sample>, Skipped>) -> Vec<Row> {
    let mut rows = Vec::new();
    match straight {
        Ok(ceilings) => {
            for (workspace, ceiling) in ceilings.into_iter().enumerate() {
                // The first has as many sessions as we; the others are there to be seen.
                let row = if workspace == 0 {
                    Row::ratio(ours.called(&ours.name), ceiling, 0.4)
                } else {
                    Row::beside(ours.called(&ours.name), ceiling)
                };
                rows.push(row);
            }
        }
        Err(skipped) => rows.push(Row::skipped(ours, skipped, Some(0.4))),
    }
    rows.push(Row::measured(cpu));
    rows
}
