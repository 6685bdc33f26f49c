//! Answers on their way out: each counts against the budget of the caller until its bytes have left for the network.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes, Frame};
use hyper::{HeaderMap, Response};
use tokio::time::sleep;
use tonic::body::Body;

use super::budget::{BudgetExhausted, CallerBudget, HeldBytes};

/// What is held for the answer to a call before the call begins. Only answers that show what is stored are larger, so that
/// none that tells what was done is refused when the budget is used up.
pub const SMALL_ANSWER_BYTES: usize = 4 * 1_024;

/// Tells when a connection does not take its answers.
#[derive(Debug, Default)]
pub struct AnswerWatch {
    /// Shared by all answers that were begun since the watch looked last.
    latest: Mutex<Arc<()>>,
}

/// The bytes of an answer, held until the last reference to them is dropped.
struct HeldAnswer {
    bytes: Bytes,
    _held: HeldBytes,
    _watched: Arc<()>,
}

/// The whole of an answer.
struct AnswerBody {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl AnswerWatch {
    /// Resolves when an answer was not taken for as long as `patience`, or up to twice as long.
    pub async fn stalled(&self, patience: Duration) {
        let mut earlier = Arc::new(());
        loop {
            sleep(patience).await;
            if Arc::strong_count(&earlier) > 1 {
                return;
            }
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            earlier = mem::take(&mut latest);
        }
    }

    /// Holds the answer to a call that is no stream: so far `held`, and what it needs beyond that from `budget`.
    ///
    /// # Errors
    /// Which budget is used up; the answer is dropped then.
    pub async fn hold(
        &self,
        answer: Response<Body>,
        mut held: HeldBytes,
        budget: &CallerBudget,
    ) -> Result<Response<Body>, BudgetExhausted> {
        if answer.body().is_end_stream() {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        // The answer is made already, so this does not wait. tonic tells failures in trailers, and not by an error.
        let Ok(body) = body.collect().await else { return Ok(Response::from_parts(head, Body::empty())) };
        let trailers = body.trailers().cloned();
        let bytes = body.to_bytes();
        match bytes.len().checked_sub(held.bytes()) {
            Some(more) => held.merge(budget.try_hold(more)?),
            None => held = held.take(bytes.len()),
        }
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = HeldAnswer { bytes, _held: held, _watched: Arc::clone(&latest) };
        let body = AnswerBody { data: Some(Bytes::from_owner(answer)), trailers };
        Ok(Response::from_parts(head, Body::new(body)))
    }
}

impl AsRef<[u8]> for HeldAnswer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}
