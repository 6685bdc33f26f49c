//! A rolling load: messages are accepted, sent and forgotten. What the directory holds when the window is full must be
//! what it holds at the end.

use std::time::Duration;

use anyhow::ensure;

use crate::direct_store;
use crate::figures::RATE;
use crate::report::{Row, number};
use crate::sample::{Sample, Workspace};

use super::memory::MB;

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (messages, window, seconds) = match (workspace.quick, workspace.full) {
        (true, _) => (30_000, 5, 10),
        (_, false) => (5_000_000, 100, 70),
        (_, true) => (5_000_000, 100, 3_600),
    };
    let rolling =
        direct_store::roll(&workspace.folder.join("data"), messages, window, Duration::from_secs(seconds))
            .await?;
    let sizes: Vec<f64> = rolling.sizes.iter().map(|&bytes| bytes as f64 / MB).collect();
    let halves = sizes.split_at(sizes.len() / 2);
    let [early, late] = [halves.0, halves.1].map(|half| half.iter().copied().fold(0.0, f64::max));
    ensure!(early > 0.0, "{} messages were too few to fill the window twice", rolling.messages);
    let growth = late / early;
    let note = format!(
        "by the store in this process; {} of {} messages within {seconds} s, the last {window},000 of which are kept; \
         looked at from when those were full.",
        number(rolling.messages as f64),
        number(messages as f64)
    );
    let sizes =
        Sample { runs: sizes.clone(), ..Sample::new("rolling load: directory, over time", "MB", note) };
    let growth = Sample::once(
        "rolling load: the directory's growth",
        "times",
        growth,
        "the largest of the second half by the largest of the first.",
    );
    let rate = Sample::once("rolling load: accepted, sent and forgotten", RATE, rolling.rate, "");
    let kept = late * MB / (window as f64 * direct_store::STEP as f64);
    let kept = Sample::once("disk, a finished message with its history", "bytes", kept, "");
    Ok(vec![Row::measured(rate), Row::measured(sizes), Row::at_most(growth, 1.2), Row::measured(kept)])
}
