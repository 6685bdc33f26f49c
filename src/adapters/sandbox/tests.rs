//! On tokio's paused clock: time passes when every task waits, and no sooner.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::adapters::envelopes::to_phone;
use crate::adapters::events::{ProviderEvent, RecordError};
use crate::model::{Channel, MessageId, Provider, ProviderName, RenderedContent, Template, Timestamp};

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn provider(name: &str, failure_domain: &str) -> Provider {
    Provider {
        name: name.parse().unwrap(),
        channel: Channel::Sms,
        kind: "sandbox".into(),
        failure_domain: failure_domain.into(),
        tier: 1,
        weight: 1,
        brands: vec![],
        senders: BTreeMap::new(),
        user_ids_of: None,
        repeat_window: None,
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new(Duration::ZERO, None)
}

/// Sandboxes by name and failure domain.
fn sandboxes(sandboxes: &[(&str, &str, &Sandbox)]) -> Sandboxes {
    let providers: Vec<_> = sandboxes.iter().map(|(name, domain, _)| provider(name, domain)).collect();
    providers.iter().zip(sandboxes).map(|(provider, (.., sandbox))| (provider, (*sandbox).clone())).collect()
}

/// The one sandbox `sms-a`.
fn alone(sandbox: &Sandbox) -> Sandboxes {
    sandboxes(&[("sms-a", "a", sandbox)])
}

/// Passes on what it is given, after it refused the first of it.
struct PassingSink {
    refused: AtomicBool,
    events: mpsc::UnboundedSender<ProviderEvent>,
}

#[async_trait]
impl EventSink for PassingSink {
    async fn record(&self, events: Vec<ProviderEvent>) -> Result<(), RecordError> {
        if !self.refused.swap(true, Ordering::Relaxed) {
            return Err(RecordError);
        }
        events.into_iter().for_each(|event| self.events.send(event).unwrap());
        Ok(())
    }

    fn now(&self) -> Timestamp {
        START
    }
}

/// The next receipt that the sandbox reports.
async fn next_receipt(sandbox: &Sandbox, refused: bool) -> DeliveryReport {
    let (events, mut recorded) = mpsc::unbounded_channel();
    let sink = PassingSink { refused: AtomicBool::new(refused), events };
    tokio::select! {
        () = sandbox.listen(&sink) => unreachable!("it listens without end"),
        event = recorded.recv() => match event.unwrap() {
            ProviderEvent::Receipt(report) => report,
            other => panic!("{other:?}"),
        },
    }
}

fn envelope(number: u64) -> Envelope {
    let content = RenderedContent::Text(format!("message {number}"));
    Envelope {
        message_id: MessageId::new(number, &[7; 10]),
        now: later(START, Duration::from_millis(number)),
        ..to_phone(content)
    }
}

fn texts(entries: Option<Vec<(ProviderName, OutboxEntry)>>) -> Vec<String> {
    entries.unwrap().into_iter().map(|(_, entry)| entry.text).collect()
}

#[tokio::test(start_paused = true)]
async fn an_accepted_message_takes_its_time_is_kept_and_reported_delivered() {
    let sandbox = Sandbox::new(Duration::from_millis(40), Some(Duration::from_millis(500)));
    let start = Instant::now();

    let outcome = sandbox.deliver(&envelope(1)).await;
    assert_eq!(start.elapsed(), Duration::from_millis(40));
    let reference = format!("{}-2", envelope(1).message_id);
    assert_eq!(outcome, Outcome::sent(reference.clone()));

    let entries = alone(&sandbox).outbox(None, None, 10).unwrap();
    let [(provider, entry)] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((provider.as_str(), entry.channel), ("sms-a", Channel::Sms));
    assert_eq!((entry.message_id, entry.time), (envelope(1).message_id, envelope(1).now));
    assert_eq!((entry.text.as_str(), &entry.subject), ("message 1", &None));

    let receipt = next_receipt(&sandbox, true).await;
    assert_eq!(start.elapsed(), Duration::from_millis(540));
    assert_eq!((receipt.reference, receipt.status), (reference, ReceiptStatus::Delivered));
    assert_eq!(receipt.reported_at, later(envelope(1).now, Duration::from_millis(540)));
}

#[tokio::test(start_paused = true)]
async fn it_behaves_as_it_is_told() {
    let sandbox = sandbox();
    let sandboxes = alone(&sandbox);
    let behave = |behavior| {
        let names = sandboxes.set_behavior(&SandboxTarget::Provider("sms-a".parse().unwrap()), behavior);
        assert_eq!(names.len(), 1);
    };

    behave(SandboxBehavior::Fail);
    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "unavailable");

    behave(SandboxBehavior::Throttle { retry_after: Duration::from_secs(9) });
    let outcome = sandbox.deliver(&envelope(1)).await;
    assert!(matches!(outcome, Outcome::Throttled { retry_after: Some(wait), .. } if wait.as_secs() == 9));

    behave(SandboxBehavior::RejectAddress);
    let outcome = sandbox.deliver(&envelope(1)).await;
    assert!(matches!(outcome, Outcome::Rejected { cause: Rejection::Address { certain: true }, .. }));

    behave(SandboxBehavior::Hang);
    assert!(timeout(Duration::from_secs(3600), sandbox.deliver(&envelope(1))).await.is_err());

    assert_eq!(sandboxes.outbox(None, None, 10), Some(vec![]));

    behave(SandboxBehavior::Accept);
    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "sent");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_in_doubt_until_the_receipt_settles_it() {
    let sandbox = Sandbox::new(Duration::ZERO, Some(Duration::from_secs(1)));
    let sandboxes = alone(&sandbox);
    sandboxes.set_behavior(&SandboxTarget::Provider("sms-a".parse().unwrap()), SandboxBehavior::LoseReply);

    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "unknown");
    assert_eq!(texts(sandboxes.outbox(None, None, 10)), ["message 1"]);
    let receipt = next_receipt(&sandbox, true).await;
    let echo = receipt.echo.unwrap();
    assert_eq!((echo.message, echo.attempt), (envelope(1).message_id, 2));
    assert_eq!(receipt.reference, format!("{}-2", envelope(1).message_id));
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_takes_the_message_and_reports_nothing() {
    let sandbox = Sandbox::new(Duration::ZERO, Some(Duration::from_secs(1)));
    let sandboxes = alone(&sandbox);
    sandboxes.set_behavior(&SandboxTarget::Provider("sms-a".parse().unwrap()), SandboxBehavior::Silent);
    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "sent");
    assert_eq!(texts(sandboxes.outbox(None, None, 10)), ["message 1"]);
    assert!(timeout(Duration::from_secs(3600), next_receipt(&sandbox, true)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing() {
    let sandbox = Sandbox::new(Duration::from_secs(1), None);
    assert!(timeout(Duration::from_millis(999), sandbox.deliver(&envelope(1))).await.is_err());
    assert_eq!(alone(&sandbox).outbox(None, None, 10), Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_cannot_be_recorded_is_reported_again() {
    let sandbox = Sandbox::new(Duration::ZERO, Some(Duration::from_secs(1)));
    let start = Instant::now();
    sandbox.deliver(&envelope(1)).await;
    let receipt = next_receipt(&sandbox, false).await;
    assert_eq!(receipt.reference, format!("{}-2", envelope(1).message_id));
    assert_eq!(start.elapsed(), Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn outboxes_are_bounded_and_listed_newest_first() {
    let (a, b) = (sandbox(), sandbox());
    let sandboxes = sandboxes(&[("sms-a", "meta", &a), ("sms-b", "twilio", &b)]);
    for number in 0..=MAX_ENTRIES as u64 {
        a.deliver(&envelope(2 * number)).await;
    }
    b.deliver(&envelope(1_999)).await;

    let name = "sms-a".parse().unwrap();
    let of_a = texts(sandboxes.outbox(Some(&name), None, usize::MAX));
    assert_eq!((of_a.len(), of_a.last().unwrap().as_str()), (MAX_ENTRIES, "message 2"));
    assert_eq!(texts(sandboxes.outbox(None, None, 3)), ["message 2000", "message 1999", "message 1998"]);
    assert_eq!(sandboxes.outbox(Some(&"sms-c".parse().unwrap()), None, 3), None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_domain_fails_together() {
    let (a, b, c) = (sandbox(), sandbox(), sandbox());
    let sandboxes = sandboxes(&[("wa-a", "meta", &a), ("wa-b", "meta", &b), ("sms-c", "twilio", &c)]);

    let set_on = sandboxes.set_behavior(&SandboxTarget::FailureDomain("meta".into()), SandboxBehavior::Fail);
    assert_eq!(set_on.iter().map(ProviderName::as_str).collect::<Vec<_>>(), ["wa-a", "wa-b"]);
    assert_eq!(a.deliver(&envelope(1)).await.as_str(), "unavailable");
    assert_eq!(c.deliver(&envelope(1)).await.as_str(), "sent");
    assert!(
        sandboxes
            .set_behavior(&SandboxTarget::FailureDomain("nobody".into()), SandboxBehavior::Fail)
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn an_entry_shows_a_template_and_cuts_a_long_text() {
    let sandbox = sandbox();
    let template = Template {
        name: "order_shipped".into(),
        language: "es".into(),
        parameters: vec!["Ana".into(), "42".into()],
        ..Template::default()
    };
    sandbox.deliver(&Envelope { content: RenderedContent::Template(template), ..envelope(1) }).await;
    sandbox.deliver(&Envelope { content: RenderedContent::Text("ñ".repeat(20_000)), ..envelope(2) }).await;
    let shown = texts(alone(&sandbox).outbox(None, None, 2));
    assert_eq!(shown[1], "order_shipped(Ana, 42)");
    assert_eq!(shown[0].chars().count(), 10_000);
}
