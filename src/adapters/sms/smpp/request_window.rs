//! The window of one session: the requests that wait for their response, of which there may be only so many. Bookkeeping
//! alone: whoever delivers puts requests in, the session takes them out and brings the responses, and each may go away at
//! any time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

/// The highest sequence number (section 3.2).
const MAX_SEQUENCE: u32 = 0x7fff_ffff;

/// The SMSC's response to a `submit_sm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SubmitResponse {
    /// Its `command_status`.
    pub(super) status: u32,
    /// The SMSC's id of the message (`message_id`); empty when it gives none.
    pub(super) id: String,
}

/// Why a request has no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestFailure {
    /// The request never left.
    Unsent(&'static str),
    /// It may have arrived.
    InDoubt(&'static str),
}

/// The requests of one session without a response.
pub(super) struct SmppRequestWindow {
    places: Semaphore,
    response_timeout: Duration,
    requests: Mutex<SmppRequests>,
    /// Rung when there is a request to take.
    pub(super) ready: Notify,
}

struct SmppRequests {
    is_closed: bool,
    next_sequence: u32,
    unsent: VecDeque<(u32, Vec<u8>)>,
    answers: HashMap<u32, oneshot::Sender<SubmitResponse>>,
}

impl SmppRequestWindow {
    /// A window for at most `size` requests without a response, each of which may take `response_timeout`.
    pub(super) fn new(size: usize, response_timeout: Duration) -> Self {
        let requests = SmppRequests {
            is_closed: false,
            next_sequence: 1,
            unsent: VecDeque::new(),
            answers: HashMap::new(),
        };
        let (places, requests) = (Semaphore::new(size), Mutex::new(requests));
        Self { places, response_timeout, requests, ready: Notify::new() }
    }

    /// Waits for a place in the window, sends what `write` makes of a sequence number, and waits for the response, all of
    /// it until `deadline`. A place is free again when the response is there, or nobody waits for it any more.
    pub(super) async fn request(
        &self,
        write: impl FnOnce(u32) -> Vec<u8> + Send,
        deadline: Instant,
    ) -> Result<SubmitResponse, RequestFailure> {
        let place = timeout_at(deadline, self.places.acquire()).await;
        let place = place.map_err(|_| RequestFailure::Unsent("no place in the window in time"))?;
        let _place = place.map_err(|_| RequestFailure::Unsent(LOST))?;
        let deadline = deadline.min(Instant::now() + self.response_timeout);
        let mut request = self.begin_request(write)?;
        match timeout_at(deadline, &mut request.answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(request.failure(LOST)),
            Err(_) => Err(request.failure("no answer in time")),
        }
    }

    fn begin_request(&self, write: impl FnOnce(u32) -> Vec<u8>) -> Result<SmppRequest<'_>, RequestFailure> {
        let (sender, answer) = oneshot::channel();
        let mut requests = self.lock();
        if requests.is_closed {
            return Err(RequestFailure::Unsent(LOST));
        }
        let sequence = requests.next_sequence();
        requests.unsent.push_back((sequence, write(sequence)));
        requests.answers.insert(sequence, sender);
        drop(requests);
        self.ready.notify_one();
        Ok(SmppRequest { window: self, sequence, answer })
    }

    /// Takes the next request to send. From then on it counts as sent.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        self.lock().unsent.pop_front().map(|(_, octets)| octets)
    }

    /// Hands a response to whoever waits for it; when it comes late, nobody does any more. Whether somebody did.
    pub(super) fn answer(&self, sequence: u32, answer: SubmitResponse) -> bool {
        let waiting = self.lock().answers.remove(&sequence);
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// A sequence number for a request that is no message.
    pub(super) fn sequence(&self) -> u32 {
        self.lock().next_sequence()
    }

    /// Ends the window with its session: whoever waits gets no response.
    pub(super) fn close(&self) {
        self.places.close();
        let mut requests = self.lock();
        requests.is_closed = true;
        requests.answers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, SmppRequests> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LOST: &str = "the connection was lost";

impl SmppRequests {
    fn next_sequence(&mut self) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence = if sequence == MAX_SEQUENCE { 1 } else { sequence + 1 };
        sequence
    }
}

/// A request that waits for its response. Dropped before it was sent, it never is.
struct SmppRequest<'a> {
    window: &'a SmppRequestWindow,
    sequence: u32,
    answer: oneshot::Receiver<SubmitResponse>,
}

