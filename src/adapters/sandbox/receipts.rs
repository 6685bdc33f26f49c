//! Reports messages as delivered, each a fixed time after it was taken.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::model::ReceiptReport;

/// How many receipts may be waiting for their time.
const MAX_WAITING: usize = 65_536;

/// The receipts of one provider that are still to come. The delay is the same for all, so they leave in the order in
/// which they came.
#[derive(Debug, Clone)]
pub(super) struct SimulatedReceipts {
    delay: Duration,
    waiting: mpsc::Sender<(Instant, ReceiptReport)>,
}

impl SimulatedReceipts {
    /// Reports into `reports` until its receiver or the last clone of this is dropped. Needs a tokio runtime.
    pub(super) fn start(delay: Duration, reports: mpsc::Sender<ReceiptReport>) -> Self {
        let (waiting, due) = mpsc::channel(MAX_WAITING);
        tokio::spawn(report(due, reports));
        Self { delay, waiting }
    }

    /// The time between a message and its receipt.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Reports this after the delay.
    pub(super) fn schedule(&self, receipt: ReceiptReport) {
        let due = Instant::now() + self.delay;
        if self.waiting.try_send((due, receipt)).is_err() {
            tracing::warn!(max_waiting = MAX_WAITING, "a sandbox receipt was dropped: too many are waiting");
        }
    }
}

async fn report(mut due: mpsc::Receiver<(Instant, ReceiptReport)>, reports: mpsc::Sender<ReceiptReport>) {
    while let Some((at, receipt)) = due.recv().await {
        sleep_until(at).await;
        if reports.send(receipt).await.is_err() {
            return;
        }
    }
}
