//! The body of a request on its way in: each message in it counts against the budget of the caller from its first byte.
//!
//! A message is as large as its length prefix says, and the decoder makes room for it as soon as it has read the prefix. So
//! it is the prefix that is held against the budget, and not what has come in yet.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::{Code, Request, Status};

use super::budget::{CallerBudget, HeldBytes};
use super::error::ApiError;

/// The head of a message: whether it is compressed, and its length (the gRPC protocol over HTTP/2, "Length-Prefixed-Message").
const HEAD_BYTES: usize = 5;

/// What a byte becomes at most when it is decompressed: the limit of deflate (zlib's technical notes, "Maximum Compression
/// Factor").
const MAX_COMPRESSION: usize = 1_032;

/// What one message may be.
#[derive(Debug, Clone, Copy)]
pub struct MessageBounds {
    /// Its largest size, decompressed.
    pub bytes: usize,
    /// How long a message of a stream may take to come in.
    pub time: Duration,
}

/// What a request may hold, and holds. Clones share it.
#[derive(Debug, Clone)]
pub struct RequestMeter(Arc<RequestMeterInner>);

#[derive(Debug)]
struct RequestMeterInner {
    bounds: MessageBounds,
    /// `None` for requests that are small and few.
    budget: Option<CallerBudget>,
    is_stream: bool,
    received: Mutex<ReceivedMessages>,
}

/// The messages of which at least the head has come in.
#[derive(Debug, Default)]
struct ReceivedMessages {
    held: Option<HeldBytes>,
    /// What is held for each message of a stream.
    sizes: VecDeque<usize>,
    /// Whether more is held than has come in, because the size of a compressed message is not known yet.
    is_estimate: bool,
}

/// The body of a request, metered.
pub struct RequestBody {
    body: Body,
    meter: RequestMeter,
    heads: MessageHeads,
    /// Runs while a message of a stream has begun and not come in.
    late: Option<Pin<Box<Sleep>>>,
    /// A frame for whose messages there is no room yet.
    waiting: Option<(BoxFuture<HeldBytes, Status>, Frame<Bytes>)>,
}

/// Finds the heads of messages in a body that comes in pieces.
#[derive(Debug, Default)]
struct MessageHeads {
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// Bytes to come of the message whose head was found last.
    left: usize,
    /// How many heads were found.
    found: u64,
}

impl RequestMeter {
    /// Meters a request whose messages keep to `bounds`. A call of one message is refused when the budget
    /// is used up, and holds its bytes until the meter is dropped. A stream of messages is not read on while the budget is
    /// used up.
    pub fn new(bounds: MessageBounds, budget: Option<CallerBudget>, is_stream: bool) -> Self {
        let received = Mutex::default();
        Self(Arc::new(RequestMeterInner { bounds, budget, is_stream, received }))
    }

    /// The meter of a request.
    ///
    /// # Errors
    /// INTERNAL when the request did not pass the guard.
    pub fn of<T>(request: &Request<T>) -> Result<Self, ApiError> {
        let message = "the gateway did not meter this call, and so did not carry it out: tell its operator";
        let meter = request.extensions().get().cloned();
        meter.ok_or_else(|| ApiError::new(Code::Internal, "NOT_METERED", message))
    }

    /// What is held for the first message that was not taken yet, of which no more than `bytes` are kept. `None` when there
    /// is no such message.
    pub fn take_message(&self, bytes: usize) -> Option<HeldBytes> {
        let mut received = self.received();
        let size = received.sizes.pop_front()?;
        let mut held = received.held.as_mut()?.take(size);
        Some(held.take(bytes))
    }

    /// Gives back what is held beyond the size of the one message of a call, now that it is known.
    pub fn settle(&self, message: &impl prost::Message) {
        let received = &mut *self.received();
        if let (true, Some(held)) = (received.is_estimate, &mut received.held) {
            *held = held.take(message.encoded_len());
        }
    }

    /// Counts the messages that begin in `piece`, and returns how many bytes they need.
    fn count(&self, heads: &mut MessageHeads, piece: &[u8]) -> Result<usize, ApiError> {
        let max = self.0.bounds.bytes;
        let (mut received, mut needed) = (self.received(), 0);
        heads.find(piece, |is_compressed, length| {
            if length > max {
                return Err(ApiError::request_too_large(length, max));
            }
            let size = if is_compressed { max.min(length * MAX_COMPRESSION) } else { length };
            needed += size;
            received.is_estimate |= is_compressed;
            if self.0.is_stream {
                received.sizes.push_back(size);
            }
            Ok(())
        })?;
        Ok(needed)
    }

