//! A message that is given back is taken up again when it is due, however fast the loop is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use relevo::adapters::{Adapter, Envelope, ProviderLimits};
use relevo::clock::{Clock, SimulatedCalendar};
use relevo::dispatch::{
    ClockTrust, DispatchSettings, Dispatcher, Planner, ProviderClient, ProviderQueues, ProviderRegistry,
};
use relevo::model::{
    Backlog, BrandId, Channel, History, Message, MessageId, MessageState, Outcome, OutcomeEvidence, Provider,
    Timestamp,
};
use relevo::routing::{BrandPolicy, BrandSettings, RetrySettings};
use relevo::store::embedded::memory::MemoryStore;
use relevo::store::{
    AppendResult, ClaimRequest, ClaimedMessages, StoreError, StoredMessage, Stores, WorkQueue,
};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::sample;
use crate::support::log_lines::LogLines;

/// A queue that differs from another in one thing.
struct AlteredQueue {
    inner: Arc<dyn WorkQueue>,
    alteration: Alteration,
}

enum Alteration {
    /// It is slow to answer a release: only when the message was claimed again, or could have been. Told what is claimed.
    SlowRelease(watch::Sender<Option<MessageId>>),
    /// What it claims was read before the last event came.
    StaleClaims,
}

#[async_trait]
impl WorkQueue for AlteredQueue {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimedMessages, StoreError> {
        let mut claims = self.inner.claim(request).await?;
        match &self.alteration {
            Alteration::SlowRelease(claimed) => {
                claims.messages.first().map(|first| claimed.send_replace(Some(first.message.id)));
            }
            Alteration::StaleClaims => {
                for stored in &mut claims.messages {
                    let (_, before) = stored.history.events().split_last().unwrap();
                    stored.history = History::from_events(before.to_vec());
                }
            }
        }
        Ok(claims)
    }

    async fn release(&self, id: MessageId) {
        self.inner.release(id).await;
        if let Alteration::SlowRelease(claimed) = &self.alteration {
            let _ = timeout(Duration::from_secs(1), claimed.subscribe().changed()).await;
        }
    }

    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<AppendResult, StoreError> {
        self.inner.append(message, history, known, next_at).await
    }

    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.inner.reload(brand, id).await
    }

    async fn backlog(&self, limit: usize) -> Result<Backlog, StoreError> {
        self.inner.backlog(limit).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(before, limit).await
    }

    fn work_signal(&self) -> watch::Receiver<u64> {
        self.inner.work_signal()
    }
}

/// A provider that is down, and tells of each call.
#[derive(Debug)]
struct Down(mpsc::Sender<()>);

#[async_trait]
impl Adapter for Down {
    async fn deliver(&self, _: &Envelope) -> Outcome {
        self.0.send(()).await.unwrap();
        Outcome::Unavailable { evidence: OutcomeEvidence::default() }
    }
}

/// A dispatcher of this queue with one provider of SMS.
fn dispatcher(stores: &Stores, queue: Arc<dyn WorkQueue>, adapter: Arc<dyn Adapter>) -> Arc<Dispatcher> {
    let clock_trust = ClockTrust::new(Clock::simulated(sample::at(0), 7), None);
    dispatcher_by(clock_trust, &ProviderLimits::default(), stores, queue, adapter)
}

/// The same by another clock, and within these limits.
fn dispatcher_by(
    clock_trust: ClockTrust,
    limits: &ProviderLimits,
    stores: &Stores,
    queue: Arc<dyn WorkQueue>,
    adapter: Arc<dyn Adapter>,
) -> Arc<Dispatcher> {
    let provider = Provider {
        name: "sms".parse().unwrap(),
        channel: Channel::Sms,
        kind: "scripted".into(),
        failure_domain: "lab".into(),
        tier: 1,
        weight: 1,
        brands: Vec::new(),
        senders: BTreeMap::new(),
        user_ids_of: None,
        repeat_window: None,
    };
    let board = ProviderRegistry::new(vec![provider.clone()], &Default::default(), Vec::new());
    let policy = BrandPolicy::try_new(&BrandSettings::default()).unwrap();
    let retry = RetrySettings { backoff_ms: 1, ..RetrySettings::default() };
    let policies = Arc::new([(sample::acme(), policy)].into());
    let lane = ProviderClient::new(adapter, limits);
    let clients = [(provider.name, lane)].into();
    let queues = ProviderQueues::new(&clients);
    let planner = Planner::new(stores.consents.clone(), policies, board.clone(), retry, queues);
    Arc::new(Dispatcher::new(
        queue,
        stores.consents.clone(),
        planner,
        board,
        clients,
        DispatchSettings::default(),
        clock_trust,
    ))
}

