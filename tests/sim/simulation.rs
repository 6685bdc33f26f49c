//! The run of one seed: builds the gateway as `app` does, performs the script's actions, and checks the result.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use relevo::adapters::webhooks::{DeliveryReport, EventSink as _, ProviderEvent};
use relevo::adapters::{Adapter, ProviderLimits};
use relevo::dispatch::{
    ClockTrust, DispatchSettings, Dispatcher, Planner, ProviderClient, ProviderQueues, ProviderRegistry,
};
use relevo::inbound::InboundProcessor;
use relevo::model::{
    BrandId, ConsentEvidence, ContactId, ControlMode, Message, MessageId, ProviderControl,
    ProviderControlChange, ReceiptReport, Timestamp, later,
};
use relevo::routing::RetrySettings;
use relevo::store::embedded::memory::MemoryStore;
use relevo::store::{
    AcceptResult, ContactChange, NewConsentEntry, PreferencesChange, RecordConsentResult, Stores,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failing_store::FailingStore;
use crate::provider::ScriptedProvider;
use crate::script::{self, MessageDraft, ScriptAction, ScriptedContact};
use crate::state::{SimulationState, lock};
use crate::tally::Tally;
use crate::{check, idle_ways, incoming_texts, suppressions};

/// The result of a seed.
pub struct SeedResult {
    /// The invariants that were violated, each with its message.
    pub problems: Vec<String>,
    /// What happened, in order, with the time of each line.
    pub log: Vec<String>,
    /// How often each kind of event occurred.
    pub tally: Tally,
}

/// How long to wait before a report is recorded again after the store failed.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Records the reports of every provider until the gateway goes down. One is taken up only when the one before it is durable.
async fn record_receipts(mut reports: mpsc::Receiver<ReceiptReport>, processor: InboundProcessor) {
    while let Some(report) = reports.recv().await {
        let ReceiptReport { provider, reference, echo, status, reported_at, evidence, objection, .. } =
            report;
        let address = report.addresses.into_iter().next();
        let report = DeliveryReport {
            reference,
            echo,
            address,
            aliases: Vec::new(),
            status,
            reported_at,
            evidence,
            objection,
        };
        let sink = processor.event_sink(provider);
        while sink.record(vec![ProviderEvent::Receipt(report.clone())]).await.is_err() {
            tokio::time::sleep(STORE_RETRY).await;
        }
    }
}

/// The tasks of the gateway between two crashes.
struct Gateway {
    dispatch: JoinHandle<()>,
    inbound: JoinHandle<()>,
    breakers: JoinHandle<()>,
    idle_ways: JoinHandle<()>,
}

/// One seed while it runs.
pub struct Simulation {
    shared: Arc<SimulationState>,
    /// What survives a crash.
    disk: MemoryStore,
    /// Which message first used an idempotency key.
    keys: BTreeMap<(BrandId, String), MessageId>,
    /// The last control of each provider that operators set.
    controls: Vec<ProviderControlChange>,
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        let disk = MemoryStore::default();
        let shared = SimulationState::new(seed, disk.open());
        Self { shared: Arc::new(shared), disk, keys: BTreeMap::new(), controls: vec![] }
    }

    /// Performs the script's actions at their times, waits until every message must have ended, and checks the result.
    pub async fn run(mut self) -> SeedResult {
        self.create_contacts().await;
        let mut gateway = self.start();
        for (at, action) in self.shared.script.actions.clone() {
            self.sleep_until(at).await;
            if matches!(action, ScriptAction::Crash) {
                gateway = self.crash(gateway).await;
            } else {
                self.perform(action).await;
            }
        }
        self.sleep_until(later(script::start(), script::FAULT_PERIOD)).await;
        self.end_controls().await;
        self.sleep_until(self.shared.script.deadline()).await;
        let accepted = lock(&self.shared.accepted).clone();
        check::all_messages(&self.shared, &accepted).await;
        gateway.dispatch.abort();
        gateway.inbound.abort();
        gateway.breakers.abort();
        gateway.idle_ways.abort();
        SeedResult {
            problems: lock(&self.shared.problems).clone(),
            log: lock(&self.shared.log).clone(),
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
        let limits = ProviderLimits {
            max_concurrency: script::SLOTS,
            timeout_ms: Some(script::TIMEOUT_MS),
            ..ProviderLimits::default()
        };
        let client = |provider: &relevo::model::Provider| {
            let scripted = ScriptedProvider {
                provider: provider.clone(),
                shared: self.shared.clone(),
                calls: AtomicU32::new(0),
                probes: AtomicU32::new(0),
                taken_at: Mutex::default(),
            };
            let adapter: Arc<dyn Adapter> = Arc::new(scripted);
            let rate_per_second = (provider.name.as_str() == "tg-1").then_some(0.5);
            (
                provider.name.clone(),
                ProviderClient::new(adapter, &ProviderLimits { rate_per_second, ..limits.clone() }),
            )
        };
        let clients = providers.iter().map(client).collect();
        let queues = ProviderQueues::new(&clients);
        let planner =
            Planner::new(stores.consents.clone(), policies, board.clone(), RetrySettings::default(), queues);
        let watched = planner.clone();
        let work = Arc::new(FailingStore { stores: stores.clone(), shared: self.shared.clone() });
        // A map in memory answers at once.
        let known_time = stores.clock.known_time().now_or_never().expect("an answer").expect("a time");
        let clock_trust = ClockTrust::new(self.shared.clock.clone(), known_time);
        let dispatcher = Dispatcher::new(
            work.clone(),
            stores.consents.clone(),
            planner,
            board.clone(),
            clients,
            DispatchSettings { concurrency: 12, batch: 4, ..DispatchSettings::default() },
            clock_trust,
        );
        let (sender, receiver) = mpsc::channel(8);
        *lock(&self.shared.stores) = stores.clone();
        *lock(&self.shared.board) = board.clone();
        *lock(&self.shared.receipts) = sender;
        let inbox = Stores { inbound: work, ..stores };
        let processor =
            InboundProcessor::new(&inbox, script::inbound_directory(&providers), self.shared.clock.clone())
                .observed_by(Arc::new(board.clone()));
        self.shared.texts.start_recording(processor.clone());
        lock(&self.shared.open_until).clear();
        self.shared.answers.forget();
        Gateway {
            idle_ways: tokio::spawn(idle_ways::watch(self.shared.clone(), watched)),
            breakers: tokio::spawn(self.shared.clone().watch_breakers(board)),
            dispatch: tokio::spawn(Arc::new(dispatcher).run(std::future::pending())),
            inbound: tokio::spawn(record_receipts(receiver, processor)),
        }
    }

    /// Cuts off every task where it is, and starts again within two minutes.
    async fn crash(&self, gateway: Gateway) -> Gateway {
        self.shared.log("crash".to_owned());
        self.shared.count("crash");
        gateway.dispatch.abort();
        gateway.inbound.abort();
        gateway.breakers.abort();
        gateway.idle_ways.abort();
        let _ = tokio::join!(gateway.dispatch, gateway.inbound);
        *lock(&self.shared.receipts) = mpsc::channel(1).0;
        self.shared.texts.stop_recording();
        let down = Duration::from_millis(self.shared.rng().u64(10..120_000));
        tokio::time::sleep(down).await;
        self.start()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = Duration::try_from(at.duration_since(self.shared.script_now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }

    /// Creates the script's contacts with their preferences and consents.
    async fn create_contacts(&self) {
        let stores = self.shared.stores();
        let now = self.shared.now();
        for contact in self.shared.script.contacts.clone() {
            let ScriptedContact { brand, id, addresses, preferences, grants } = contact;
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
                self.record_consent(&brand, &id, entry(action, channel, scope, now)).await;
            }
        }
    }

    async fn record_consent(&self, brand: &BrandId, contact: &ContactId, entry: NewConsentEntry) {
        let now = self.shared.now();
        let said = (entry.action, entry.channel, entry.scope.clone());
        if entry.evidence.time > now {
            self.shared.count("a grant claimed a time to come");
        }
        let recorded =
            self.shared.stores().consents.record_consent(brand, contact, entry, now).await.unwrap();
        if let RecordConsentResult::Recorded(_) = recorded {
            self.shared.consents.add(brand, contact, said);
        }
    }

    async fn perform(&mut self, action: ScriptAction) {
        let (stores, now) = (self.shared.stores(), self.shared.now());
        match action {
            ScriptAction::Send(draft) => self.send(*draft).await,
            ScriptAction::Cancel { brand, nth } => {
                let accepted = lock(&self.shared.accepted).get(nth).cloned();
                let Some((_, id)) = accepted.filter(|(of_brand, _)| *of_brand == brand) else { return };
                let cancelled = stores.messages.cancel(&brand, id, "somebody", now).await.unwrap();
                self.shared.log(format!(
                    "cancel {id}: {:?}",
                    cancelled.map(|stored| stored.map(|stored| stored.history.state()))
                ));
            }
            ScriptAction::Consent { brand, contact, action, channel, scope, ahead } => {
                self.shared.log(format!("{action:?} {contact} of {brand} by {channel} for {scope}"));
                self.record_consent(&brand, &contact, entry(action, channel, scope, later(now, ahead))).await;
            }
            ScriptAction::Suppression { target, change } => {
                suppressions::perform(&self.shared, target, change).await;
            }
            ScriptAction::Delete { brand, contact } => {
                stores.contacts.delete_contact(&brand, &contact).await.unwrap();
                self.shared.consents.forget(&brand, &contact);
            }
            ScriptAction::Reuse { brand, contact, addresses } => {
                self.shared.log(format!("{contact} of {brand} is somebody else"));
                stores.contacts.delete_contact(&brand, &contact).await.unwrap();
                self.shared.consents.forget(&brand, &contact);
                let (id, labels, expected_version) = (contact, None, None);
                let change = ContactChange { id, addresses: Some(addresses), labels, expected_version };
                stores.contacts.upsert_contact(&brand, change, now).await.unwrap();
            }
            ScriptAction::Control { provider, mode, expire_at } => {
                self.shared.log(format!("{provider} is {}", mode.as_str()));
                self.control(provider, mode, expire_at);
            }
            ScriptAction::SetCalendar { by } => {
                self.shared.log(format!("the calendar is set by {by:#}"));
                self.shared.count("the calendar was set");
                self.shared.calendar.set_by(by);
            }
            ScriptAction::Text(text_of_script) => incoming_texts::send(&self.shared, text_of_script),
            ScriptAction::Crash => unreachable!("`run` performs crashes"),
        }
    }

    fn control(
        &mut self,
        provider: relevo::model::ProviderName,
        mode: ControlMode,
        expire_at: Option<Timestamp>,
    ) {
        let now = self.shared.now();
        let control = ProviderControl {
            mode,
            reason: "script".into(),
            actor: "script".into(),
            updated_at: now,
            expire_at,
        };
        let change = ProviderControlChange { provider: provider.clone(), control };
        self.controls.retain(|known| known.provider != provider);
        self.controls.push(change.clone());
        if mode == ControlMode::InService {
            lock(&self.shared.open_until).remove(&provider);
        }
        self.shared.board().set_control(change);
    }

    /// Puts every provider back in service. Faults end by themselves, an hour after this at the latest.
    async fn end_controls(&mut self) {
        for change in self.controls.clone() {
            self.control(change.provider, ControlMode::InService, None);
        }
    }

    async fn send(&mut self, draft: MessageDraft) {
        let (stores, now) = (self.shared.stores(), self.shared.now());
        let id = self.shared.clock.message_id();
        let hash = [draft.content.text.as_ref().map_or(0, |text| text.len() as u8); 32];
        // The store takes messages for contacts that are gone: between the caller's look and the accept, one may go.
        let incarnation = stores.contacts.incarnation(&draft.brand, &draft.contact).await.unwrap();
        let message = Message {
            id,
            brand: draft.brand.clone(),
            contact: draft.contact,
            incarnation: incarnation.unwrap_or_default(),
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
            unserved: Vec::new(),
        };
        let key = draft.idempotency_key.map(|key| (draft.brand.clone(), key));
        match stores.messages.accept(message, hash).await.unwrap() {
            AcceptResult::New(id) => {
                self.shared.log(format!("accepted {id}"));
                if let Some(key) = key
                    && let Some(first) = self.keys.insert(key, id)
                {
                    self.shared.record_problem(format!(
                        "{id} was accepted beside {first} under one idempotency key"
                    ));
                }
                lock(&self.shared.accepted).push((draft.brand, id));
            }
            AcceptResult::Duplicate(first) => {
                self.shared.count("duplicate accepted once");
                let known = key.and_then(|key| self.keys.get(&key).copied());
                if known != Some(first.message.id) {
                    self.shared.record_problem(format!("a duplicate was answered with {}", first.message.id));
                }
            }
            AcceptResult::Conflict(other) => {
                self.shared.record_problem(format!("{id} conflicts with {other}"))
            }
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