    fn add(&self, more: HeldBytes) {
        let mut received = self.received();
        match &mut received.held {
            Some(held) => held.merge(more),
            held => *held = Some(more),
        }
    }

    fn received(&self) -> MutexGuard<'_, ReceivedMessages> {
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestBody {
    /// Meters `body`.
    pub fn new(body: Body, meter: RequestMeter) -> Self {
        Self { body, meter, heads: MessageHeads::default(), late: None, waiting: None }
    }

    /// The next frame, unless a message takes too long.
    fn poll_in_time(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let next = Pin::new(&mut self.body).poll_frame(context);
        if next.is_ready() || self.heads.is_between() || !self.meter.0.is_stream {
            return next;
        }
        let time = self.meter.0.bounds.time;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(late.as_mut().poll(context));
        Poll::Ready(Some(Err(ApiError::message_too_slow(time).into())))
    }

    /// Holds what the messages need that begin in `frame`; or returns what to wait for, when a stream has no room yet.
    fn admit(&mut self, frame: &Frame<Bytes>) -> Result<Option<BoxFuture<HeldBytes, Status>>, ApiError> {
        let Some(piece) = frame.data_ref() else { return Ok(None) };
        let found = self.heads.found;
        let needed = self.meter.count(&mut self.heads, piece)?;
        if self.heads.found != found || self.heads.is_between() {
            self.late = None;
        }
        let Some(budget) = self.meter.0.budget.as_ref().filter(|_| needed > 0) else { return Ok(None) };
        match budget.try_hold(needed) {
            Ok(held) => self.meter.add(held),
            Err(_) if self.meter.0.is_stream => {
                let room = budget.clone().hold(needed);
                return Ok(Some(Box::pin(async move { Ok(room.await) })));
            }
            Err(exhausted) => return Err(ApiError::too_many_request_bytes(exhausted)),
        }
        Ok(None)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.waiting.is_none() {
            let Some(frame) = ready!(self.poll_in_time(context)?) else { return Poll::Ready(None) };
            match self.admit(&frame)? {
                None => return Poll::Ready(Some(Ok(frame))),
                Some(room) => self.waiting = Some((room, frame)),
            }
        }
        let (room, _) = self.waiting.as_mut().expect("it was just filled");
        let held = ready!(room.as_mut().poll(context))?;
        self.meter.add(held);
        let waiting = self.waiting.take();
        Poll::Ready(waiting.map(|(_, frame)| Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl MessageHeads {
    /// Whether no message has begun that has not ended.
    fn is_between(&self) -> bool {
        self.left == 0 && self.filled == 0
    }

    /// Calls `found` with each head that ends in `piece`: whether the message is compressed, and its length.
    fn find<E>(
        &mut self,
        mut piece: &[u8],
        mut found: impl FnMut(bool, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        while !piece.is_empty() {
            let wanted = if self.left > 0 { self.left } else { HEAD_BYTES - self.filled };
            let (part, rest) = piece.split_at(wanted.min(piece.len()));
            piece = rest;
            if self.left > 0 {
                self.left -= part.len();
                continue;
            }
            self.head[self.filled..][..part.len()].copy_from_slice(part);
            self.filled += part.len();
            if self.filled == HEAD_BYTES {
                let [compressed, length @ ..] = self.head;
                (self.filled, self.left) = (0, u32::from_be_bytes(length) as usize);
                self.found += 1;
                found(compressed != 0, self.left)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_wherever_the_body_is_cut() {
        let body = [&b"\0\0\0\0\x03abc"[..], b"\x01\0\0\0\0", b"\0\0\0\x01\0", &[7; 256], b"\0\0\0"].concat();
        for size in [1, 2, 3, 5, 7, 100, body.len()] {
            let (mut heads, mut found) = (MessageHeads::default(), Vec::new());
            for piece in body.chunks(size) {
                let mut find = |is_compressed, length| {
                    found.push((is_compressed, length));
                    Ok::<_, ()>(())
                };
                heads.find(piece, &mut find).unwrap();
            }
            assert_eq!(found, [(false, 3), (true, 0), (false, 256)], "pieces of {size}");
        }
    }
}
