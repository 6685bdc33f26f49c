//! Reports messages as delivered, each a fixed time after it was accepted.

use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use crate::adapters::events::{DeliveryReport, EventSink, ProviderEvent};

/// How many receipts may wait for their time.
const MAX_WAITING: usize = 65_536;

/// How long to wait before a receipt is reported again that could not be recorded.
const RETRY: Duration = Duration::from_millis(500);

/// The receipts of one provider that are still to come. The delay is the same for all, so they leave in the order in
/// which they came.
#[derive(Debug)]
pub(super) struct SimulatedReceipts {
    delay: Duration,
    schedule: mpsc::Sender<ScheduledReceipt>,
    due: Mutex<mpsc::Receiver<ScheduledReceipt>>,
}

#[derive(Debug)]
struct ScheduledReceipt {
    at: Instant,
    report: DeliveryReport,
}

impl SimulatedReceipts {
    pub(super) fn new(delay: Duration) -> Self {
        let (schedule, due) = mpsc::channel(MAX_WAITING);
        Self { delay, schedule, due: Mutex::new(due) }
    }

    /// The time between a message and its receipt.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Reports this after the delay.
    pub(super) fn schedule(&self, report: DeliveryReport) {
        let receipt = ScheduledReceipt { at: Instant::now() + self.delay, report };
        if self.schedule.try_send(receipt).is_err() {
            tracing::warn!(max_waiting = MAX_WAITING, "a sandbox receipt was dropped: too many are waiting");
        }
    }

    /// Reports what is due, without end. A receipt is taken up only when the one before it is durable.
    pub(super) async fn report(&self, sink: &dyn EventSink) {
        let mut due = self.due.lock().await;
        while let Some(ScheduledReceipt { at, report }) = due.recv().await {
            sleep_until(at).await;
            while sink.record(vec![ProviderEvent::Receipt(report.clone())]).await.is_err() {
                sleep(RETRY).await;
            }
        }
    }
}
