//! Who waits for providers: in memory in the line of one, or on disk, filed under every provider that may take them.
//!
//! # Why
//!
//! A message that cannot go now must not take the room of one that can, and is on disk in any case. But when the provider that it
//! waits for has room again, or is well again, it should go at once, the first in the one order first, and nobody should have to
//! look through all that waits.
//!
//! # How it works
//!
//! A message that goes back to the store is *filed*: remembered by its id under each provider that may take it. Whatever takes it
//! up, it is forgotten under all. A provider with room takes the first of those under it. How many are before a message tells how
//! long it would wait there.
//!
//! # How it recovers
//!
//! Filed messages are due by themselves after a while, too, so that one that is forgotten here (after a restart, or where there are too
//! many) comes back later, and not never.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::limits::{OrderedQueue, ProviderLimiter, WaitingOrder};
use super::provider::ProviderClient;
use crate::model::{BrandId, MessageId, ProviderName};

/// So many messages are remembered.
const MAX_FILED: usize = 100_000;

/// The limits of every provider, and who waits for it. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub struct ProviderQueues {
    inner: Arc<QueuesInner>,
}

#[derive(Default)]
struct QueuesInner {
    limiters: BTreeMap<ProviderName, Arc<ProviderLimiter>>,
    filed: Mutex<FiledMessages>,
    room: Notify,
}

/// The messages that wait on disk, by the providers that may take them.
#[derive(Default)]
struct FiledMessages {
    queues: BTreeMap<ProviderName, OrderedQueue<WaitingOrder>>,
    providers: HashMap<MessageId, Vec<ProviderName>>,
}

impl ProviderQueues {
    /// Nobody waits for these.
    pub fn new(clients: &BTreeMap<ProviderName, ProviderClient>) -> Self {
        let limiters = clients.iter().map(|(name, client)| (name.clone(), Arc::clone(&client.limiter)));
        Self { inner: Arc::new(QueuesInner { limiters: limiters.collect(), ..QueuesInner::default() }) }
    }

    /// How long a message that came now would wait for a turn of `provider`, roughly, where it was found to bear `learned` calls a
    /// second. Nothing where the provider is not known.
    pub(super) fn expected_wait(
        &self,
        provider: &ProviderName,
        order: &WaitingOrder,
        learned: Option<f64>,
    ) -> Duration {
        let Some(limiter) = self.inner.limiters.get(provider) else { return Duration::ZERO };
        let filed = self.filed().queues.get(provider).map_or(0, |queue| queue.ahead_of(order));
        limiter.expected_wait(order, filed, learned)
    }

    /// Whether others are filed for `provider` that have their turn before a message that came now.
    pub(super) fn is_behind(&self, provider: &ProviderName, order: &WaitingOrder) -> bool {
        self.filed().queues.get(provider).is_some_and(|queue| queue.is_before(order))
    }

    /// Whether another message can be filed.
    pub(super) fn can_file(&self) -> bool {
        self.filed().providers.len() < MAX_FILED
    }

    /// Files a message for these providers, where there is room.
    pub(super) fn file_message(&self, order: &WaitingOrder, providers: Vec<ProviderName>) {
        if providers.is_empty() || !self.can_file() {
            return;
        }
        let mut filed = self.filed();
        filed.remove(order);
        for provider in &providers {
            filed.queues.entry(provider.clone()).or_default().push(order, order.clone());
        }
        filed.providers.insert(order.id(), providers);
    }

    /// Forgets a message: it is worked on.
    pub(super) fn forget(&self, order: &WaitingOrder) {
        self.filed().remove(order);
    }

    /// The providers for which messages are filed.
    pub(super) fn awaited(&self) -> Vec<ProviderName> {
        let filed = self.filed();
        let queues = filed.queues.iter().filter(|(_, queue)| queue.total() > 0);
        queues.map(|(name, _)| name.clone()).collect()
    }

    /// Takes the first messages that are filed for `provider`, at most `max`, and no more than its line has room for.
    pub(super) fn take(
        &self,
        provider: &ProviderName,
        max: usize,
        learned: Option<f64>,
    ) -> Vec<(BrandId, MessageId)> {
        let Some(limiter) = self.inner.limiters.get(provider) else { return Vec::new() };
        let count = limiter.room(learned).min(max);
        let mut filed = self.filed();
        let take = |_| {
            let order = filed.queues.get_mut(provider)?.pop()?;
            filed.remove(&order);
            Some((order.brand().clone(), order.id()))
        };
        (0..count).map_while(take).collect()
    }

    /// Tells whoever waits in [`room`](Self::room), if a provider has room for messages that are filed for it. Returns whether it has.
    pub(super) fn note_room(&self, provider: &ProviderName, learned: Option<f64>) -> bool {
        let has_room = self.inner.limiters.get(provider).is_some_and(|limiter| limiter.room(learned) > 0);
        let is_awaited = || self.filed().queues.get(provider).is_some_and(|queue| queue.total() > 0);
        let is_told = has_room && is_awaited();
        if is_told {
            self.inner.room.notify_one();
        }
        is_told
    }

    /// Waits until there may be room for messages that are filed.
    pub(super) async fn room(&self) {
        self.inner.room.notified().await;
    }

    fn filed(&self) -> MutexGuard<'_, FiledMessages> {
        self.inner.filed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FiledMessages {
    fn remove(&mut self, order: &WaitingOrder) {
        for provider in self.providers.remove(&order.id()).unwrap_or_default() {
            if let Some(queue) = self.queues.get_mut(&provider) {
                queue.remove(order);
            }
        }
    }
}
