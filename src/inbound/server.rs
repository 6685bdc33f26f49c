//! The webhook server: HTTP/1.1, one path for each provider, with bounds on everything that comes in.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::router::{WebhookAnswer, WebhookRouter};
use super::settings::{InboundSettings, WEBHOOK_PATH};
use super::token_bucket::TokenBucket;
use crate::adapters::webhooks::{WebhookError, WebhookRequest};
use crate::listener::{self, Connection, ConnectionActivity, ListenerLimits, drive};

/// Headers of a call, at most. Providers send about twenty.
const MAX_HEADERS: usize = 64;
/// Bytes of a connection that were read from the network and not looked at yet; the headers of a call have to fit.
const MAX_BUFFER_BYTES: usize = 64 * 1_024;

/// Serves until `stop` resolves, and then lets calls in flight end within the request timeout.
pub async fn serve(
    listener: TcpListener,
    router: WebhookRouter,
    settings: InboundSettings,
    stop: impl Future<Output = ()>,
) {
    let limits = ListenerLimits {
        protocol: "HTTP",
        max_connections: settings.max_connections,
        // A provider proves itself by its first call, so whoever has not may be many, and is the first to leave.
        max_unproven: settings.max_connections,
        write_timeout: settings.write_timeout(),
        keepalive: settings.request_timeout(),
        drain_timeout: settings.request_timeout(),
    };
    let bucket = TokenBucket::new(settings.max_calls_per_second, Instant::now());
    let share = (settings.max_request_bytes / 2).max(settings.max_body_bytes);
    let room = |bytes: usize| Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
    let bodies = [room(settings.max_request_bytes), room(share)];
    let server = Arc::new(WebhookServer { router, settings, bucket, bodies });
    listener::serve(listener, limits, stop, |connection| Arc::clone(&server).run(connection)).await;
}

/// What all connections share.
struct WebhookServer {
    router: WebhookRouter,
    settings: InboundSettings,
    /// The pace of authentic calls. Others spend nothing of it, so whoever floods the listener keeps no provider out.
    bucket: TokenBucket,
    /// Bytes that bodies may hold in memory: all of them, and those on connections on which no authentic call came yet.
    bodies: [Arc<Semaphore>; 2],
}

/// A body, and the room that it holds in each of the budgets that it counts to.
struct HeldBody {
    bytes: Vec<u8>,
    room: Vec<OwnedSemaphorePermit>,
}

impl WebhookServer {
    /// Serves one connection to its end.
    async fn run(self: Arc<Self>, connection: Connection) {
        let Connection { io, activity, stop, .. } = connection;
        let (header_timeout, calls) = (self.settings.request_timeout(), activity.clone());
        let service = service_fn(move |request| {
            let (server, activity, token) = (Arc::clone(&self), calls.clone(), calls.begin_call());
            async move {
                let answer = server.answer_in_time(request, &activity).await;
                // The call is in work until its answer has left.
                Ok::<_, Infallible>(answer.map(|body| {
                    body.map_frame(move |frame| {
                        let _in_work = &token;
                        frame
                    })
                }))
            }
        });
        let http1 = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(io), service);
        // A provider that goes away in mid-call calls again.
        if let Err(error) = drive(http1, &activity, stop.begun()).await {
            tracing::debug!(%error, "a webhook connection ended in mid-call");
        }
    }

    async fn answer_in_time(
        &self,
        request: Request<Incoming>,
        activity: &ConnectionActivity,
    ) -> Response<Full<Bytes>> {
        let answered = timeout(self.settings.request_timeout(), self.answer(request, activity)).await;
        answered.unwrap_or_else(|_| text(StatusCode::REQUEST_TIMEOUT, "the call took too long"))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        activity: &ConnectionActivity,
    ) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Some(provider) = head.uri.path().strip_prefix(WEBHOOK_PATH).filter(|name| !name.contains('/'))
        else {
            return text(StatusCode::NOT_FOUND, "providers call /providers/NAME");
        };
        let is_get = head.method == Method::GET;
        if !is_get && head.method != Method::POST {
            let mut answer =
                text(StatusCode::METHOD_NOT_ALLOWED, "providers call with POST, or ask with GET");
            answer.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, POST"));
            return answer;
        }
        if !self.router.is_known(provider) {
            return http_response(WebhookAnswer::Unknown);
        }
        let body = match self.read_body(body, activity.is_proven()).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let query = head.uri.query().unwrap_or_default();
        let separator = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{separator}{query}", self.settings.url(provider));
        let body = (!is_get).then_some(&*body.bytes);
        let call = WebhookRequest {
            url: &url,
            query,
            headers: &head.headers,
            body,
            now: self.router.processor.clock.now(),
        };
        let webhook = match self.router.authenticate(provider, &call).await {
            Ok(webhook) => webhook,
            Err(refusal) => return http_response(refusal),
        };
        activity.prove();
        if !self.bucket.try_take(Instant::now()) {
            return too_many_calls();
        }
        http_response(self.router.record(webhook).await)
    }

    /// The whole body, as long as there is room for it beside those of other calls.
    async fn read_body(
        &self,
        mut body: Incoming,
        is_proven: bool,
    ) -> Result<HeldBody, Response<Full<Bytes>>> {
        let budgets = &self.bodies[..if is_proven { 1 } else { 2 }];
        let take = |budget: &Arc<Semaphore>, bytes: usize| {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            Arc::clone(budget).try_acquire_many_owned(bytes).ok()
        };
        let room = budgets.iter().map(|budget| take(budget, 0)).collect::<Option<_>>().ok_or_else(no_room)?;
        let mut held = HeldBody { bytes: Vec::new(), room };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| text(StatusCode::BAD_REQUEST, "the body ended early"))?;
            let Ok(piece) = frame.into_data() else { continue };
            if held.bytes.len() + piece.len() > self.settings.max_body_bytes {
                let message = "the body is longer than inbound.max_body_bytes";
                return Err(text(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
            for (held, budget) in held.room.iter_mut().zip(budgets) {
                held.merge(take(budget, piece.len()).ok_or_else(no_room)?);
            }
            held.bytes.extend_from_slice(&piece);
        }
        Ok(held)
    }
}

fn http_response(answer: WebhookAnswer) -> Response<Full<Bytes>> {
    match answer {
        WebhookAnswer::Recorded(answer) => text(StatusCode::OK, answer),
        WebhookAnswer::Unknown => text(
            StatusCode::NOT_FOUND,
            "no provider of this name is configured to call back; see its settings",
        ),
        WebhookAnswer::Refused(error) => {
            let status = match error {
                WebhookError::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
                WebhookError::Malformed(_) => StatusCode::BAD_REQUEST,
                WebhookError::Unverifiable(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            text(status, error.to_string())
        }
        WebhookAnswer::NotRecorded => {
            text(StatusCode::SERVICE_UNAVAILABLE, "it could not be kept; please call again")
        }
    }
}

fn too_many_calls() -> Response<Full<Bytes>> {
    later(StatusCode::TOO_MANY_REQUESTS, "too many calls; please call again later")
}

fn no_room() -> Response<Full<Bytes>> {
    later(StatusCode::SERVICE_UNAVAILABLE, "too many calls at once; please call again later")
}

fn later(status: StatusCode, message: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(status, message);
    response.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    response
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain"));
    response
}
