//! The HTTP of the providers: reads a call, lets the provider decide, and answers in its words.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::protocol::{HttpAnswer, HttpCall, Protocol};
use super::provider::{Decision, ProviderState};

/// Serves a connection to its end.
pub async fn serve(stream: TcpStream, protocol: &'static dyn Protocol, state: &Arc<ProviderState>) {
    let service = service_fn(|request| answer(request, protocol, Arc::clone(state)));
    // Whoever breaks a connection off sees it for themselves.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The answer; an error closes the connection without one.
async fn answer(
    request: Request<Incoming>,
    protocol: &'static dyn Protocol,
    state: Arc<ProviderState>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let call = read(request).await?;
    let Some(submission) = protocol.read(&call) else {
        return Ok(response(HttpAnswer { status: 404, body: String::new() }).unwrap_or_default());
    };
    let answer = match state.decide(&submission).await {
        Decision::Taken(id) => protocol.taken(&id, &submission),
        Decision::TakenBefore(id) => protocol.taken_before(&id, &submission),
        Decision::Refused(refusal) => protocol.refused(refusal),
        Decision::Failed(status) => protocol.failed(status),
        Decision::Closed => return Err(io::Error::other("the provider closes the connection")),
    };
    response(answer).map_err(io::Error::other)
}

async fn read(request: Request<Incoming>) -> Result<HttpCall, io::Error> {
    let path = request.uri().path().to_owned();
    let key = request.headers().get("idempotency-key");
    let idempotency_key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    Ok(HttpCall { path, idempotency_key, body })
}

fn response(answer: HttpAnswer) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let kind = if answer.body.starts_with('<') { "text/html" } else { "application/json" };
    Response::builder().status(answer.status).header("content-type", kind).body(Full::from(answer.body))
}
