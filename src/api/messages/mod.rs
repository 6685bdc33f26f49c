//! `MessageService`: accepts messages, and shows what became of them.

mod content;
mod cursor;
mod explain;
mod get;
mod list;
mod send;
mod send_window;
mod spec;
mod stream;
mod watch;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::caller::{BrandCaller, Call};
use super::error::ApiError;
use super::request_body::RequestMeter;
use super::settings::ApiSettings;
use super::stream_session::StreamSessions;
use crate::clock::Clock;
use crate::dispatch::Planner;
use crate::model::{MessageId, MessageState};
use crate::store::{ContactStore, MessageStore, StoredMessage, Stores};
use crate::wire::v1::message_service_server::MessageService;
use crate::wire::{message_view, v1};
use send_window::SendWindow;

pub use cursor::CursorSealer;

/// Accepts messages, and shows what became of them.
#[derive(Clone)]
pub struct MessageApi {
    store: Arc<dyn MessageStore>,
    contacts: Arc<dyn ContactStore>,
    planner: Planner,
    clock: Clock,
    cursors: CursorSealer,
    window: SendWindow,
    send_streams: StreamSessions,
    watches: StreamSessions,
}

/// What this service streams.
type ResponseStream<T> = BoxStream<'static, Result<T, Status>>;

impl MessageApi {
    /// The service over these stores. `cursors` seals cursors and page tokens. `send_streams` opens SendStream calls, and
    /// `watches` WatchMessages calls.
    pub fn new(
        stores: &Stores,
        cursors: CursorSealer,
        planner: Planner,
        clock: Clock,
        send_streams: StreamSessions,
        watches: StreamSessions,
        settings: &ApiSettings,
    ) -> Self {
        Self {
            store: Arc::clone(&stores.messages),
            contacts: Arc::clone(&stores.contacts),
            planner,
            clock,
            cursors,
            window: SendWindow::new(settings),
            send_streams,
            watches,
        }
    }
}

#[tonic::async_trait]
impl MessageService for MessageApi {
    type SendStreamStream = ResponseStream<v1::SendStreamResponse>;
    type WatchMessagesStream = ResponseStream<v1::WatchMessagesResponse>;

    async fn send(&self, request: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        let parsed = self.parse(&caller, request.message);
        Ok(Response::new(self.accept(&caller, parsed).await?))
    }

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        let (call, meter) = (Call::of(&request)?, RequestMeter::of(&request)?);
        let (caller, requests) = BrandCaller::from_stream(request)?;
        Ok(Response::new(self.clone().accept_stream(call, caller, meter, requests)?))
    }

    async fn get_message(
        &self,
        request: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.get(&caller, request).await?))
    }

    async fn list_messages(
        &self,
        request: Request<v1::ListMessagesRequest>,
    ) -> Result<Response<v1::ListMessagesResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.list(&caller, request).await?))
    }

    async fn watch_messages(
        &self,
        request: Request<v1::WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        let call = Call::of(&request)?;
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.watch(call, caller.brand, request).await?))
    }

    async fn cancel_message(
        &self,
        request: Request<v1::CancelMessageRequest>,
    ) -> Result<Response<v1::CancelMessageResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.cancel(&caller, request).await?))
    }

    async fn explain_route(
        &self,
        request: Request<v1::ExplainRouteRequest>,
    ) -> Result<Response<v1::ExplainRouteResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.explain(&caller, request).await?))
    }
}

/// A stored message as the API shows it.
fn view(stored: &StoredMessage) -> v1::Message {
    message_view(&stored.message, &stored.history, stored.next_at)
}

fn no_message(id: MessageId) -> ApiError {
    let message = format!("there is no message {id}: check the id, or list the messages with ListMessages");
    ApiError::new(Code::NotFound, "MESSAGE_NOT_FOUND", message).with_metadata("message_id", id)
}

fn not_cancellable(id: MessageId, state: MessageState) -> ApiError {
    let state = state.as_str();
    let message =
        format!("the message is {state} and can no longer be cancelled: see its history with GetMessage");
    ApiError::new(Code::FailedPrecondition, "MESSAGE_NOT_CANCELLABLE", message)
        .with_metadata("message_id", id)
        .with_metadata("state", state)
}
