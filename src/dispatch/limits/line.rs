//! The line of attempts that wait in memory for one provider.
//!
//! Only the head of the line asks for a turn and waits for the rate. When it has gone on, whoever is first by then becomes the
//! head, however late they came.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::order::{OrderedQueue, WaitingOrder};

/// So many brands may have one message each in a line that others have filled.
const MAX_SINGLE_PLACES: usize = 64;

/// The line of attempts that wait for one provider.
#[derive(Debug)]
pub(super) struct WaitingLine(Mutex<LineState>);

#[derive(Debug)]
struct LineState {
    next_ticket: u64,
    head: Option<LineHead>,
    waiting: OrderedQueue<WaitingTicket>,
}

#[derive(Debug)]
struct LineHead {
    ticket: u64,
    order: WaitingOrder,
}

#[derive(Debug)]
struct WaitingTicket {
    head: LineHead,
    is_head: oneshot::Sender<()>,
}

/// A place in the line, given up when dropped.
#[derive(Debug)]
pub(super) struct LinePlace<'a> {
    line: &'a WaitingLine,
    order: WaitingOrder,
    ticket: u64,
    is_head: Option<oneshot::Receiver<()>>,
}

impl WaitingLine {
    /// Nobody waits.
    pub fn new() -> Self {
        Self(Mutex::new(LineState { next_ticket: 0, head: None, waiting: OrderedQueue::default() }))
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.state().head.is_none()
    }

    /// How many wait, the head among them.
    pub fn len(&self) -> usize {
        let state = self.state();
        state.waiting.total() + usize::from(state.head.is_some())
    }

    /// About how many have their turn before one that would come now.
    pub fn ahead_of(&self, order: &WaitingOrder) -> usize {
        let state = self.state();
        state.waiting.ahead_of(order) + usize::from(state.head.is_some())
    }

    /// Whether one that comes now finds no place, where `capacity` of its class may wait.
    pub fn is_full_for(&self, order: &WaitingOrder, capacity: usize) -> bool {
        self.state().is_full_for(order, capacity)
    }

    /// A place in the line; `None` when `capacity` of its class wait already, unless none of them is of its brand.
    pub fn join(&self, order: WaitingOrder, capacity: usize) -> Option<LinePlace<'_>> {
        let mut state = self.state();
        if state.is_full_for(&order, capacity) {
            return None;
        }
        state.next_ticket += 1;
        let ticket = state.next_ticket;
        let head = LineHead { ticket, order: order.clone() };
        if state.head.is_none() {
            state.head = Some(head);
            return Some(LinePlace { line: self, order, ticket, is_head: None });
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push(&order, WaitingTicket { head, is_head: sender });
        Some(LinePlace { line: self, order, ticket, is_head: Some(receiver) })
    }

    fn state(&self) -> MutexGuard<'_, LineState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LineState {
    fn is_full_for(&self, order: &WaitingOrder, capacity: usize) -> bool {
        let head = self.head.as_ref().filter(|head| head.order.class() == order.class());
        let is_of_brand = head.is_some_and(|head| head.order.brand() == order.brand());
        let others = self.waiting.len(order.class()) + usize::from(head.is_some());
        let is_single =
            !is_of_brand && self.waiting.len_beside(order) == 0 && others < capacity + MAX_SINGLE_PLACES;
        others >= capacity && !is_single
    }
}

impl LinePlace<'_> {
    /// Waits until this is the head of the line.
    pub async fn head(&mut self) {
        if let Some(is_head) = &mut self.is_head {
            // Who holds the other end is in the line for as long as this place is.
            let _ = is_head.await;
            self.is_head = None;
        }
    }
}

impl Drop for LinePlace<'_> {
    fn drop(&mut self) {
        let mut state = self.line.state();
        if state.head.as_ref().is_none_or(|head| head.ticket != self.ticket) {
            state.waiting.remove(&self.order);
            return;
        }
        state.head = state.waiting.pop().map(|WaitingTicket { head, is_head }| {
            // Whoever stopped waiting meanwhile finds itself at the head when it gives up its place.
            let _ = is_head.send(());
            head
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::order::tests::order;
    use super::*;
    use crate::model::MessageClass::{Commercial, Transactional};

    fn is_head(place: &mut LinePlace<'_>) -> bool {
        place.head().now_or_never().is_some()
    }

    #[test]
    fn whoever_is_first_becomes_the_head_however_late_they_came() {
        let line = WaitingLine::new();
        let mut head = line.join(order(Commercial, "acme", 9, 1), 9).unwrap();
        let mut old = line.join(order(Commercial, "acme", 9, 2), 9).unwrap();
        let mut urgent = line.join(order(Transactional, "acme", 9, 3), 9).unwrap();
        assert!(is_head(&mut head) && !is_head(&mut old) && !is_head(&mut urgent));
        drop(head);
        assert!(!is_head(&mut old) && is_head(&mut urgent));
        drop(urgent);
        assert!(is_head(&mut old) && !line.is_empty());
        drop(old);
        assert!(line.is_empty());
    }

    #[test]
    fn whoever_gives_up_stands_in_nobodys_way() {
        let line = WaitingLine::new();
        let head = line.join(order(Commercial, "acme", 9, 1), 9).unwrap();
        let gone = line.join(order(Commercial, "acme", 9, 2), 9).unwrap();
        let gone_as_head = line.join(order(Commercial, "acme", 9, 3), 9).unwrap();
        let mut last = line.join(order(Commercial, "acme", 9, 4), 9).unwrap();
        drop(gone);
        drop(head);
        // It was told that it is the head, and never looked.
        drop(gone_as_head);
        assert!(is_head(&mut last));
    }

    #[test]
    fn a_line_that_one_brand_has_filled_has_a_place_for_another() {
        let line = WaitingLine::new();
        let join = |brand: &str, number| line.join(order(Commercial, brand, 9, number), 2);
        let places: Vec<_> = (0..5).filter_map(|number| join("acme", number)).collect();
        assert_eq!(places.len(), 2, "the head, and one behind it");
        let mut other = join("globex", 7).unwrap();
        assert!(join("globex", 8).is_none());
        assert!(line.join(order(Transactional, "acme", 9, 9), 2).is_some());
        let mut places = places.into_iter();
        drop(places.next());
        drop(places.next());
        assert!(is_head(&mut other));
    }
}