/// Accepts so many messages for a new contact.
async fn accept_for_ana(stores: &Stores, messages: usize) {
    let ana = sample::create(stores, &sample::acme(), "ana", &[sample::phone("+34600123456")]).await;
    for _ in 0..messages {
        sample::accept(stores, Message { incarnation: ana.incarnation, ..sample::message(0) }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_given_back_does_not_wait_for_the_end_of_a_claim() {
    let stores = Stores::memory();
    accept_for_ana(&stores, 1).await;
    let (calls, mut called) = mpsc::channel(1);
    let alteration = Alteration::SlowRelease(watch::Sender::new(None));
    let queue = AlteredQueue { inner: stores.work.clone(), alteration };
    let dispatcher = dispatcher(&stores, Arc::new(queue), Arc::new(Down(calls)));
    let twice = async {
        called.recv().await.unwrap();
        called.recv().await.unwrap();
    };
    let lease = DispatchSettings::default().lease();
    timeout(lease / 2, dispatcher.run(twice)).await.expect("it is tried again when it is due");
}

/// A provider whose adapter has a mistake in it, which shows with the first message.
#[derive(Debug)]
struct PanicsOnce {
    has_panicked: AtomicBool,
    calls: mpsc::Sender<(MessageId, u32)>,
}

#[async_trait]
impl Adapter for PanicsOnce {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.calls.send((envelope.message_id, envelope.attempt)).await.unwrap();
        assert!(self.has_panicked.swap(true, Ordering::Relaxed), "a mistake");
        Outcome::sent("")
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_work_panics_is_tried_again_and_holds_up_no_other() {
    let (lines, _logging) = LogLines::collect();
    let stores = Stores::memory();
    accept_for_ana(&stores, 2).await;
    let (calls, mut called) = mpsc::channel(8);
    let adapter = PanicsOnce { has_panicked: AtomicBool::new(false), calls };
    let dispatcher = dispatcher(&stores, stores.work.clone(), Arc::new(adapter));
    let mut seen = Vec::new();
    let three = async {
        while seen.len() < 3 {
            seen.push(called.recv().await.unwrap());
        }
    };
    let lease = DispatchSettings::default().lease();
    timeout(lease * 3, dispatcher.run(three)).await.expect("it is tried again when its claim ends");
    let [(first, 1), (other, 1), (again, 2)] = seen[..] else { panic!("{seen:?}") };
    assert!(first != other && again == first, "{seen:?}");
    for id in [first, other] {
        assert_eq!(sample::get(&stores, id).await.history.state(), MessageState::Sent);
    }
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("the work on a message panicked")).expect(&text);
    assert!(line.contains(&first.to_string()), "{line}");
}

/// Somebody else ended the attempt since the message was read; nothing had cut it off.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_has_ended_meanwhile_was_not_cut_off() {
    let stores = Stores::memory();
    let id = sample::accept(&stores, sample::message(0)).await.id;
    let stored = sample::get(&stores, id).await;
    let steps = vec![(0, sample::started(1)), (0, sample::sent(1, "taken"))];
    sample::append(&stores, &stored, steps, Some(sample::at(0))).await;
    let queue = AlteredQueue { inner: stores.work.clone(), alteration: Alteration::StaleClaims };
    let (calls, _called) = mpsc::channel(1);
    let dispatcher = dispatcher(&stores, Arc::new(queue), Arc::new(Down(calls)));
    dispatcher.run(tokio::time::sleep(Duration::from_secs(1))).await;
    let after = sample::get(&stores, id).await;
    assert_eq!((after.history.version(), after.next_at), (3, None), "{:#?}", after.history.events());
}

/// Takes every message, and tells which.
#[derive(Debug)]
struct Taking(mpsc::UnboundedSender<MessageId>);

#[async_trait]
impl Adapter for Taking {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.0.send(envelope.message_id).unwrap();
        Outcome::sent("")
    }
}

/// Of those that do not fit, some wait on disk. More come than the provider takes: they would keep the line full, and those on disk
/// out of it.
#[tokio::test(start_paused = true)]
async fn who_comes_later_does_not_pass_who_waits_on_disk() {
    let stores = Stores::memory();
    accept_for_ana(&stores, 40).await;
    let (taken, mut order) = mpsc::unbounded_channel();
    let clock_trust = ClockTrust::new(Clock::simulated(sample::at(0), 7), None);
    let limits = ProviderLimits { rate_per_second: Some(10.0), ..ProviderLimits::default() };
    let dispatcher =
        dispatcher_by(clock_trust, &limits, &stores, stores.work.clone(), Arc::new(Taking(taken)));
    let running = tokio::spawn(dispatcher.run(std::future::pending()));
    let ana = sample::contact_id("ana");
    let incarnation = stores.contacts.incarnation(&sample::acme(), &ana).await.unwrap().unwrap();
    let mut later = Vec::new();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        later.push(sample::accept(&stores, Message { incarnation, ..sample::message(0) }).await.id);
    }
    let mut seen = Vec::new();
    while seen.len() < 80 {
        seen.push(order.recv().await.unwrap());
    }
    running.abort();
    assert_eq!(seen[40..], later, "{seen:?}");
}

