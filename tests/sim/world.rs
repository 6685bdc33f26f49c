//! The world of one seed: lives through its script and looks at what became of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use relevo::adapters::webhooks::{DeliveryReport, EventSink as _, ProviderEvent};
use relevo::adapters::{Adapter, ProviderLimits};
use relevo::clock::Clock;
use relevo::dispatch::{DispatchSettings, Dispatcher, Lane, Planner, ProviderRegistry};
use relevo::health::BreakerState;
use relevo::inbound::InboundProcessor;
use relevo::model::{
    Address, BrandId, ConsentEvidence, Control, ControlChange, ControlMode, Message, MessageId, ProviderName,
    ReceiptReport, Suppression, SuppressionReason, Timestamp, later,
};
use relevo::routing::RetrySettings;
use relevo::store::embedded::memory::Memory;
use relevo::store::{AcceptResult, ContactChange, NewConsentEntry, PreferencesChange, Stores};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::check;
use crate::provider::{Effect, Scripted};
use crate::script::{self, Deed, Draft, FaultKind, Script, Somebody};
use crate::shaky::Shaky;
use crate::texts::{self, Texts};

/// How long to wait before a report is recorded again after the store failed.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// What became of a seed.
pub struct Run {
    pub problems: Vec<String>,
    pub story: Vec<String>,
    pub tally: Tally,
}

/// How often things happened, to show that they did.
#[derive(Debug, Default, Clone)]
pub struct Tally(pub BTreeMap<String, u64>);

