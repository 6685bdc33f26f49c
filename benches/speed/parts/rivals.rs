//! The rivals, each after the other, beside what the parts before measured of us in the same run.

use crate::report::{Report, Row};
use crate::rivals::{kannel, notifyd, postfix};
use crate::sample::{Sample, Skipped, Workspace};

use super::{accept, drain, http, smtp};

/// What of ours stands beside what of theirs, and how many times theirs it has to be.
struct Pair {
    ours: String,
    /// How the name of their sample ends.
    theirs: &'static str,
    least: Option<f64>,
}

impl Pair {
    fn new(ours: impl Into<String>, theirs: &'static str, least: Option<f64>) -> Self {
        Self { ours: ours.into(), theirs, least }
    }
}

pub async fn run(workspace: &Workspace, report: &Report) -> anyhow::Result<Vec<Row>> {
    let email = || smtp::name();
    let mut rows =
        beside(report, postfix::measure(workspace).await, &[Pair::new(email(), "20 sessions", Some(1.0))]);
    rows.extend(beside(
        report,
        kannel::measure(workspace).await,
        &[Pair::new(http::HTTP_CHANNELS[0].whole_name(), "50 connections", Some(3.0))],
    ));
    let few = accept::FEW_NAME;
    rows.extend(beside(
        report,
        notifyd::measure(workspace).await,
        &[
            Pair::new(few, "32 connections", Some(1.0)),
            Pair::new(format!("{few}: p99"), "32 connections, p99", None),
            Pair::new(drain::NAME, "batches of 100", Some(1.0)),
            Pair::new(email(), "smtp-sink", Some(1.0)),
        ],
    ));
    Ok(rows)
}

/// A row for each pair, with what of it there is.
fn beside(report: &Report, measured: Result<Vec<Sample>, Skipped>, pairs: &[Pair]) -> Vec<Row> {
    let mut rows = Vec::new();
    match measured {
        Ok(theirs) => {
            for sample in theirs {
                let pair = pairs.iter().find(|pair| sample.name.ends_with(pair.theirs));
                let ours = pair.and_then(|pair| Some((report.sample(&pair.ours)?, pair.least)));
                rows.push(match ours {
                    Some((ours, Some(least))) => Row::ratio(ours, sample, least),
                    Some((ours, None)) => Row::beside(ours, sample),
                    None => Row::measured(sample),
                });
            }
        }
        Err(Skipped(why)) => {
            for pair in pairs {
                let ours = report.sample(&pair.ours);
                rows.extend(ours.map(|ours| Row::skipped(ours, Skipped(why.clone()), pair.least)));
            }
        }
    }
    rows
}
