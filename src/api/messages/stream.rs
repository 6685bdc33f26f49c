//! Accepts a stream of messages: many at once, answered in order, no more in memory than the window allows.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::{Status, Streaming};
use tracing::debug;

use super::send::ParsedSend;
use super::{MessageApi, ResponseStream, SEND_STREAM};
use crate::api::auth::{BrandCaller, Caller};
use crate::api::error::ApiError;
use crate::api::settings::ApiSettings;
use crate::wire::v1;

/// How much of one stream may be on its way to the disk at once.
#[derive(Debug, Clone, Copy)]
pub struct SendWindow {
    messages: usize,
    bytes: usize,
}

impl SendWindow {
    pub fn new(settings: &ApiSettings) -> Self {
        Self { messages: settings.stream_window, bytes: settings.stream_window_bytes }
    }
}

impl MessageApi {
    /// Answers a stream in order. It reads on only while the window has room, so HTTP/2 slows a fast caller down.
    pub(super) fn accept_stream(
        self,
        caller: BrandCaller,
        requests: Streaming<v1::SendStreamRequest>,
    ) -> Result<ResponseStream<v1::SendStreamResponse>, ApiError> {
        let slot = self.send_streams.try_acquire(&caller.key);
        let slot = slot.ok_or_else(|| ApiError::too_many_streams(self.send_streams.max()))?;
        let (stop, window) = (self.gate.stop().clone(), self.window);
        let room = Arc::new(Semaphore::new(window.bytes));
        let this = Arc::new((self, caller));
        let last = Arc::clone(&this);
        let answers = requests
            .take_until(stop.triggered())
            .then(move |request| {
                let room = Arc::clone(&room);
                async move {
                    // A request is never larger than the window, and the semaphore is never closed.
                    let bytes = request.as_ref().map_or(0, |request| request.encoded_len().min(window.bytes));
                    let permit = room.acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).await;
                    (request, permit)
                }
            })
            .map(move |(request, permit)| {
                let this = Arc::clone(&this);
                let asked = request.map(|request| (request.sequence, this.0.read(&this.1, request.message)));
                async move {
                    let (sequence, asked) = asked?;
                    let answer = this.0.answer(&this.1, sequence, asked).await;
                    drop(permit);
                    answer
                }
            })
            .buffered(window.messages)
            .chain(stream::once(async move { last.0.end(&last.1) }).filter_map(|end| async { end }))
            .inspect(move |_| {
                let _held_while_the_stream_lasts = &slot;
            });
        Ok(answers.boxed())
    }

    /// The answer to one message. Only a revoked key ends the stream.
    async fn answer(
        &self,
        caller: &BrandCaller,
        sequence: u64,
        asked: ParsedSend,
    ) -> Result<v1::SendStreamResponse, Status> {
        use v1::send_stream_response::Result as Answer;
        if let Err(failure) = self.gate.still_valid(&caller.key).await {
            return Err(self.refuse(caller, failure));
        }
        let result = match self.accept(caller, asked).await {
            Ok(accepted) => Answer::Accepted(accepted),
            Err(failure) => {
                debug!(reason = failure.reason(), brand = %caller.brand, "a message of a stream was not accepted");
                Answer::Error(failure.into_send_error())
            }
        };
        Ok(v1::SendStreamResponse { sequence, result: Some(result) })
    }

    /// How the stream ends: well when the caller ended it, with an error when the gateway is stopping.
    fn end(&self, caller: &BrandCaller) -> Option<Result<v1::SendStreamResponse, Status>> {
        self.gate.stop().is_triggered().then(|| Err(self.refuse(caller, ApiError::stopping())))
    }

    fn refuse(&self, caller: &BrandCaller, failure: ApiError) -> Status {
        self.gate.log_and_convert(SEND_STREAM, Some(&Caller::from(caller)), failure)
    }
}
