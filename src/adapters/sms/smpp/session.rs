//! The messages of one session that wait for an answer. Bookkeeping alone: whoever delivers puts requests in, the connection
//! takes them out and brings the answers, and each may go away at any time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::adapters::answer_within;

/// The longest sequence number (section 3.2).
const MAX_SEQUENCE: u32 = 0x7fff_ffff;

/// The SMSC's answer to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SubmitAnswer {
    /// Its `command_status`.
    pub(super) status: u32,
    /// Its id of the message.
    pub(super) id: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionLoss {
    /// The request never left.
    Unsent(&'static str),
    /// It may have arrived.
    InDoubt(&'static str),
}

/// One session.
pub(super) struct SmppSession {
    window: Semaphore,
    response_timeout: Duration,
    requests: Mutex<SmppRequests>,
    /// Rung when there is a request to take.
    pub(super) ready: Notify,
}

struct SmppRequests {
    is_closed: bool,
    next_sequence: u32,
    unsent: VecDeque<(u32, Vec<u8>)>,
    answers: HashMap<u32, oneshot::Sender<SubmitAnswer>>,
}

impl SmppSession {
    /// A session with at most `window` requests without an answer, each of which may take `response_timeout`.
    pub(super) fn new(window: usize, response_timeout: Duration) -> Self {
        let requests = SmppRequests {
            is_closed: false,
            next_sequence: 1,
            unsent: VecDeque::new(),
            answers: HashMap::new(),
        };
        let (window, requests) = (Semaphore::new(window), Mutex::new(requests));
        Self { window, response_timeout, requests, ready: Notify::new() }
    }

    /// Waits for a place in the window, sends what `write` makes of a sequence number, and waits for the answer, all of it
    /// until `deadline`. A place is free again when the answer is there, or nobody waits for it any more.
    pub(super) async fn request(
        &self,
        write: impl FnOnce(u32) -> Vec<u8> + Send,
        deadline: Instant,
    ) -> Result<SubmitAnswer, SessionLoss> {
        let place = timeout_at(deadline, self.window.acquire()).await;
        let place = place.map_err(|_| SessionLoss::Unsent("no place in the window in time"))?;
        let _place = place.map_err(|_| SessionLoss::Unsent(LOST))?;
        let limit = deadline.duration_since(Instant::now()).min(self.response_timeout);
        let mut request = self.begin_request(write)?;
        match answer_within(limit, &mut request.answer).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(_)) => Err(request.loss(LOST)),
            None => Err(request.loss("no answer in time")),
        }
    }

    fn begin_request(&self, write: impl FnOnce(u32) -> Vec<u8>) -> Result<SmppRequest<'_>, SessionLoss> {
        let (sender, answer) = oneshot::channel();
        let mut requests = self.lock();
        if requests.is_closed {
            return Err(SessionLoss::Unsent(LOST));
        }
        let sequence = requests.next_sequence();
        requests.unsent.push_back((sequence, write(sequence)));
        requests.answers.insert(sequence, sender);
        drop(requests);
        self.ready.notify_one();
        Ok(SmppRequest { session: self, sequence, answer })
    }

    /// Takes the next request to send. From then on it counts as sent.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        self.lock().unsent.pop_front().map(|(_, octets)| octets)
    }

    /// Hands an answer to whoever waits for it; when it comes late, nobody does any more. Whether somebody did.
    pub(super) fn answer(&self, sequence: u32, answer: SubmitAnswer) -> bool {
        let waiting = self.lock().answers.remove(&sequence);
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// A sequence number for a request that is no message.
    pub(super) fn sequence(&self) -> u32 {
        self.lock().next_sequence()
    }

    /// Ends it: whoever waits gets no answer.
    pub(super) fn close(&self) {
        self.window.close();
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

/// A request that waits for its answer. Dropped before it was sent, it never is.
struct SmppRequest<'a> {
    session: &'a SmppSession,
    sequence: u32,
    answer: oneshot::Receiver<SubmitAnswer>,
}

impl SmppRequest<'_> {
    fn loss(&self, why: &'static str) -> SessionLoss {
        let requests = self.session.lock();
        let is_unsent = requests.unsent.iter().any(|&(sequence, _)| sequence == self.sequence);
        if is_unsent { SessionLoss::Unsent(why) } else { SessionLoss::InDoubt(why) }
    }
}

impl Drop for SmppRequest<'_> {
    fn drop(&mut self) {
        let mut requests = self.session.lock();
        requests.unsent.retain(|&(sequence, _)| sequence != self.sequence);
        requests.answers.remove(&self.sequence);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join3;

    use super::*;

    fn session(window: usize) -> SmppSession {
        SmppSession::new(window, Duration::from_secs(5))
    }

    fn within(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn accepted(id: &str) -> SubmitAnswer {
        SubmitAnswer { status: 0, id: id.to_owned() }
    }

    async fn request(session: &SmppSession) -> Result<SubmitAnswer, SessionLoss> {
        session.request(|sequence| vec![u8::try_from(sequence).unwrap()], within(60)).await
    }

    #[tokio::test(start_paused = true)]
    async fn answers_find_their_requests_in_any_order() {
        let session = session(2);
        let smsc = async {
            session.ready.notified().await;
            tokio::task::yield_now().await;
            assert_eq!((session.take(), session.take()), (Some(vec![1]), Some(vec![2])));
            session.answer(2, accepted("b"));
            session.answer(9, accepted("nobody's"));
            session.answer(1, accepted("a"));
        };
        let answers = join3(request(&session), request(&session), smsc).await;
        assert_eq!((answers.0, answers.1), (Ok(accepted("a")), Ok(accepted("b"))));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_never_taken_is_known_to_be_unsent() {
        let session = session(1);
        assert_eq!(request(&session).await, Err(SessionLoss::Unsent("no answer in time")));
        assert_eq!(session.take(), None, "nor is it sent later");
        let smsc = async {
            session.ready.notified().await;
            session.take().unwrap();
        };
        let (lost, ()) = tokio::join!(request(&session), smsc);
        assert_eq!(lost, Err(SessionLoss::InDoubt("no answer in time")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_and_given_back() {
        let session = session(1);
        let smsc = async {
            for sequence in 1..=2 {
                session.ready.notified().await;
                tokio::task::yield_now().await;
                assert!(session.take().is_some());
                assert_eq!(session.take(), None, "no more than the window");
                session.answer(sequence, accepted("a"));
            }
        };
        let answers = join3(request(&session), request(&session), smsc).await;
        assert_eq!((answers.0, answers.1), (Ok(accepted("a")), Ok(accepted("a"))));
        let (first, second) = tokio::join!(request(&session), async {
            // The first holds the only place all the time.
            session.request(|_| vec![], within(1)).await
        });
        assert_eq!(first, Err(SessionLoss::Unsent("no answer in time")));
        assert_eq!(second, Err(SessionLoss::Unsent("no place in the window in time")));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_tells_what_was_sent_from_what_was_not() {
        let session = session(2);
        let end = async {
            session.ready.notified().await;
            tokio::task::yield_now().await;
            session.take().unwrap();
            session.close();
        };
        let answers = join3(request(&session), request(&session), end).await;
        assert_eq!((answers.0, answers.1), (Err(SessionLoss::InDoubt(LOST)), Err(SessionLoss::Unsent(LOST))));
        assert_eq!(request(&session).await, Err(SessionLoss::Unsent(LOST)));
    }
}
