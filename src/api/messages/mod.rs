//! `MessageService`: accepts messages and tells what became of them.

mod content;
mod explain;
mod list;
mod send;
mod spec;
mod stream;
mod watch;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::Gate;
use super::error::ApiError;
use super::gate::MethodDescriptor;
use super::settings::ApiSettings;
use super::stream_limit::StreamLimiter;
use crate::clock::Clock;
use crate::dispatch::Planner;
use crate::model::{MessageId, MessageState, Scope};
use crate::store::{ContactStore, MessageStore, StoredMessage, Stores};
use crate::wire::v1::message_service_server::MessageService;
use crate::wire::{message_view, v1};

/// Accepts messages and tells what became of them.
#[derive(Clone)]
pub struct MessageApi {
    gate: Gate,
    store: Arc<dyn MessageStore>,
    contacts: Arc<dyn ContactStore>,
    planner: Planner,
    clock: Clock,
    window: stream::SendWindow,
    send_streams: Arc<StreamLimiter>,
    watches: Arc<StreamLimiter>,
}

/// What this service streams.
type ResponseStream<T> = BoxStream<'static, Result<T, Status>>;

const fn method(name: &'static str) -> MethodDescriptor {
    MethodDescriptor { name, scope: Scope::Send }
}

const SEND: MethodDescriptor = method("relevo.v1.MessageService/Send");
const SEND_STREAM: MethodDescriptor = method("relevo.v1.MessageService/SendStream");
const GET: MethodDescriptor = method("relevo.v1.MessageService/GetMessage");
const LIST: MethodDescriptor = method("relevo.v1.MessageService/ListMessages");
const WATCH: MethodDescriptor = method("relevo.v1.MessageService/WatchMessages");
const CANCEL: MethodDescriptor = method("relevo.v1.MessageService/CancelMessage");
const EXPLAIN: MethodDescriptor = method("relevo.v1.MessageService/ExplainRoute");

impl MessageApi {
    /// The service over these stores. `watches` bounds all kinds of watches together.
    pub fn new(
        gate: Gate,
        stores: &Stores,
        planner: Planner,
        clock: Clock,
        watches: Arc<StreamLimiter>,
        settings: &ApiSettings,
    ) -> Self {
        Self {
            gate,
            store: Arc::clone(&stores.messages),
            contacts: Arc::clone(&stores.contacts),
            planner,
            clock,
            window: stream::SendWindow::new(settings),
            send_streams: StreamLimiter::new(settings.max_send_streams_per_key),
            watches,
        }
    }
}

#[tonic::async_trait]
impl MessageService for MessageApi {
    type SendStreamStream = ResponseStream<v1::SendStreamResponse>;
    type WatchMessagesStream = ResponseStream<v1::WatchMessagesResponse>;

    async fn send(&self, request: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        let body = |caller, request: v1::SendRequest| {
            let asked = self.read(&caller, request.message);
            async move { self.accept(&caller, asked).await }
        };
        self.gate.brand(SEND, request, body).await
    }

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        let body = |caller, requests| async move { self.clone().accept_stream(caller, requests) };
        self.gate.brand(SEND_STREAM, request, body).await
    }

    async fn get_message(
        &self,
        request: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        let body = |caller, request| async move { self.get(&caller, request).await };
        self.gate.brand(GET, request, body).await
    }

    async fn list_messages(
        &self,
        request: Request<v1::ListMessagesRequest>,
    ) -> Result<Response<v1::ListMessagesResponse>, Status> {
        let body = |caller, request| async move { self.list(&caller, request).await };
        self.gate.brand(LIST, request, body).await
    }

    async fn watch_messages(
        &self,
        request: Request<v1::WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        let body = |caller, request| async move { self.watch(caller, request).await };
        self.gate.brand(WATCH, request, body).await
    }

    async fn cancel_message(
        &self,
        request: Request<v1::CancelMessageRequest>,
    ) -> Result<Response<v1::CancelMessageResponse>, Status> {
        let body = |caller, request| async move { self.cancel(&caller, request).await };
        self.gate.brand(CANCEL, request, body).await
    }

    async fn explain_route(
        &self,
        request: Request<v1::ExplainRouteRequest>,
    ) -> Result<Response<v1::ExplainRouteResponse>, Status> {
        let body = |caller, request| async move { self.explain(&caller, request).await };
        self.gate.brand(EXPLAIN, request, body).await
    }
}

/// A stored message as the API shows it.
fn view(stored: &StoredMessage) -> v1::Message {
    message_view(&stored.message, &stored.history, stored.next_at)
}

fn no_message(id: MessageId) -> ApiError {
    let message = format!("there is no message {id}: check the id, or list the messages with ListMessages");
    ApiError::new(Code::NotFound, "MESSAGE_NOT_FOUND", message).with("message_id", id)
}

fn not_cancellable(id: MessageId, state: MessageState) -> ApiError {
    let state = state.as_str();
    let message =
        format!("the message is {state} and can no longer be cancelled: see its history with GetMessage");
    ApiError::new(Code::FailedPrecondition, "MESSAGE_NOT_CANCELLABLE", message)
        .with("message_id", id)
        .with("state", state)
}
