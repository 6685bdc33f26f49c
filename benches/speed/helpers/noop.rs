//! The ceiling of gRPC: the message service without anything behind it. It decodes what comes, as any server must, and
//! answers at once.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use relevo::wire::v1;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use v1::message_service_server::{MessageService, MessageServiceServer};
use v1::send_stream_response::Result as Answer;

use super::stub::ready;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Noop;

/// Serves on a free port until it is killed.
pub async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    ready(listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let service = MessageServiceServer::new(Noop);
    Ok(Server::builder().add_service(service).serve_with_incoming(incoming).await?)
}

fn accepted() -> v1::SendResponse {
    v1::SendResponse {
        message_id: "01900000-0000-7000-8000-000000000000".to_owned(),
        state: v1::MessageState::Accepted.into(),
        duplicate: false,
    }
}

fn nothing_else<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the ceiling takes messages and does nothing else: ask a gateway"))
}

#[tonic::async_trait]
impl MessageService for Noop {
    type SendStreamStream = Answers<v1::SendStreamResponse>;
    type WatchMessagesStream = Answers<v1::WatchMessagesResponse>;

    async fn send(&self, _: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        Ok(Response::new(accepted()))
    }

    async fn send_stream(
        &self,
        requests: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        let answers = requests.into_inner().map(|request| {
            let result = Some(Answer::Accepted(accepted()));
            Ok(v1::SendStreamResponse { sequence: request?.sequence, result })
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn get_message(
        &self,
        _: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        nothing_else()
    }

    async fn list_messages(
        &self,
        _: Request<v1::ListMessagesRequest>,
    ) -> Result<Response<v1::ListMessagesResponse>, Status> {
        nothing_else()
    }

    async fn watch_messages(
        &self,
        _: Request<v1::WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        nothing_else()
    }

    async fn cancel_message(
        &self,
        _: Request<v1::CancelMessageRequest>,
    ) -> Result<Response<v1::CancelMessageResponse>, Status> {
        nothing_else()
    }

    async fn explain_route(
        &self,
        _: Request<v1::ExplainRouteRequest>,
    ) -> Result<Response<v1::ExplainRouteResponse>, Status> {
        nothing_else()
    }
}
