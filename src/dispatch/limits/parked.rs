//! The messages that wait on disk for room at one provider, in the one order, so that the first of them is taken up as soon as there
//! is room. They are only remembered: whoever is forgotten comes back by itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::order::{OrderedQueue, WaitingOrder};
use crate::model::{BrandId, MessageId};

/// So many are remembered.
const MAX_PARKED: usize = 100_000;

/// The messages that wait on disk for room at one provider.
#[derive(Debug)]
pub(super) struct ParkedMessages(Mutex<OrderedQueue<(BrandId, MessageId)>>);

impl ParkedMessages {
    /// None.
    pub fn new() -> Self {
        Self(Mutex::new(OrderedQueue::new()))
    }

    /// Remembers one, while there is room.
    pub fn park(&self, order: &WaitingOrder) {
        let mut parked = self.parked();
        if parked.total() < MAX_PARKED {
            parked.push(order, (order.brand().clone(), order.id()));
        }
    }

    /// Forgets one that is taken up for another reason.
    pub fn forget(&self, order: &WaitingOrder) {
        self.parked().remove(order);
    }

    /// Takes the first so many.
    pub fn take(&self, count: usize) -> Vec<(BrandId, MessageId)> {
        let mut parked = self.parked();
        std::iter::from_fn(|| parked.pop()).take(count).collect()
    }

    fn parked(&self) -> MutexGuard<'_, OrderedQueue<(BrandId, MessageId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
