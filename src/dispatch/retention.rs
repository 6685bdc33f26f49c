//! Forgets messages that ended long ago, so that the store does not grow for ever.

use std::sync::Arc;
use std::time::Duration;

use super::ClockTrust;
use crate::model::Timestamp;
use crate::store::{ClockStore, WorkQueue};

/// How often to look for what may be purged.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How often to look whether a clock in doubt is believed again.
const RECHECK: Duration = Duration::from_secs(60);

/// How many messages are purged in one step, so that nobody waits long behind it.
const STEP: usize = 500;

/// Forgets, now and then, what ended longer than `retention` ago, and records the time by which it did so. Does neither while
/// the clock may be wrong. Runs until dropped.
pub async fn purge_expired(
    store: Arc<dyn WorkQueue>,
    times: Arc<dyn ClockStore>,
    clock_trust: ClockTrust,
    retention: Duration,
) {
    loop {
        if clock_trust.hold().is_some() {
            tokio::time::sleep(RECHECK).await;
            continue;
        }
        let clock = clock_trust.clock();
        let before = clock.now().saturating_sub(retention).unwrap_or(Timestamp::MIN);
        match store.purge(before, STEP).await {
            Ok(STEP..) => continue,
            Ok(0) => {}
            Ok(purged) => {
                tracing::info!(records = purged, "records older than the retention period were purged")
            }
            Err(error) => {
                tracing::error!(%error, "records older than the retention period were not purged because the store failed; trying again in ten minutes")
            }
        }
        if let Err(error) = times.record_time(clock.now()).await {
            tracing::error!(%error, "the time was not recorded because the store failed; trying again in ten minutes");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::dispatch::work::tests::stored;
    use crate::model::{Message, OutcomeEvidence, ReceiptReport, ReceiptStatus, ReferenceForms};
    use crate::store::{AcceptResult, Stores};

    fn report(index: usize, status: ReceiptStatus) -> ReceiptReport {
        ReceiptReport {
            provider: "sms".parse().unwrap(),
            reference: index.to_string(),
            forms: ReferenceForms::default(),
            addresses: Vec::new(),
            echo: None,
            status,
            reported_at: Timestamp::UNIX_EPOCH,
            evidence: OutcomeEvidence::default(),
            objection: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn everything_old_is_forgotten_in_one_go() {
        let Stores { work, clock: times, inbound, messages, .. } = Stores::memory();
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
        for index in 0..STEP * 3 / 2 {
            let message = Message { accepted_at: clock.now(), id: clock.message_id(), ..stored().message };
            let brand = message.brand.clone();
            let AcceptResult::New(id) = messages.accept(message, [0; 32]).await.unwrap() else { panic!() };
            messages.cancel(&brand, id, "ana", clock.now()).await.unwrap().unwrap().unwrap();
            inbound.record_receipt(report(index, ReceiptStatus::Delivered), clock.now()).await.unwrap();
        }
        let retention = Duration::from_secs(60);
        tokio::time::advance(2 * retention).await;
        let trust = ClockTrust::new(clock.clone(), None);
        let forgetting = purge_expired(work.clone(), times, trust, retention);
        assert!(tokio::time::timeout(INTERVAL / 2, forgetting).await.is_err(), "it goes on for ever");
        assert_eq!(work.purge(clock.now(), STEP).await.unwrap(), 0);
    }
}
