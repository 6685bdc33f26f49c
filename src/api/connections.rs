//! One connection of the API: its opening, the calls on it, and its end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::service::Routes;
use tracing::debug;

use super::answer::AnswerWatch;
use super::budget::ByteBudget;
use super::error::ApiError;
use super::methods;
use super::peer::PeerNetwork;
use super::preface::{OpenedIo, read_opening};
use super::settings::ApiSettings;
use super::tls::ServerTls;
use crate::listener::{Connection, ConnectionActivity, ListenerStop, drive};

/// Bytes of one stream's answers that lie ready for the network.
const SEND_BUFFER_BYTES: usize = 64 * 1_024;
/// Bytes of the headers of a call. A key and what clients add by themselves are a few hundred.
const MAX_HEADER_BYTES: u32 = 16 * 1_024;

/// Serves connections.
pub(super) struct ConnectionServer {
    routes: Routes,
    tls: Option<TlsAcceptor>,
    http2: http2::Builder<TokioExecutor>,
    settings: ApiSettings,
}

/// What the calls on one connection share. Each finds it in its request's extensions.
#[derive(Debug, Clone)]
pub struct CallConnection(Arc<CallConnectionInner>);

#[derive(Debug)]
struct CallConnectionInner {
    activity: ConnectionActivity,
    turns: Semaphore,
    public_calls: Arc<Semaphore>,
    request_bytes: ByteBudget,
    answer_bytes: ByteBudget,
    answers: AnswerWatch,
}

impl ConnectionServer {
    /// Serves `routes` as the settings say, in plain text without `tls`.
    pub(super) fn new(routes: Routes, settings: &ApiSettings, tls: Option<&ServerTls>) -> Self {
        let tls = tls.map(ServerTls::acceptor);
        let (routes, settings) = (routes.prepare(), settings.clone());
        Self { routes, tls, http2: http2(&settings), settings }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, connection: Connection) {
        let Connection { peer, io, activity, stop } = connection;
        let peer = peer.map(PeerNetwork::of_address);
        match &self.tls {
            None => self.open_and_run(read_opening(io), peer, activity, stop).await,
            Some(tls) => {
                let opening = async { read_opening(tls.accept(io).await?).await };
                self.open_and_run(opening, peer, activity, stop).await;
            }
        }
    }

    async fn open_and_run<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        opening: impl Future<Output = io::Result<OpenedIo<T>>>,
        peer: Option<PeerNetwork>,
        activity: ConnectionActivity,
        stop: ListenerStop,
    ) {
        let patience = Duration::from_millis(self.settings.handshake_timeout_ms);
        let opened = tokio::select! {
            opened = timeout(patience, opening) => opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            () = stop.clone().begun() => return,
        };
        match opened {
            Ok(io) => self.run(io, peer, activity, stop).await,
            Err(error) => debug!(%error, "a gRPC connection ended before its first call"),
        }
    }

    async fn run<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        io: T,
        peer: Option<PeerNetwork>,
        activity: ConnectionActivity,
        stop: ListenerStop,
    ) {
        let connection = CallConnection::new(activity, &self.settings);
        let (routes, calls) = (self.routes.clone(), connection.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let mut routes = routes.clone();
            // Whoever asks for health or reflection needs no answer before the gateway may stop.
            let token = methods::find(request.uri().path()).map(|_| calls.activity().begin_call());
            request.extensions_mut().insert(calls.clone());
            peer.map(|peer| request.extensions_mut().insert(peer));
            async move {
                let answer = routes.call(request.map(Body::new)).await?;
                // The call is in work until its answer has left.
                Ok::<_, Infallible>(answer.map(|body| {
                    body.map_frame(move |frame| {
                        let _in_work = &token;
                        frame
                    })
                }))
            }
        });
        let http2 = self.http2.serve_connection(TokioIo::new(io), service);
        let patience = Duration::from_millis(self.settings.write_timeout_ms);
        tokio::select! {
            ended = drive(http2, connection.activity(), stop.begun()) => if let Err(error) = ended {
                debug!(%error, "a gRPC connection did not end well");
            },
            () = connection.answers().stalled(patience) => {
                debug!("a gRPC connection ended because its answers were not taken");
            }
        }
    }
}

fn http2(settings: &ApiSettings) -> http2::Builder<TokioExecutor> {
    let ms = Duration::from_millis;
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .initial_stream_window_size(settings.http2_stream_window_bytes)
        .initial_connection_window_size(settings.http2_connection_window_bytes)
        .max_concurrent_streams(settings.max_streams_per_connection)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(MAX_HEADER_BYTES)
        .keep_alive_interval(ms(settings.keepalive_interval_ms))
        .keep_alive_timeout(ms(settings.keepalive_timeout_ms));
    http2
}

impl CallConnection {
    fn new(activity: ConnectionActivity, settings: &ApiSettings) -> Self {
        let semaphore = |max: usize| Semaphore::new(max.min(Semaphore::MAX_PERMITS));
        Self(Arc::new(CallConnectionInner {
            activity,
            turns: semaphore(settings.max_calls_per_connection),
            public_calls: Arc::new(semaphore(settings.max_public_calls_per_connection)),
            request_bytes: ByteBudget::new(
                "server.max_request_bytes_per_connection",
                settings.max_request_bytes_per_connection,
            ),
            answer_bytes: ByteBudget::new(
                "server.max_answer_bytes_per_connection",
                settings.max_answer_bytes_per_connection,
            ),
            answers: AnswerWatch::default(),
        }))
    }

    /// The connection on which a request came in.
    ///
    /// # Errors
    /// INTERNAL when it came in by no connection of this server.
    pub fn of(extensions: &Extensions) -> Result<&Self, ApiError> {
        let message = "the gateway does not know by which connection the call came in: tell its operator";
        extensions.get().ok_or_else(|| ApiError::new(Code::Internal, "NO_CONNECTION", message))
    }

    /// What is going on on the connection.
    pub fn activity(&self) -> &ConnectionActivity {
        &self.0.activity
    }

    /// The turns of calls with a key.
    pub fn turns(&self) -> &Semaphore {
        &self.0.turns
    }

    /// The permits of calls without a key.
    pub fn public_calls(&self) -> &Arc<Semaphore> {
        &self.0.public_calls
    }

    /// What its unfinished requests may hold.
    pub fn request_bytes(&self) -> &ByteBudget {
        &self.0.request_bytes
    }

    /// What its answers that wait to go out may hold.
    pub fn answer_bytes(&self) -> &ByteBudget {
        &self.0.answer_bytes
    }

    /// Its answers that wait to go out.
    pub fn answers(&self) -> &AnswerWatch {
        &self.0.answers
    }
}
