//! The services that need no key, health and reflection, and what bounds the calls of whoever makes them.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;

use super::connections::CallConnection;
use super::error::ApiError;
use super::request_body::{MessageBounds, RequestBody, RequestMeter};
use super::settings::ApiSettings;

/// Bytes of a request without a key: it holds the name of a service, a file or a type.
const MAX_REQUEST_BYTES: usize = 4 * 1_024;

/// The one public method that is answered at once. It needs no permit of all, so that nobody who takes those makes the
/// gateway look dead.
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// Lets calls of a service in that needs no key, as many at once as the settings allow. Cheap to clone.
#[derive(Clone)]
pub struct PublicGuard {
    streams: Arc<Semaphore>,
    /// The setting that bounds the streams, and its value.
    max_streams: (&'static str, usize),
    max_calls_per_connection: usize,
    timeout: Duration,
}

/// A service behind the guard.
#[derive(Clone)]
pub struct PublicService<S> {
    guard: PublicGuard,
    service: S,
}

/// Of the connection, and for a stream of all.
type Permits = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

impl PublicGuard {
    /// Guards the health service.
    pub fn of_health(settings: &ApiSettings) -> Self {
        Self::new("server.max_health_watches", settings.max_health_watches, settings)
    }

    /// Guards the reflection service.
    pub fn of_reflection(settings: &ApiSettings) -> Self {
        Self::new("server.max_reflection_streams", settings.max_reflection_streams, settings)
    }

    fn new(setting: &'static str, max_streams: usize, settings: &ApiSettings) -> Self {
        Self {
            streams: Arc::new(Semaphore::new(max_streams.min(Semaphore::MAX_PERMITS))),
            max_streams: (setting, max_streams),
            max_calls_per_connection: settings.max_public_calls_per_connection,
            timeout: Duration::from_millis(settings.request_timeout_ms),
        }
    }

    /// Puts a service behind the guard.
    pub fn protect<S>(&self, service: S) -> PublicService<S> {
        PublicService { guard: self.clone(), service }
    }

    async fn answer<S>(self, mut service: S, request: Request<Body>) -> Result<Response<Body>, ApiError>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let permits = self.permits(&request)?;
        let bounds = MessageBounds { bytes: MAX_REQUEST_BYTES, time: self.timeout };
        let meter = RequestMeter::new(bounds, None, false);
        let request = request.map(|body| Body::new(RequestBody::new(body, meter)));
        let answered = tokio::time::timeout(self.timeout, service.call(request)).await;
        let Ok(response) = answered.map_err(|_| ApiError::too_slow(self.timeout))?;
        // The call is open as long as its answer is.
        let hold = |body: Body| {
            Body::new(body.map_frame(move |frame| {
                let _open = &permits;
                frame
            }))
        };
        Ok(response.map(hold))
    }

    fn permits(&self, request: &Request<Body>) -> Result<Permits, ApiError> {
        let connection = CallConnection::of(request.extensions())?;
        let of_connection = Arc::clone(connection.public_calls()).try_acquire_owned();
        let of_connection = of_connection.map_err(|_| {
            let setting = "server.max_public_calls_per_connection";
            ApiError::too_many_public_calls(setting, self.max_calls_per_connection)
        })?;
        if request.uri().path() == CHECK {
            return Ok((of_connection, None));
        }
        let of_all = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            let (setting, max) = self.max_streams;
            ApiError::too_many_public_calls(setting, max)
        })?;
        Ok((of_connection, Some(of_all)))
    }
}

impl<S> Service<Request<Body>> for PublicService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // It is the service that was polled which is ready, and not a clone of it.
        let clone = self.service.clone();
        let service = mem::replace(&mut self.service, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            let answered = guard.answer(service, request).await;
            Ok(answered.unwrap_or_else(|error| Status::from(error).into_http()))
        })
    }
}

impl<S: NamedService> NamedService for PublicService<S> {
    const NAME: &'static str = S::NAME;
}
