//! The one asynchronous loop: claim, decide, attempt, record.
//!
//! # Why
//!
//! The pure rooms decide; somebody has to wait, call and write down what happened, for thousands of messages at once, without
//! losing one or sending one twice. That is all this room does.
//!
//! # How it works
//!
//! [`Dispatcher`] claims what is due and starts a task for each message. The task (`worker`) asks [`Planner`] what to do
//! next, does it, and asks again, until the message has to wait or has ended. While the clock may be wrong
//! ([`ClockTrust`]), the messages of before are left alone. To call a provider is an attempt, in stages
//! (`attempt`). All tasks share the health of the providers ([`ProviderRegistry`]) and the limits on calling each
//! (`limits`).
//!
//! # How it recovers
//!
//! No provider is called before the store knows that a call begins, and no answer is given up before the store has it. A
//! claim ends by itself; a task that panics ends alone, and leaves its message to the next claim. After a crash an attempt without an end
//! counts as unknown. A store that fails is asked again until it answers.

mod attempt;
mod clock_trust;
mod incident_hooks;
mod incident_recorder;
mod incident_tracker;
mod limits;
mod observed_health;
mod planner;
mod provider;
mod queues;
mod registry;
mod retention;
mod saving;
mod settings;
mod work;
mod worker;

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;

pub use clock_trust::ClockTrust;
pub use incident_recorder::{
    end_interrupted_incidents, record_all_incidents, record_due_incidents, record_incidents,
};
pub use incident_tracker::IncidentTracker;
pub use planner::{BrandPolicies, Planner};
pub use provider::ProviderClient;
pub use queues::ProviderQueues;
pub use registry::{CallPermit, CellStatus, ProviderRegistry, ProviderStatus};
pub use retention::purge_expired;
pub use settings::DispatchSettings;

use limits::WaitingOrder;

use crate::clock::Clock;
use crate::model::{MessageId, ProviderName};
use crate::store::{ClaimRequest, ConsentStore, StoredMessage, WorkQueue};

/// The longest sleep of an idle loop, so that a machine's clock that was set forward is noticed.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// How long to wait after the store failed to say what is due.
const CLAIM_RETRY: Duration = Duration::from_secs(1);

/// Works through what is due.
pub struct Dispatcher {
    store: Arc<dyn WorkQueue>,
    consents: Arc<dyn ConsentStore>,
    planner: Planner,
    registry: ProviderRegistry,
    providers: BTreeMap<ProviderName, ProviderClient>,
    settings: DispatchSettings,
    clock: Clock,
    clock_trust: ClockTrust,
    queues: ProviderQueues,
    /// The messages being worked on, so that one whose lease ran out meanwhile is not taken up twice.
    working: Mutex<HashSet<MessageId>>,
}

impl Dispatcher {
    /// A dispatcher over a store, with a client for each provider of the registry, and of the planner's queues.
    pub fn new(
        store: Arc<dyn WorkQueue>,
        consents: Arc<dyn ConsentStore>,
        planner: Planner,
        registry: ProviderRegistry,
        providers: BTreeMap<ProviderName, ProviderClient>,
        settings: DispatchSettings,
        clock_trust: ClockTrust,
    ) -> Self {
        let (clock, queues, working) =
            (clock_trust.clock().clone(), planner.queues().clone(), Mutex::default());
        Self { store, consents, planner, registry, providers, queues, settings, clock, clock_trust, working }
    }

