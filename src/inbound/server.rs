//! The webhook server: HTTP/1.1, one path for each provider, with bounds on everything that comes in.

use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::Instant;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::router::{WebhookAnswer, WebhookRouter};
use super::settings::{InboundSettings, WEBHOOK_PATH};
use super::token_bucket::TokenBucket;
use crate::adapters::webhooks::{WebhookError, WebhookRequest};

/// Headers of a call, at most. Providers send about twenty.
const MAX_HEADERS: usize = 64;

/// Serves until `stop` resolves, and then lets calls in flight end within the request timeout.
pub async fn serve(
    listener: TcpListener,
    router: WebhookRouter,
    settings: InboundSettings,
    stop: impl Future<Output = ()>,
) {
    let (settings, connections) = (Arc::new(settings), GracefulShutdown::new());
    let permits = Arc::new(Semaphore::new(settings.max_connections));
    let bucket = Arc::new(TokenBucket::new(settings.max_calls_per_second, Instant::now()));
    let accept = async {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => start(stream, permit, &router, &settings, &bucket, &connections),
                Err(error) => {
                    tracing::warn!(%error, "a webhook connection could not be accepted");
                    tokio::time::sleep(settings.request_timeout() / 100).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    if timeout(settings.request_timeout(), connections.shutdown()).await.is_err() {
        tracing::warn!("webhook requests were cut off because the time to finish them had passed");
    }
}

fn start(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    router: &WebhookRouter,
    settings: &Arc<InboundSettings>,
    bucket: &Arc<TokenBucket>,
    connections: &GracefulShutdown,
) {
    let (router, settings, bucket) = (router.clone(), Arc::clone(settings), Arc::clone(bucket));
    let header_timeout = settings.request_timeout();
    let service = service_fn(move |request| {
        let (router, settings) = (router.clone(), Arc::clone(&settings));
        let admitted = bucket.try_take(Instant::now());
        async move {
            if !admitted {
                return Ok(too_many_calls());
            }
            let answered = timeout(settings.request_timeout(), answer(request, &router, &settings)).await;
            let late = |_| text(StatusCode::REQUEST_TIMEOUT, "the call took too long");
            Ok::<_, Infallible>(answered.unwrap_or_else(late))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        let _permit = permit;
        // A provider that goes away in mid-call calls again.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a webhook connection ended in mid-call");
        }
    });
}

async fn answer(
    request: Request<Incoming>,
    router: &WebhookRouter,
    settings: &InboundSettings,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Some(provider) = head.uri.path().strip_prefix(WEBHOOK_PATH).filter(|name| !name.contains('/')) else {
        return text(StatusCode::NOT_FOUND, "providers call /providers/NAME");
    };
    let is_get = head.method == Method::GET;
    if !is_get && head.method != Method::POST {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "providers call with POST, or ask with GET");
        answer.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, POST"));
        return answer;
    }
    let body = match Limited::new(body, settings.max_body_bytes).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than inbound.max_body_bytes");
        }
        Err(_) => return text(StatusCode::BAD_REQUEST, "the body ended early"),
    };
    let query = head.uri.query().unwrap_or_default();
    let separator = if query.is_empty() { "" } else { "?" };
    let url = format!("{}{separator}{query}", settings.url(provider));
    let body = (!is_get).then_some(&*body);
    let call =
        WebhookRequest { url: &url, query, headers: &head.headers, body, now: router.processor.clock.now() };
    http_response(router.handle(provider, &call).await)
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
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, "too many calls; please call again later");
    response.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    response
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain"));
    response
}
