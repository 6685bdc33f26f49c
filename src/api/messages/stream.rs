//! Accepts a stream of messages: many at once, answered in order, no more in memory than the window allows.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, Streaming};
use tracing::debug;

use super::send::ParsedSend;
use super::{MessageApi, ResponseStream};
use crate::api::budget::HeldBytes;
use crate::api::caller::{BrandCaller, Call};
use crate::api::error::ApiError;
use crate::api::request_body::RequestMeter;
use crate::api::stream_session::StreamSession;
use crate::wire::v1;

/// One SendStream call.
struct SendStream {
    service: MessageApi,
    caller: BrandCaller,
    session: StreamSession,
    meter: RequestMeter,
    /// Bytes of messages that may be on their way to the disk.
    room: Arc<Semaphore>,
}

/// What a message takes of the window of its stream, and of what its caller may hold.
type MessageRoom = (Option<OwnedSemaphorePermit>, Option<HeldBytes>);

impl MessageApi {
    /// Answers a stream in order. It reads on only while the window has room, so HTTP/2 slows a fast caller down.
    pub(super) fn accept_stream(
        self,
        call: Call,
        caller: BrandCaller,
        meter: RequestMeter,
        requests: Streaming<v1::SendStreamRequest>,
    ) -> Result<ResponseStream<v1::SendStreamResponse>, ApiError> {
        let session = self.send_streams.open(call)?;
        let window = self.window;
        let room = Arc::new(Semaphore::new(window.bytes));
        let send_stream = Arc::new(SendStream { service: self, caller, session, meter, room });
        let (admitting, at_end) = (Arc::clone(&send_stream), Arc::clone(&send_stream));
        let answers = requests
            .take_until(send_stream.session.stopped())
            .then(move |request| {
                let send_stream = Arc::clone(&admitting);
                async move { send_stream.admit(request.map_err(|status| send_stream.refused(status))?).await }
            })
            .map(move |admitted| {
                let send_stream = Arc::clone(&send_stream);
                // Parsed before it waits for its turn: a parsed request is smaller than an encoded one.
                let parsed = admitted.map(|(request, room)| (send_stream.parse(request), room));
                async move {
                    let ((sequence, parsed), room) = parsed?;
                    let answer = send_stream.answer(sequence, parsed).await;
                    drop(room);
                    Ok(answer)
                }
            })
            .buffered(window.messages)
            .chain(stream::iter(std::iter::once_with(move || at_end.end())).filter_map(std::future::ready));
        Ok(answers.boxed())
    }
}

impl SendStream {
    /// Lets a message in when there is room for it. One after the other: once the key is revoked none is let in any more, so
    /// that every message which is stored is answered before the stream ends.
    async fn admit(
        &self,
        request: v1::SendStreamRequest,
    ) -> Result<(v1::SendStreamRequest, MessageRoom), Status> {
        self.session.check_key().await.map_err(|error| self.session.fail(error))?;
        // A request is never larger than the window, and the semaphore is never closed.
        let bytes = request.encoded_len().min(self.service.window.bytes);
        let held = self.meter.take_message(bytes);
        let room = Arc::clone(&self.room).acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).await;
        Ok((request, (room.ok(), held)))
    }

    /// Why a request could not be read.
    fn refused(&self, status: Status) -> Status {
        if ApiError::is_of_inflation(&status) {
            return self.session.fail(ApiError::inflated_too_large(self.service.window.message_bytes));
        }
        status
    }

    fn parse(&self, request: v1::SendStreamRequest) -> (u64, ParsedSend) {
        (request.sequence, self.service.parse(&self.caller, request.message))
    }

    /// The answer to one message.
    async fn answer(&self, sequence: u64, parsed: ParsedSend) -> v1::SendStreamResponse {
        use v1::send_stream_response::Result as Answer;
        let result = match self.service.accept(&self.caller, parsed).await {
            Ok(accepted) => Answer::Accepted(accepted),
            Err(error) => {
                let BrandCaller { key, brand, .. } = &self.caller;
                debug!(reason = error.reason(), key.id = %key, brand.id = %brand, "a message of a stream was not accepted");
                Answer::Error(error.into_send_error())
            }
        };
        v1::SendStreamResponse { sequence, result: Some(result) }
    }

    /// How the stream ends: well when the caller ended it, with an error when the gateway is stopping.
    fn end(&self) -> Option<Result<v1::SendStreamResponse, Status>> {
        self.session.check_running().err().map(|error| Err(self.session.fail(error)))
    }
}
