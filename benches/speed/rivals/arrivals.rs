//! How many messages have arrived at a receiver: the end of a measurement is when the last one has.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::watch;
use tokio::time;

/// The longest silence of a receiver that still expects messages.
const SILENCE: Duration = Duration::from_secs(20);

/// What a receiver counts its messages with.
pub type Counter = watch::Sender<u64>;

/// The number of messages that have arrived, as it grows.
pub struct Arrivals(watch::Receiver<u64>);

impl Arrivals {
    /// A count from nothing, and what moves it.
    pub fn new() -> (Counter, Self) {
        let (counter, count) = watch::channel(0);
        (counter, Self(count))
    }

    /// How many have arrived until now.
    pub fn count(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until this many have arrived since the beginning.
    ///
    /// # Errors
    /// When none arrives for a while, or none can any more.
    pub async fn reach(&mut self, total: u64) -> anyhow::Result<()> {
        loop {
            let arrived = *self.0.borrow_and_update();
            if arrived >= total {
                return Ok(());
            }
            match time::timeout(SILENCE, self.0.changed()).await {
                Ok(changed) => changed.context("the receiver ended")?,
                Err(_) => bail!("only {arrived} of {total} messages arrived, and then none for {SILENCE:?}"),
            }
        }
    }
}
