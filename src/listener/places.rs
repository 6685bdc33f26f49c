//! The places of a listener: how many connections are open at once, and who has to leave when there is no place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    max_unproven: usize,
    unproven: Mutex<Unproven>,
}

/// The connections that have not proven who they are, in the order in which they came.
#[derive(Debug, Default)]
struct Unproven {
    next: u64,
    /// A message to one of these ends it.
    ends: BTreeMap<u64, oneshot::Sender<()>>,
}

/// The place of one connection; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    standing: Standing,
    lost: oneshot::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

/// By what right a connection holds its place.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    places: Arc<Places>,
    number: u64,
}

impl Places {
    pub(super) fn new(max: usize, max_unproven: usize) -> Self {
        let free = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { free, max_unproven, unproven: Mutex::default() }
    }

    /// A place for a connection that has proven nothing yet. The oldest of its like leaves when there is none; without one
    /// this waits.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        if self.unproven().ends.len() >= self.max_unproven || self.free.available_permits() == 0 {
            self.end_oldest_unproven();
        }
        let permit = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        let (end, lost) = oneshot::channel();
        let mut unproven = self.unproven();
        let number = unproven.next;
        unproven.next += 1;
        unproven.ends.insert(number, end);
        drop(unproven);
        Place { standing: Standing { places: Arc::clone(self), number }, lost, _permit: permit }
    }

    /// Ends the oldest connection that has proven nothing, if there is one.
    pub(super) fn end_oldest_unproven(&self) {
        if let Some((_, end)) = self.unproven().ends.pop_first() {
            // It may be ending by itself.
            let _ = end.send(());
        }
    }

    fn unproven(&self) -> MutexGuard<'_, Unproven> {
        self.unproven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Resolves when a newcomer needs the place.
    pub(super) async fn lost(&mut self) {
        if (&mut self.lost).await.is_err() {
            // The connection has proven itself, which dropped the other end.
            std::future::pending().await
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.standing.prove();
    }
}

impl Standing {
    /// The connection keeps its place from now on.
    pub(super) fn prove(&self) {
        self.places.unproven().ends.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(places: &Arc<Places>) -> Option<Place> {
        places.take().now_or_never()
    }

    fn is_lost(place: &mut Place) -> bool {
        place.lost().now_or_never().is_some()
    }

    #[test]
    fn the_oldest_that_proved_nothing_leaves_for_a_newcomer() {
        let places = Arc::new(Places::new(10, 2));
        let (mut known, mut first, mut second) = (take(&places).unwrap(), take(&places).unwrap(), None);
        known.standing().prove();
        second.replace(take(&places).unwrap());
        assert!(!is_lost(&mut first));
        let _third = take(&places).unwrap();
        assert!(is_lost(&mut first) && !is_lost(&mut known) && !is_lost(&mut second.unwrap()));
    }

    #[test]
    fn when_all_are_known_a_newcomer_waits() {
        let places = Arc::new(Places::new(1, 1));
        let mut known = take(&places).unwrap();
        known.standing().prove();
        assert!(take(&places).is_none() && !is_lost(&mut known));
        drop(known);
        assert!(take(&places).is_some());
        assert!(places.unproven().ends.is_empty(), "what has ended is forgotten");
    }

    #[test]
    fn when_all_places_are_taken_one_that_proved_nothing_leaves_though_its_share_is_not_full() {
        let places = Arc::new(Places::new(2, 2));
        let (known, mut unproven) = (take(&places).unwrap(), take(&places).unwrap());
        known.standing().prove();
        assert!(take(&places).is_none() && is_lost(&mut unproven));
        drop(unproven);
        assert!(take(&places).is_some());
    }
}
