//! On tokio's paused clock: time passes when every task waits, and no sooner.

use std::collections::BTreeMap;

use tokio::time::{Instant, timeout};

use super::*;
use crate::adapters::envelopes::to_phone;
use crate::model::{MessageId, RenderedContent, Template, Timestamp};

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
    }
}

fn sandbox(
    name: &str,
    failure_domain: &str,
    settings: &SandboxSettings,
) -> (Sandbox, mpsc::Receiver<ReceiptReport>) {
    let (sender, receiver) = mpsc::channel(8);
    (Sandbox::new(&provider(name, failure_domain), settings, sender), receiver)
}

fn envelope(number: u64) -> Envelope {
    let content = RenderedContent::Text(format!("message {number}"));
    Envelope {
        message_id: MessageId::new(number, &[7; 10]),
        now: later(START, Duration::from_millis(number)),
        ..to_phone(content)
    }
}

fn texts(entries: Option<Vec<OutboxEntry>>) -> Vec<String> {
    entries.unwrap().into_iter().map(|entry| entry.text).collect()
}

#[tokio::test(start_paused = true)]
async fn an_accepted_message_takes_its_time_is_kept_and_reported_delivered() {
    let settings = SandboxSettings { latency_ms: 40, receipt_delay_ms: Some(500) };
    let (sandbox, mut receipts) = sandbox("sms-a", "a", &settings);
    let sandboxes: Sandboxes = [sandbox.clone()].into_iter().collect();
    let start = Instant::now();

    let outcome = sandbox.deliver(&envelope(1)).await;
    assert_eq!(start.elapsed(), Duration::from_millis(40));
    let reference = format!("{}-2", envelope(1).message_id);
    assert_eq!(outcome, Outcome::Sent { reference: reference.clone() });

    let entries = sandboxes.outbox(None, None, 10).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].message_id, entries[0].time), (envelope(1).message_id, envelope(1).now));
    assert_eq!((entries[0].text.as_str(), &entries[0].subject), ("message 1", &None));

    let receipt = receipts.recv().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(540));
    assert_eq!((receipt.reference, receipt.status), (reference, ReceiptStatus::Delivered));
    assert_eq!(receipt.reported_at, later(envelope(1).now, Duration::from_millis(540)));
}

#[tokio::test(start_paused = true)]
async fn it_behaves_as_told() {
    let (sandbox, mut receipts) = sandbox("sms-a", "a", &SandboxSettings::default());
    let sandboxes: Sandboxes = [sandbox.clone()].into_iter().collect();
    let told = |behavior| {
        let names = sandboxes.set_behavior(&SandboxTarget::Provider("sms-a".parse().unwrap()), behavior);
        assert_eq!(names.len(), 1);
    };

    told(SandboxBehavior::Fail);
    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "unavailable");

    told(SandboxBehavior::Throttle { retry_after: Duration::from_secs(9) });
    let outcome = sandbox.deliver(&envelope(1)).await;
    assert!(matches!(outcome, Outcome::Throttled { retry_after: Some(wait), .. } if wait.as_secs() == 9));

    told(SandboxBehavior::RejectAddress);
    let outcome = sandbox.deliver(&envelope(1)).await;
    assert!(matches!(outcome, Outcome::Rejected { cause: Rejection::Address { certain: true }, .. }));

    told(SandboxBehavior::Hang);
    assert!(timeout(Duration::from_secs(3600), sandbox.deliver(&envelope(1))).await.is_err());

    assert_eq!(sandboxes.outbox(None, None, 10), Some(vec![]));
    assert!(receipts.try_recv().is_err());

    told(SandboxBehavior::Accept);
    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "sent");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_in_doubt_until_the_receipt_settles_it() {
    let settings = SandboxSettings { latency_ms: 0, receipt_delay_ms: Some(1_000) };
    let (sandbox, mut receipts) = sandbox("sms-a", "a", &settings);
    let sandboxes: Sandboxes = [sandbox.clone()].into_iter().collect();
    sandboxes.set_behavior(&SandboxTarget::Provider("sms-a".parse().unwrap()), SandboxBehavior::LoseReply);

    assert_eq!(sandbox.deliver(&envelope(1)).await.as_str(), "unknown");
    assert_eq!(texts(sandboxes.outbox(None, None, 10)), ["message 1"]);
    let receipt = receipts.recv().await.unwrap();
    let echo = receipt.echo.unwrap();
    assert_eq!((echo.message, echo.attempt), (envelope(1).message_id, 2));
    assert_eq!(receipt.reference, format!("{}-2", envelope(1).message_id));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing() {
    let settings = SandboxSettings { latency_ms: 1_000, receipt_delay_ms: None };
    let (sandbox, _receipts) = sandbox("sms-a", "a", &settings);
    assert!(timeout(Duration::from_millis(999), sandbox.deliver(&envelope(1))).await.is_err());
    let sandboxes: Sandboxes = [sandbox].into_iter().collect();
    assert_eq!(sandboxes.outbox(None, None, 10), Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn outboxes_are_bounded_and_listed_newest_first() {
    let (a, _receipts_of_a) = sandbox("sms-a", "meta", &SandboxSettings::default());
    let (b, _receipts_of_b) = sandbox("sms-b", "twilio", &SandboxSettings::default());
    let sandboxes: Sandboxes = [a.clone(), b.clone()].into_iter().collect();
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
    let (a, _receipts_of_a) = sandbox("wa-a", "meta", &SandboxSettings::default());
    let (b, _receipts_of_b) = sandbox("wa-b", "meta", &SandboxSettings::default());
    let (c, _receipts_of_c) = sandbox("sms-c", "twilio", &SandboxSettings::default());
    let sandboxes: Sandboxes = [a.clone(), b, c.clone()].into_iter().collect();

    let told = sandboxes.set_behavior(&SandboxTarget::FailureDomain("meta".into()), SandboxBehavior::Fail);
    assert_eq!(told.iter().map(ProviderName::as_str).collect::<Vec<_>>(), ["wa-a", "wa-b"]);
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
    let (sandbox, _receipts) = sandbox("wa-a", "meta", &SandboxSettings::default());
    let template = Template {
        name: "order_shipped".into(),
        language: "es".into(),
        parameters: vec!["Ana".into(), "42".into()],
        ..Template::default()
    };
    sandbox.deliver(&Envelope { content: RenderedContent::Template(template), ..envelope(1) }).await;
    sandbox.deliver(&Envelope { content: RenderedContent::Text("ñ".repeat(20_000)), ..envelope(2) }).await;
    let shown = texts([sandbox].into_iter().collect::<Sandboxes>().outbox(None, None, 2));
    assert_eq!(shown[1], "order_shipped(Ana, 42)");
    assert_eq!(shown[0].chars().count(), 10_000);
}
