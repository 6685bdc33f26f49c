//! What the script, the scripted providers and the checks of one seed share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use relevo::adapters::Envelope;
use relevo::clock::{Clock, SimulatedCalendar};
use relevo::dispatch::ProviderRegistry;
use relevo::health::HealthSettings;
use relevo::model::{
    Address, BrandId, BreakerState, MessageId, MonotonicTime, ProviderName, ReceiptReport, Timestamp, later,
};
use relevo::store::Stores;
use tokio::sync::mpsc;

use crate::blame::Answers;
use crate::faults::{Fault, FaultKind};
use crate::incoming_texts::IncomingTexts;
use crate::provider::{CallKey, Effect};
use crate::recorded_consents::RecordedConsents;
use crate::script::{self, Script};
use crate::suppressions::StandingReasons;
use crate::tally::Tally;

/// The state of one seed.
pub struct SimulationState {
    pub clock: Clock,
    /// What sets the gateway's calendar.
    pub calendar: SimulatedCalendar,
    rng: Mutex<Rng>,
    pub script: Script,
    /// The stores of the gateway that runs, or of the one that crashed last.
    pub stores: Mutex<Stores>,
    /// Its providers.
    pub board: Mutex<ProviderRegistry>,
    /// Where its receipts go in; closed while it is down.
    pub receipts: Mutex<mpsc::Sender<ReceiptReport>>,
    pub texts: IncomingTexts,
    pub consents: RecordedConsents,
    pub standing: StandingReasons,
    /// Every receipt that a provider reports.
    pub reports: Mutex<Vec<ReceiptReport>>,
    /// Every message accepted, in order, with its brand.
    pub accepted: Mutex<Vec<(BrandId, MessageId)>>,
    /// What providers answered.
    pub answers: Answers,
    /// Every message that a provider accepted.
    pub effects: Mutex<Vec<Effect>>,
    /// When each provider first took a call with an idempotency key, and the reference that it gave.
    pub keys: Mutex<BTreeMap<CallKey, (Timestamp, String)>>,
    pub problems: Mutex<Vec<String>>,
    pub log: Mutex<Vec<String>>,
    pub tally: Mutex<Tally>,
    /// Until when the breaker of each provider was last seen to be open.
    pub open_until: Mutex<BTreeMap<ProviderName, MonotonicTime>>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl SimulationState {
    /// The state at the start of a seed, which decides the script and every later choice.
    pub fn new(seed: u64, stores: Stores) -> Self {
        let mut rng = Rng::with_seed(seed);
        let script = Script::new(&mut rng);
        let board = ProviderRegistry::new(script.providers.clone(), &HealthSettings::default(), Vec::new());
        let (clock, calendar) = Clock::simulated_calendar(script::start(), seed);
        Self {
            clock,
            calendar,
            rng: Mutex::new(rng),
            stores: Mutex::new(stores),
            board: Mutex::new(board),
            receipts: Mutex::new(mpsc::channel(1).0),
            texts: IncomingTexts::default(),
            consents: RecordedConsents::default(),
            standing: StandingReasons::default(),
            reports: Mutex::default(),
            accepted: Mutex::default(),
            answers: Answers::default(),
            effects: Mutex::default(),
            keys: Mutex::default(),
            problems: Mutex::default(),
            log: Mutex::default(),
            tally: Mutex::default(),
            open_until: Mutex::default(),
            script,
        }
    }

    /// The time by the gateway's calendar, which may be set.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time by the script's calendar, which nobody sets.
    pub fn script_now(&self) -> Timestamp {
        later(script::start(), self.clock.monotonic().since(MonotonicTime::default()))
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

    /// What goes wrong with a call to a provider of this failure domain now, if anything does.
    pub fn fault(&self, domain: &str, envelope: &Envelope) -> Option<FaultKind> {
        let now = self.script_now();
        let current = |fault: &&Fault| fault.domain == domain && fault.from <= now && now < fault.until;
        let mut faults = self.script.faults.iter().filter(current);
        faults.find(|fault| fault.scope.covers(envelope)).map(|fault| fault.kind)
    }

    /// Until when a provider's breaker is open, as seen from outside.
    pub fn open_until(&self, provider: &ProviderName) -> Option<MonotonicTime> {
        lock(&self.open_until).get(provider).copied()
    }

    /// Watches the breakers, so that one that opens is remembered even when a call changes its state.
    pub async fn watch_breakers(self: Arc<Self>, board: ProviderRegistry) {
        let mut changes = board.subscribe();
        loop {
            let now = self.clock.moment();
            for status in board.statuses(now) {
                if let Some(trip) = status.trip
                    && let Some(problem) = self.answers.wrong_trip(&status.provider.name, trip)
                {
                    self.record_problem(problem);
                }
                if !status.cells.is_empty() {
                    self.count("a cell of a provider was open");
                }
                let mut open = lock(&self.open_until);
                match (status.breaker, status.probe_at) {
                    (BreakerState::Open, Some(until)) => {
                        let wait = Duration::try_from(until.duration_since(now.calendar)).unwrap();
                        open.insert(status.provider.name, now.monotonic.after(wait))
                    }
                    (BreakerState::Closed, _) => open.remove(&status.provider.name),
                    _ => None,
                };
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    pub fn is_bad_address(&self, address: &Address) -> bool {
        self.script.bad_addresses.contains(address)
    }

    pub fn record_effect(&self, effect: Effect) {
        lock(&self.effects).push(effect);
    }

    pub fn record_problem(&self, problem: String) {
        self.log(format!("PROBLEM {problem}"));
        lock(&self.problems).push(problem);
    }

    pub fn log(&self, line: String) {
        let at = self.script_now();
        lock(&self.log).push(format!("{at} {line}"));
    }

    pub fn count(&self, what: impl Into<String>) {
        lock(&self.tally).count(what);
    }

    /// Whether an event of this kind occurred.
    pub fn was_counted(&self, what: &str) -> bool {
        lock(&self.tally).0.contains_key(what)
    }

    /// Reports after `delay`, and again every 30 seconds until the gateway takes the report: a crash does not stop a provider.
    pub fn report_later(self: &Arc<Self>, report: ReceiptReport, delay: Duration) {
        lock(&self.reports).push(report.clone());
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            loop {
                let sender = lock(&shared.receipts).clone();
                // The channel is closed while the gateway is down.
                if sender.send(report.clone()).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        });
    }
}