    /// Works until `stop` resolves, then lets calls in flight end within the time that the settings give them. A message cut off
    /// after that is in doubt when it is next looked at.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        // Biased here and below: a simulation must run the same every time.
        tokio::select! {
            biased;
            () = stop => {}
            () = self.claim_loop(&mut tasks) => {}
        }
        let drain = async { while tasks.join_next().await.is_some() {} };
        let time = Duration::from_millis(self.settings.drain_ms);
        if tokio::time::timeout(time, drain).await.is_err() {
            tracing::warn!(
                messages = tasks.len(),
                "dispatch stopped while messages were worked on; calls cut off are in doubt after the next start"
            );
        }
    }

    /// Claims what is due and starts a task for each, for ever.
    async fn claim_loop(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let mut signal = self.store.work_signal();
        let mut health = self.registry.subscribe();
        loop {
            while tasks.try_join_next().is_some() {}
            let concurrency = self.settings.concurrency as usize;
            let free = concurrency.saturating_sub(tasks.len());
            // A claim looks at all that is due; one for each message that ends would look too often.
            if free <= concurrency / 8 {
                tasks.join_next().await;
                continue;
            }
            health.mark_unchanged();
            let to_next_opening = self.take_up_filed(tasks, free).await;
            // Before the claim, so that what comes after it is not missed.
            signal.mark_unchanged();
            let limit = free.min(self.settings.batch as usize);
            let (hold, lease) = (self.clock_trust.hold(), self.settings.lease());
            match self.store.claim(ClaimRequest { now: self.clock.moment(), limit, lease, hold }).await {
                Ok(claims) => {
                    let more = claims.messages.len() == limit;
                    claims.messages.into_iter().for_each(|stored| self.spawn_work(tasks, stored, None));
                    if !more {
                        let wait = [claims.wait, to_next_opening].into_iter().flatten().min();
                        let wait = wait.map_or(MAX_SLEEP, |wait| wait.min(MAX_SLEEP));
                        let sleep = tokio::time::sleep(wait);
                        tokio::select! {
                            biased;
                            _ = signal.changed() => {}
                            _ = health.changed() => {}
                            () = self.queues.room() => {}
                            () = sleep => {}
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "due messages were not claimed because the store failed; trying again");
                    tokio::time::sleep(CLAIM_RETRY).await;
                }
            }
        }
    }

    /// Starts a task for the first of the messages that are filed for a provider that takes them, `free` of them at most. Returns how
    /// long it is until another provider is asked again, as far as that is known.
    async fn take_up_filed(self: &Arc<Self>, tasks: &mut JoinSet<()>, free: usize) -> Option<Duration> {
        let (mut left, mut to_next_opening) = (free, None::<Duration>);
        for name in self.queues.awaited() {
            let admitted = match self.registry.admitted(&name, self.clock.moment()) {
                Ok(admitted) => admitted,
                Err(wait) => {
                    to_next_opening = [to_next_opening, wait].into_iter().flatten().min();
                    continue;
                }
            };
            let learned = self.registry.learned_rate(&name, self.clock.monotonic());
            for (brand, id) in self.queues.take(&name, left.min(admitted), learned) {
                // What cannot be read now comes back by itself.
                if let Ok(Some(stored)) = self.store.reload(&brand, id).await
                    && stored.next_at.is_some()
                {
                    self.spawn_work(tasks, stored, Some(name.clone()));
                    left = left.saturating_sub(1);
                }
            }
        }
        to_next_opening
    }

    /// Starts a task for a message; `turn_of` is the provider by which it was taken up, whose turn it has come to.
    fn spawn_work(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        stored: StoredMessage,
        turn_of: Option<ProviderName>,
    ) {
        let id = stored.message.id;
        let Some(working) = InProgressGuard::begin(self, id) else { return };
        let order = self.planner.waiting_order(&stored.message);
        self.queues.forget(&order);
        let dispatcher = Arc::clone(self);
        let work = async move {
            let worked = dispatcher.work(stored, turn_of.clone()).await;
            // In this order: whoever claims the message as soon as it is released must be able to work on it.
            drop(working);
            // What cannot be worked on keeps its claim: it would only be claimed again at once.
            let Ok(filed_for) = worked else { return };
            dispatcher.store.release(id).await;
            dispatcher.file_message(&order, filed_for, turn_of);
        };
        tasks.spawn(async move {
            // Whatever the work left behind when it panicked, no other message sees it: all that tasks share is kept whole by its owner.
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!(
                    message.id = %id,
                    "the work on a message panicked; the message is tried again when its claim ends"
                );
            }
        });
    }

    /// Files a message for these providers, and sees to it that a provider is used which has room for those filed there: it may have
    /// come to take them meanwhile, or the message did not use its turn. That of a message which found no room after all is not
    /// offered at once again.
    fn file_message(
        &self,
        order: &WaitingOrder,
        providers: Vec<ProviderName>,
        turn_of: Option<ProviderName>,
    ) {
        self.queues.file_message(order, providers.clone());
        let (found_no_room, not_used) = match turn_of {
            Some(name) if providers.contains(&name) => (Some(name), None),
            turn_of => (None, turn_of),
        };
        let now = self.clock.moment();
        let mut offered =
            providers.iter().chain(&not_used).filter(|name| Some(*name) != found_no_room.as_ref());
        let _ = offered.any(|name| {
            self.registry.admitted(name, now).is_ok()
                && self.queues.note_room(name, self.registry.learned_rate(name, now.monotonic))
        });
    }

    fn working(&self) -> std::sync::MutexGuard<'_, HashSet<MessageId>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message's entry among those being worked on, removed when dropped, even by a panic.
struct InProgressGuard {
    dispatcher: Arc<Dispatcher>,
    id: MessageId,
}

impl InProgressGuard {
    fn begin(dispatcher: &Arc<Dispatcher>, id: MessageId) -> Option<Self> {
        let new = dispatcher.working().insert(id);
        new.then(|| Self { dispatcher: Arc::clone(dispatcher), id })
    }
}

impl Drop for InProgressGuard {
    fn drop(&mut self) {
        self.dispatcher.working().remove(&self.id);
    }
}
