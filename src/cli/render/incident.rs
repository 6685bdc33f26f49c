//! Incidents, in a list and with all that is known.

use super::format::{breaker, incident_cause, mode, time};
use super::{Table, TextWidth};
use crate::wire::v1;
use v1::incident_update::Detail;

/// A list of incidents.
pub(crate) fn incidents(incidents: &[v1::Incident], within: TextWidth) -> String {
    let mut table = Table::new(["began", "lasted", "incident"]);
    for incident in incidents {
        let meant = total(&incident.impacts);
        let impact = if meant.is_empty() { String::new() } else { format!("; {meant}") };
        table.row([
            time(incident.begin_time.as_ref()),
            lasted(incident),
            format!("{}{impact}; {}", title(incident), incident.incident_id),
        ]);
    }
    table.or("There are no incidents.", within)
}

/// One incident, with what was seen and done, and what it meant for messages.
pub(crate) fn incident(incident: &v1::Incident, within: TextWidth) -> String {
    let mut facts = Table::bare();
    facts.row(["incident".to_owned(), incident.incident_id.clone()]);
    facts.row(["began".to_owned(), time(incident.begin_time.as_ref())]);
    facts.row(["ended".to_owned(), ended(incident)]);
    let mut updates = Table::bare();
    for update in &incident.updates {
        updates.row([time(update.first_time.as_ref()), update_text(update)]);
    }
    let mut impacts = Table::bare();
    for impact in &incident.impacts {
        impacts.row([impact.brand.clone(), impact_text(impact)]);
    }
    if incident.impacts.is_empty() {
        impacts.row(["Nothing.".to_owned(), String::new()]);
    }
    let forgotten = match incident.forgotten_updates {
        0 => String::new(),
        count => format!("  {count} between the first and the second are no longer kept.\n"),
    };
    format!(
        "{}\n{}\nWhat was seen and done\n{}{forgotten}\nWhat it meant for messages\n{}",
        title(incident),
        facts.indented("  ", within),
        updates.indented("  ", within),
        impacts.indented("  ", within),
    )
}

/// What is not well, and what began it.
fn title(incident: &v1::Incident) -> String {
    let cell = incident.cell.as_ref().map(|cell| format!(", {}", cell_text(cell))).unwrap_or_default();
    format!("{}{cell}: {}", incident.provider, incident_cause(incident.cause))
}

fn cell_text(cell: &v1::IncidentCell) -> String {
    match cell.dimension() {
        v1::CellDimension::Sender if cell.of_other_brand => "a sender of another brand".to_owned(),
        v1::CellDimension::Template if cell.of_other_brand => "a template of another brand".to_owned(),
        v1::CellDimension::Sender if cell.name.is_empty() => "its own sender".to_owned(),
        v1::CellDimension::Sender => format!("sender {}", cell.name),
        v1::CellDimension::Template => format!("template {}", cell.name),
        v1::CellDimension::Country => format!("country {}", cell.name),
        v1::CellDimension::Unspecified => cell.name.clone(),
    }
}

/// How long it lasted.
fn lasted(incident: &v1::Incident) -> String {
    match incident.begin_time.zip(incident.end_time) {
        None => "open".to_owned(),
        Some((begin, end)) => {
            let seconds = (end.seconds - begin.seconds).max(0);
            match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
                (0, 0, seconds) => format!("{seconds} s"),
                (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
                (hours, minutes, _) => format!("{hours} h {minutes} min"),
            }
        }
    }
}

fn ended(incident: &v1::Incident) -> String {
    let at = time(incident.end_time.as_ref());
    match incident.end() {
        v1::IncidentEnd::Recovered => format!("{at}, after {}", lasted(incident)),
        v1::IncidentEnd::GatewayStopped => {
            format!("{at}, after {}: the gateway stopped, and knew no more of it", lasted(incident))
        }
        v1::IncidentEnd::Unspecified => format!("not yet, as of {}", time(incident.update_time.as_ref())),
    }
}

fn update_text(update: &v1::IncidentUpdate) -> String {
    let what = match &update.detail {
        Some(Detail::Breaker(change)) => {
            let whole = if change.failure_text.is_empty() { &change.failure } else { &change.failure_text };
            let failure = if whole.is_empty() { String::new() } else { format!(" ({whole})") };
            let reason =
                if change.reason.is_empty() { String::new() } else { format!(": {}", change.reason) };
            format!("breaker {}{reason}{failure}", breaker(change.state))
        }
        Some(Detail::Weight(change)) => format!(
            "weight from {:.0} % to {:.0} %: {}",
            change.from_percent, change.to_percent, change.reason
        ),
        Some(Detail::Throttled(paused)) => {
            format!("asked to be called less: not called for {} s within an hour", paused.seconds)
        }
        Some(Detail::Control(change)) => {
            format!("set to {} by {}: {}", mode(change.mode), change.actor, change.reason)
        }
        None => "something that this build does not know".to_owned(),
    };
    match update.count {
        0 | 1 => what,
        count => format!("{what}; {count} times, last {}", time(update.last_time.as_ref())),
    }
}

/// What an incident meant for the messages of one brand; empty for nothing.
fn impact_text(impact: &v1::IncidentImpact) -> String {
    let by = |(provider, count): (&String, &u64)| format!("{count} by {provider}");
    let by: Vec<String> = impact.rescued.iter().map(by).collect();
    let rescued: u64 = impact.rescued.values().sum();
    let rescued = if rescued == 0 { String::new() } else { format!("{rescued} rescued ({})", by.join(", ")) };
    let counts = [(impact.doubled, "doubled"), (impact.expired, "expired"), (impact.waiting, "waiting")];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let parts: Vec<String> =
        Some(rescued).filter(|text| !text.is_empty()).into_iter().chain(counts).collect();
    parts.join(", ")
}

/// What an incident meant for the messages of all brands.
fn total(impacts: &[v1::IncidentImpact]) -> String {
    let mut whole = v1::IncidentImpact::default();
    for impact in impacts {
        for (provider, count) in &impact.rescued {
            *whole.rescued.entry(provider.clone()).or_default() += count;
        }
        whole.doubled += impact.doubled;
        whole.expired += impact.expired;
        whole.waiting += impact.waiting;
    }
    impact_text(&whole)
}