impl Tally {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub fn assert_everything_happened(&self) {
        let must = [
            "state delivered",
            "state read",
            "state sent",
            "state failed",
            "state suppressed",
            "state expired",
            "state cancelled",
            "state in doubt",
            "outcome sent",
            "outcome rejected",
            "outcome throttled",
            "outcome unavailable",
            "outcome misconfigured",
            "outcome unknown",
            "recorded ahead and not called",
            "fell back",
            "receipt",
            "crash",
            "disk failed before an append",
            "disk failed after an append",
            "disk failed after a receipt",
            "disk failed after a text",
            "stopped by a text",
            "started by a text",
            "a text told again",
            "duplicate accepted once",
            "waited for breaker_open",
            "waited for quiet_hours",
            "waited for in_doubt",
        ];
        for what in must {
            assert!(self.0.contains_key(what), "never happened in any seed: {what}; it happened: {self}");
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (what, times) in other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(what, times)| format!("{what} {times}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// What the scripted providers share with the world.
pub struct Shared {
    clock: Clock,
    rng: Mutex<Rng>,
    script: Script,
    stores: Mutex<Stores>,
    board: Mutex<ProviderRegistry>,
    receipts: Mutex<mpsc::Sender<ReceiptReport>>,
    pub texts: Texts,
    pub reports: Mutex<Vec<ReceiptReport>>,
    pub effects: Mutex<Vec<Effect>>,
    problems: Mutex<Vec<String>>,
    story: Mutex<Vec<String>>,
    pub tally: Mutex<Tally>,
    /// Until when the breaker of each provider was last seen to be open.
    open_until: Mutex<BTreeMap<ProviderName, Timestamp>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn rng(&self) -> MutexGuard<'_, Rng> {
        lock(&self.rng)
    }

    pub fn stores(&self) -> Stores {
        lock(&self.stores).clone()
    }

    pub fn board(&self) -> ProviderRegistry {
        lock(&self.board).clone()
    }

    pub fn fault(&self, domain: &str) -> Option<FaultKind> {
        let now = self.now();
        let current =
            |fault: &&script::Fault| fault.domain == domain && fault.from <= now && now < fault.until;
        self.script.faults.iter().find(current).map(|fault| fault.kind)
    }

    /// Until when a provider's breaker is open, as seen from outside.
    pub fn open_until(&self, provider: &ProviderName) -> Option<Timestamp> {
        lock(&self.open_until).get(provider).copied()
    }

    /// Watches the breakers, so that one that opens is remembered even when a call changes its state.
    async fn watch_breakers(self: Arc<Self>, board: ProviderRegistry) {
        let mut changes = board.subscribe();
        loop {
            for status in board.statuses(self.now()) {
                let mut open = lock(&self.open_until);
                match (status.breaker, status.probe_at) {
                    (BreakerState::Open, Some(until)) => open.insert(status.provider.name, until),
                    (BreakerState::Closed, _) => open.remove(&status.provider.name),
                    _ => None,
                };
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    pub fn is_bad(&self, address: &Address) -> bool {
        self.script.bad.contains(address)
    }

    pub fn effect(&self, effect: Effect) {
        lock(&self.effects).push(effect);
    }

    pub fn problem(&self, problem: String) {
        self.tell(format!("PROBLEM {problem}"));
        lock(&self.problems).push(problem);
    }

    pub fn tell(&self, line: String) {
        let at = self.now();
        lock(&self.story).push(format!("{at} {line}"));
    }

    pub fn count(&self, what: impl Into<String>) {
        lock(&self.tally).count(what);
    }

    /// Whether something was counted.
    pub fn happened(&self, what: &str) -> bool {
        lock(&self.tally).0.contains_key(what)
    }

    /// A provider's report travels on its own: a crash of ours does not stop it.
    pub fn report_later(self: &Arc<Self>, report: ReceiptReport, delay: Duration) {
        lock(&self.reports).push(report.clone());
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            loop {
                let sender = lock(&shared.receipts).clone();
                // While the gateway is down the provider tries again later.
                if sender.send(report.clone()).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        });
    }
}

/// Records the reports of every provider until the gateway goes down: one is taken up only when the one before it is durable.
async fn record_receipts(mut reports: mpsc::Receiver<ReceiptReport>, keeper: InboundProcessor) {
    while let Some(report) = reports.recv().await {
        let ReceiptReport { provider, reference, echo, status, reported_at, evidence, objection } = report;
        let report =
            DeliveryReport { reference, echo, address: None, status, reported_at, evidence, objection };
        let sink = keeper.event_sink(provider);
        while sink.record(vec![ProviderEvent::Receipt(report.clone())]).await.is_err() {
            tokio::time::sleep(STORE_RETRY).await;
        }
    }
}

/// One life of the gateway, between two crashes.
struct Gateway {
    dispatch: JoinHandle<()>,
    inbound: JoinHandle<()>,
    breakers: JoinHandle<()>,
}

pub struct World {
    shared: Arc<Shared>,
    disk: Memory,
    /// Every message accepted, in order, with its brand.
    pub accepted: Vec<(BrandId, MessageId)>,
    /// Which message first used an idempotency key.
    keys: BTreeMap<(BrandId, String), MessageId>,
    controls: Vec<ControlChange>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let script = Script::new(&mut rng);
        let disk = Memory::default();
        let board = ProviderRegistry::new(
            script.providers.clone(),
            &relevo::health::HealthSettings::default(),
            vec![],
        );
        let shared = Shared {
            clock: Clock::simulated(script::start(), seed),
            rng: Mutex::new(rng),
            stores: Mutex::new(disk.open()),
            board: Mutex::new(board),
            receipts: Mutex::new(mpsc::channel(1).0),
            texts: Texts::default(),
            reports: Mutex::default(),
            effects: Mutex::default(),
            problems: Mutex::default(),
            story: Mutex::default(),
            tally: Mutex::default(),
            open_until: Mutex::default(),
            script,
        };
        Self { shared: Arc::new(shared), disk, accepted: vec![], keys: BTreeMap::new(), controls: vec![] }
    }

    /// Lives through the script and checks what became of it.
    pub async fn live(mut self) -> Run {
        self.populate().await;
        let mut gateway = self.start();
        for (at, deed) in self.shared.script.deeds.clone() {
            self.sleep_until(at).await;
            if matches!(deed, Deed::Crash) {
                gateway = self.crash(gateway).await;
            } else {
                self.do_deed(deed).await;
            }
        }
        self.sleep_until(later(script::start(), script::TROUBLE)).await;
        self.end_trouble().await;
        self.sleep_until(later(script::start(), script::END)).await;
        check::everything(&self.shared, &self.accepted).await;
        gateway.dispatch.abort();
        gateway.inbound.abort();
        gateway.breakers.abort();
        Run {
            problems: lock(&self.shared.problems).clone(),
            story: lock(&self.shared.story).clone(),
            tally: lock(&self.shared.tally).clone(),
        }
    }

    /// Starts the gateway on what is on disk, as `app` does.
    fn start(&self) -> Gateway {
        let stores = self.disk.open();
        let providers = self.shared.script.providers.clone();
        let health = relevo::health::HealthSettings::default();
        let board = ProviderRegistry::new(providers.clone(), &health, self.controls.clone());
        let policies = Arc::new(script::policies());
        let planner =
            Planner::new(stores.consents.clone(), policies, board.clone(), RetrySettings::default());
        let limits = ProviderLimits {
            max_concurrency: script::SLOTS,
            timeout_ms: script::TIMEOUT_MS,
            ..ProviderLimits::default()
        };
        let lane = |provider: &relevo::model::Provider| {
            let scripted = Scripted {
                provider: provider.clone(),
                shared: self.shared.clone(),
                calls: AtomicU32::new(0),
                probes: AtomicU32::new(0),
            };
            let adapter: Arc<dyn Adapter> = Arc::new(scripted);
            let rate_per_second = (provider.name.as_str() == "tg-1").then_some(0.5);
            (provider.name.clone(), Lane::new(adapter, &ProviderLimits { rate_per_second, ..limits.clone() }))
        };
        let lanes = providers.iter().map(lane).collect();
        let work = Arc::new(Shaky { stores: stores.clone(), shared: self.shared.clone() });
        let dispatcher = Dispatcher::new(
            work.clone(),
            stores.consents.clone(),
            planner,
            board.clone(),
            lanes,
            DispatchSettings { concurrency: 6, batch: 4, ..DispatchSettings::default() },
            self.shared.clock.clone(),
        );
        let (sender, receiver) = mpsc::channel(8);
        *lock(&self.shared.stores) = stores.clone();
        *lock(&self.shared.board) = board.clone();
        *lock(&self.shared.receipts) = sender;
        let inbox = Stores { inbound: work, ..stores };
        let keeper = InboundProcessor::new(&inbox, script::reach(&providers), self.shared.clock.clone());
        self.shared.texts.come_to(keeper.clone());
        lock(&self.shared.open_until).clear();
        Gateway {
            breakers: tokio::spawn(self.shared.clone().watch_breakers(board)),
            dispatch: tokio::spawn(Arc::new(dispatcher).run(std::future::pending())),
            inbound: tokio::spawn(record_receipts(receiver, keeper)),
        }
    }

    /// Ends everything in mid-word and starts again a little later.
    async fn crash(&self, gateway: Gateway) -> Gateway {
        self.shared.tell("crash".to_owned());
        self.shared.count("crash");
        gateway.dispatch.abort();
        gateway.inbound.abort();
        gateway.breakers.abort();
        let _ = tokio::join!(gateway.dispatch, gateway.inbound);
        *lock(&self.shared.receipts) = mpsc::channel(1).0;
        self.shared.texts.come_to_nobody();
        let down = Duration::from_millis(self.shared.rng().u64(10..120_000));
        tokio::time::sleep(down).await;
        self.start()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = Duration::try_from(at.duration_since(self.shared.now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }

    async fn populate(&self) {
        let stores = self.shared.stores();
        let now = self.shared.now();
        for person in self.shared.script.people.clone() {
            let Somebody { brand, id, addresses, preferences, grants } = person;
            let change = ContactChange {
                id: id.clone(),
                addresses: Some(addresses),
                labels: None,
                expected_version: None,
            };
            stores.contacts.upsert_contact(&brand, change, now).await.unwrap();
            let change = PreferencesChange {
                channel_order: Some(preferences.channel_order),
                excluded_channels: Some(preferences.excluded_channels),
                quiet_hours: Some(preferences.quiet_hours),
                time_zone: Some(preferences.time_zone),
                ..PreferencesChange::default()
            };
            stores.consents.set_preferences(&brand, &id, change).await.unwrap();
            for (action, channel, scope) in grants {
                stores
                    .consents
                    .record_consent(&brand, &id, entry(action, channel, scope, now), now)
                    .await
                    .unwrap();
            }
        }
    }

    async fn do_deed(&mut self, deed: Deed) {
        let (stores, now) = (self.shared.stores(), self.shared.now());
        match deed {
            Deed::Send(draft) => self.send(*draft).await,
            Deed::Cancel { brand, nth } => {
                let Some((_, id)) = self.accepted.get(nth).filter(|(own, _)| *own == brand) else { return };
                let cancelled = stores.messages.cancel(&brand, *id, "somebody", now).await.unwrap();
                self.shared.tell(format!(
                    "cancel {id}: {:?}",
                    cancelled.map(|own| own.map(|own| own.history.state()))
                ));
            }
            Deed::Consent { brand, contact, action, channel, scope } => {
                self.shared.tell(format!("{action:?} {contact} of {brand} by {channel} for {scope}"));
                stores
                    .consents
                    .record_consent(&brand, &contact, entry(action, channel, scope, now), now)
                    .await
                    .unwrap();
            }
            Deed::Suppress { brand, channel, address } => {
                let suppression = Suppression {
                    channel,
                    address,
                    reason: SuppressionReason::Complaint,
                    explanation: "as the script says".into(),
                    created_at: now,
                    recorded_by: "script".into(),
                };
                stores.consents.suppress(&brand, suppression).await.unwrap();
            }
            Deed::Delete { brand, contact } => {
                stores.contacts.delete_contact(&brand, &contact).await.unwrap();
            }
            Deed::Control { provider, mode, expire_at } => {
                self.shared.tell(format!("{provider} is {}", mode.as_str()));
                self.control(provider, mode, expire_at);
            }
            Deed::Write(writing) => texts::write(&self.shared, writing),
            Deed::Crash => unreachable!("the world crashes by itself"),
        }
    }

    fn control(
        &mut self,
        provider: relevo::model::ProviderName,
        mode: ControlMode,
        expire_at: Option<Timestamp>,
    ) {
        let now = self.shared.now();
        let control =
            Control { mode, reason: "script".into(), actor: "script".into(), updated_at: now, expire_at };
        let change = ControlChange { provider: provider.clone(), control };
        self.controls.retain(|own| own.provider != provider);
        self.controls.push(change.clone());
        if mode == ControlMode::InService {
            lock(&self.shared.open_until).remove(&provider);
        }
        self.shared.board().set_control(change);
    }

    /// The faults have ended by the script; operators end theirs.
    async fn end_trouble(&mut self) {
        for change in self.controls.clone() {
            self.control(change.provider, ControlMode::InService, None);
        }
    }

    async fn send(&mut self, draft: Draft) {
        let (stores, now) = (self.shared.stores(), self.shared.now());
        let id = self.shared.clock.message_id();
        let hash = [draft.content.text.as_ref().map_or(0, |text| text.len() as u8); 32];
        let message = Message {
            id,
            brand: draft.brand.clone(),
            contact: draft.contact,
            class: draft.class,
            topic: draft.topic,
            content: draft.content,
            idempotency_key: draft.idempotency_key.clone(),
            accepted_at: now,
            send_at: draft.send_at.max(now),
            expire_at: draft.expire_at,
            channels: draft.channels,
            fallback: draft.fallback,
            labels: BTreeMap::new(),
        };
        let key = draft.idempotency_key.map(|key| (draft.brand.clone(), key));
        match stores.messages.accept(message, hash).await.unwrap() {
            AcceptResult::New(id) => {
                self.shared.tell(format!("accepted {id}"));
                if let Some(key) = key
                    && let Some(first) = self.keys.insert(key, id)
                {
                    self.shared
                        .problem(format!("{id} was accepted beside {first} under one idempotency key"));
                }
                self.accepted.push((draft.brand, id));
            }
            AcceptResult::Duplicate(first) => {
                self.shared.count("duplicate accepted once");
                let known = key.and_then(|key| self.keys.get(&key).copied());
                if known != Some(first.message.id) {
                    self.shared.problem(format!("a duplicate was answered with {}", first.message.id));
                }
            }
            AcceptResult::Conflict(other) => self.shared.problem(format!("{id} conflicts with {other}")),
        }
    }
}

fn entry(
    action: relevo::model::ConsentAction,
    channel: relevo::model::Channel,
    scope: relevo::model::TopicScope,
    time: Timestamp,
) -> NewConsentEntry {
    let evidence = ConsentEvidence {
        source: "script".into(),
        method: "script".into(),
        wording: String::new(),
        time,
        origin: String::new(),
        actor: String::new(),
    };
    NewConsentEntry { action, channel, scope, evidence, recorded_by: "script".into() }
}
