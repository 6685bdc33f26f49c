//! A rolling load: messages are accepted, sent and forgotten. What the directory holds when the window is full must be
//! what it holds at the end.

use std::time::Duration;

use crate::figures::RATE;
use crate::inside;
use crate::report::Row;
use crate::sample::{Place, Sample};

use super::memory::MB;

pub async fn run(place: &Place) -> anyhow::Result<Vec<Row>> {
    let (messages, window, seconds) = if place.quick { (30_000, 5, 10) } else { (5_000_000, 100, 70) };
    let rolling =
        inside::roll(&place.folder.join("data"), messages, window, Duration::from_secs(seconds)).await?;
    let sizes: Vec<f64> = rolling.sizes.iter().map(|&bytes| bytes as f64 / MB).collect();
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
        anyhow::bail!("{} messages were too few to fill the window", rolling.messages)
    };
    let growth = last / first;
    let note = format!(
        "by the store in this process; {} of {messages} messages within {seconds} s, the last {window},000 of which \
         are kept.",
        rolling.messages
    );
    let sizes =
        Sample { runs: sizes.clone(), ..Sample::new("rolling load: directory, over time", "MB", note) };
    let growth =
        Sample::once("rolling load: the directory's growth", "times", growth, "since the window was full.");
    let rate = Sample::once("rolling load: accepted, sent and forgotten", RATE, rolling.rate, "");
    let kept = last * MB / (window as f64 * inside::STEP as f64);
    let kept = Sample::once("disk, a finished message with its history", "bytes", kept, "");
    Ok(vec![Row::seen(rate), Row::seen(sizes), Row::at_most(growth, 1.2), Row::seen(kept)])
}