impl SmppRequest<'_> {
    fn failure(&self, why: &'static str) -> RequestFailure {
        let requests = self.window.lock();
        let is_unsent = requests.unsent.iter().any(|&(sequence, _)| sequence == self.sequence);
        if is_unsent { RequestFailure::Unsent(why) } else { RequestFailure::InDoubt(why) }
    }
}

impl Drop for SmppRequest<'_> {
    fn drop(&mut self) {
        let mut requests = self.window.lock();
        requests.unsent.retain(|&(sequence, _)| sequence != self.sequence);
        requests.answers.remove(&self.sequence);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join3;

    use super::*;

    fn window(size: usize) -> SmppRequestWindow {
        SmppRequestWindow::new(size, Duration::from_secs(5))
    }

    fn within(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn accepted(id: &str) -> SubmitResponse {
        SubmitResponse { status: 0, id: id.to_owned() }
    }

    async fn request(window: &SmppRequestWindow) -> Result<SubmitResponse, RequestFailure> {
        window.request(|sequence| vec![u8::try_from(sequence).unwrap()], within(60)).await
    }

    #[tokio::test(start_paused = true)]
    async fn answers_find_their_requests_in_any_order() {
        let window = window(2);
        let smsc = async {
            window.ready.notified().await;
            tokio::task::yield_now().await;
            assert_eq!((window.take(), window.take()), (Some(vec![1]), Some(vec![2])));
            window.answer(2, accepted("b"));
            window.answer(9, accepted("nobody's"));
            window.answer(1, accepted("a"));
        };
        let answers = join3(request(&window), request(&window), smsc).await;
        assert_eq!((answers.0, answers.1), (Ok(accepted("a")), Ok(accepted("b"))));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_never_taken_is_known_to_be_unsent() {
        let window = window(1);
        assert_eq!(request(&window).await, Err(RequestFailure::Unsent("no answer in time")));
        assert_eq!(window.take(), None, "nor is it sent later");
        let smsc = async {
            window.ready.notified().await;
            window.take().unwrap();
        };
        let (lost, ()) = tokio::join!(request(&window), smsc);
        assert_eq!(lost, Err(RequestFailure::InDoubt("no answer in time")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_and_given_back() {
        let window = window(1);
        let smsc = async {
            for sequence in 1..=2 {
                window.ready.notified().await;
                tokio::task::yield_now().await;
                assert!(window.take().is_some());
                assert_eq!(window.take(), None, "no more than the window");
                window.answer(sequence, accepted("a"));
            }
        };
        let answers = join3(request(&window), request(&window), smsc).await;
        assert_eq!((answers.0, answers.1), (Ok(accepted("a")), Ok(accepted("a"))));
        let (first, second) = tokio::join!(request(&window), async {
            // The first holds the only place all the time.
            window.request(|_| vec![], within(1)).await
        });
        assert_eq!(first, Err(RequestFailure::Unsent("no answer in time")));
        assert_eq!(second, Err(RequestFailure::Unsent("no place in the window in time")));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_tells_what_was_sent_from_what_was_not() {
        let window = window(2);
        let end = async {
            window.ready.notified().await;
            tokio::task::yield_now().await;
            window.take().unwrap();
            window.close();
        };
        let answers = join3(request(&window), request(&window), end).await;
        assert_eq!(
            (answers.0, answers.1),
            (Err(RequestFailure::InDoubt(LOST)), Err(RequestFailure::Unsent(LOST)))
        );
        assert_eq!(request(&window).await, Err(RequestFailure::Unsent(LOST)));
    }
}
