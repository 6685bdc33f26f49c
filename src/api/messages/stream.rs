//! Accepts a stream of messages: many at once, answered in order, no more in memory than the window allows.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::{Status, Streaming};
use tracing::debug;

use super::send::ParsedSend;
use super::{MessageApi, ResponseStream};
use crate::api::caller::{BrandCaller, Call};
use crate::api::error::ApiError;
use crate::api::stream_session::StreamSession;
use crate::wire::v1;

/// One SendStream call.
struct SendStream {
    service: MessageApi,
    caller: BrandCaller,
    session: StreamSession,
}

impl MessageApi {
    /// Answers a stream in order. It reads on only while the window has room, so HTTP/2 slows a fast caller down.
    pub(super) fn accept_stream(
        self,
        call: Call,
        caller: BrandCaller,
        requests: Streaming<v1::SendStreamRequest>,
    ) -> Result<ResponseStream<v1::SendStreamResponse>, ApiError> {
        let session = self.send_streams.open(call)?;
        let window = self.window;
        let room = Arc::new(Semaphore::new(window.bytes));
        let send_stream = Arc::new(SendStream { service: self, caller, session });
        let at_end = Arc::clone(&send_stream);
        let answers = requests
            .take_until(send_stream.session.stopped())
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
                let send_stream = Arc::clone(&send_stream);
                // Parsed before it waits for its turn: a parsed request is smaller than an encoded one.
                let parsed = request.map(|request| send_stream.parse(request));
                async move {
                    let (sequence, parsed) = parsed?;
                    let answer = send_stream.answer(sequence, parsed).await;
                    drop(permit);
                    answer
                }
            })
            .buffered(window.messages)
            .chain(stream::iter(std::iter::once_with(move || at_end.end())).filter_map(std::future::ready));
        Ok(answers.boxed())
    }
}

impl SendStream {
    fn parse(&self, request: v1::SendStreamRequest) -> (u64, ParsedSend) {
        (request.sequence, self.service.parse(&self.caller, request.message))
    }

    /// The answer to one message. Only a revoked key ends the stream.
    async fn answer(&self, sequence: u64, parsed: ParsedSend) -> Result<v1::SendStreamResponse, Status> {
        use v1::send_stream_response::Result as Answer;
        self.session.check_key().await.map_err(|error| self.session.fail(error))?;
        let result = match self.service.accept(&self.caller, parsed).await {
            Ok(accepted) => Answer::Accepted(accepted),
            Err(error) => {
                let BrandCaller { key, brand, .. } = &self.caller;
                debug!(reason = error.reason(), key.id = %key, brand.id = %brand, "a message of a stream was not accepted");
                Answer::Error(error.into_send_error())
            }
        };
        Ok(v1::SendStreamResponse { sequence, result: Some(result) })
    }

    /// How the stream ends: well when the caller ended it, with an error when the gateway is stopping.
    fn end(&self) -> Option<Result<v1::SendStreamResponse, Status>> {
        self.session.check_running().err().map(|error| Err(self.session.fail(error)))
    }
}