/// Whoever found no room waits until there is some: the clock of this test stands still while anybody is busy.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slow_provider_asks_for_its_turn_once() {
    let stores = Stores::memory();
    accept_for_ana(&stores, 5).await;
    let (taken, mut order) = mpsc::unbounded_channel();
    let clock_trust = ClockTrust::new(Clock::simulated(sample::at(0), 7), None);
    let limits = ProviderLimits { rate_per_second: Some(0.1), ..ProviderLimits::default() };
    let dispatcher =
        dispatcher_by(clock_trust, &limits, &stores, stores.work.clone(), Arc::new(Taking(taken)));
    let all = async {
        for _ in 0..5 {
            order.recv().await.unwrap();
        }
    };
    let began = tokio::time::Instant::now();
    dispatcher.run(all).await;
    assert_eq!(began.elapsed().as_secs(), 40, "one in ten seconds, and none of them late");
}

/// A provider in whose call somebody sets the calendar.
struct SetsCalendar {
    calendar: SimulatedCalendar,
    called: watch::Sender<Option<MessageId>>,
}

impl std::fmt::Debug for SetsCalendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetsCalendar")
    }
}

#[async_trait]
impl Adapter for SetsCalendar {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.calendar.set_by(SignedDuration::from_hours(26));
        self.called.send_replace(Some(envelope.message_id));
        Outcome::sent("taken")
    }
}

/// From then on the message is held, because nobody knows what time it is; but it is known what became of it.
#[tokio::test(start_paused = true)]
async fn what_came_of_a_call_is_kept_though_the_calendar_jumped_meanwhile() {
    let stores = Stores::memory();
    accept_for_ana(&stores, 1).await;
    let (clock, calendar) = Clock::simulated_calendar(sample::at(0), 7);
    let (called, mut calls) = watch::channel(None);
    let adapter = Arc::new(SetsCalendar { calendar, called });
    let clock_trust = ClockTrust::new(clock, Some(sample::at(0)));
    let limits = ProviderLimits::default();
    let dispatcher = dispatcher_by(clock_trust, &limits, &stores, stores.work.clone(), adapter);
    let after_the_call = async {
        calls.wait_for(Option::is_some).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    dispatcher.run(after_the_call).await;
    let id = calls.borrow().unwrap();
    assert_eq!(sample::get(&stores, id).await.history.state(), MessageState::Sent);
}

/// Three messages of one time lie under one entry of the due order. Whoever asks while nothing can be claimed is told to
/// wait: without a wait, dispatch would ask without end.
#[tokio::test]
async fn whoever_finds_nothing_is_never_told_to_look_at_once() {
    let memory = MemoryStore::default();
    let before = memory.open();
    for _ in 0..3 {
        sample::accept(&before, sample::message(0)).await;
    }
    // Opened again, nothing is handed over in memory: all of it is found under the entry.
    let stores = memory.open();
    let claim = async |now, limit| stores.work.claim(sample::due(now, limit)).await.unwrap();
    // The claims end at 30, 40 and 50, but the first message is over before.
    let first = claim(0, 1).await.messages.remove(0);
    for now in [10, 20] {
        assert_eq!(claim(now, 1).await.messages.len(), 1);
    }
    let over = vec![(21, sample::finished(MessageState::Failed))];
    assert_eq!(sample::append(&stores, &first, over, None).await, AppendResult::Done);
    stores.work.release(first.message.id).await;
    for now in 22..40 {
        let claims = claim(now, 1).await;
        assert!(claims.messages.is_empty());
        let left = (40 - now).unsigned_abs();
        let wait = claims.wait.unwrap();
        assert!(!wait.is_zero() && wait <= Duration::from_secs(left), "{wait:?} at {now}");
    }
}
