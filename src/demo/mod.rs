//! `relevo demo`.

use crate::clock::Clock;

/// Runs the demonstration.
pub async fn run(_once: bool, _clock: Clock, _stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    anyhow::bail!("the demonstration is not written yet")
}
