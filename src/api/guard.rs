//! The guard of the API: what happens to a call before its method runs, and after it failed.
//!
//! The guard stands around the services, so a method cannot be reached without it. It authenticates the caller before the
//! first byte of its message is read, hands the caller to the method, bounds the time of the call and what its request and
//! answer hold in memory, and logs it if it fails. A method that panics fails its own call and nothing else.

use std::convert::Infallible;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use hyper::http::Extensions;
use hyper::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;

use super::answer::SMALL_ANSWER_BYTES;
use super::auth::Authenticator;
use super::budget::{ByteBudget, ByteBudgets};
use super::call_log::{log_failure, log_refused_caller};
use super::caller::{BrandCaller, Call};
use super::connections::CallConnection;
use super::deadline;
use super::error::ApiError;
use super::methods;
use super::peer::PeerNetwork;
use super::request_body::{MessageBounds, RequestBody, RequestMeter};
use super::settings::ApiSettings;
use super::shutdown::ShutdownSignal;
use crate::dispatch::BrandPolicies;

/// Lets calls in. Cheap to clone.
#[derive(Clone)]
pub struct CallGuard {
    authenticator: Authenticator,
    policies: Arc<BrandPolicies>,
    shutdown: ShutdownSignal,
    bounds: Arc<CallBounds>,
}

/// What bounds each call, and all calls of a key and of all keys together.
#[derive(Debug)]
pub struct CallBounds {
    /// Of a stream, the time bounds how long it takes until it is open, and each message.
    message: MessageBounds,
    request_bytes: ByteBudgets,
    answer_bytes: ByteBudgets,
}

/// A service behind the guard.
#[derive(Clone)]
pub struct GuardedService<S> {
    guard: CallGuard,
    service: S,
}

impl CallGuard {
    /// A guard that lets in the keys of these brands until `shutdown`, within these bounds.
    pub fn new(
        authenticator: Authenticator,
        policies: Arc<BrandPolicies>,
        shutdown: ShutdownSignal,
        bounds: CallBounds,
    ) -> Self {
        Self { authenticator, policies, shutdown, bounds: Arc::new(bounds) }
    }

    /// Puts a service behind the guard.
    pub fn protect<S>(&self, service: S) -> GuardedService<S> {
        GuardedService { guard: self.clone(), service }
    }

    async fn answer<S>(self, mut service: S, request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let Some((method, scope)) = methods::find(request.uri().path()) else {
            // No method has this path, and the service says so at once.
            let answered = call_unwinding(&mut service, request).await;
            return answered.unwrap_or_else(|error| Status::from(error).into_http());
        };
        let caller = match self.authenticator.authenticate(request.headers(), scope).await {
            Ok(caller) => caller,
            Err(error) => {
                let status = Status::from(error);
                log_refused_caller(method, PeerNetwork::of(request.extensions()), &status);
                return status.into_http();
            }
        };
        let call = Call { method, caller: caller.clone() };
        let response = self.carry_out(service, request, call).await;
        let response = response.unwrap_or_else(|error| Status::from(error).into_http());
        // tonic leaves the status of a call that failed in the extensions of its response.
        if let Some(status) = response.extensions().get() {
            log_failure(method, Some(&caller), status);
        }
        response
    }

    /// Has the method carry out a call that is authenticated, within the bounds of its caller.
    async fn carry_out<S>(
        &self,
        service: S,
        mut request: Request<Body>,
        call: Call,
    ) -> Result<Response<Body>, ApiError>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let connection = CallConnection::of(request.extensions())?.clone();
        connection.activity().prove();
        let (key, is_stream) = (call.caller.key.clone(), methods::is_stream(call.method));
        self.admit(call, request.extensions_mut())?;

        let answer_budget = self.bounds.answer_bytes.of(&key, connection.answer_bytes());
        let held = answer_budget.try_hold(SMALL_ANSWER_BYTES).map_err(ApiError::too_many_answer_bytes)?;
        let request_budget = self.bounds.request_bytes.of(&key, connection.request_bytes());
        let meter = RequestMeter::new(self.bounds.message, Some(request_budget), is_stream);
        request.extensions_mut().insert(meter.clone());
        let request = request.map(|body| Body::new(RequestBody::new(body, meter.clone())));

        let answer = self.run_in_turn(service, request, &connection).await?;
        if answer.extensions().get().is_some_and(ApiError::is_of_inflation) {
            return Err(ApiError::inflated_too_large(self.bounds.message.bytes));
        }
        if is_stream {
            // How many there are is limited, and none holds more than is on its way.
            return Ok(answer);
        }
        let held = connection.answers().hold(answer, held, &answer_budget).await;
        held.map_err(ApiError::too_many_answer_bytes)
    }

    /// Hands to the method who calls, unless the gateway is stopping or the caller's brand is not configured.
    fn admit(&self, call: Call, extensions: &mut Extensions) -> Result<(), ApiError> {
        if self.shutdown.is_triggered() {
            return Err(ApiError::stopping());
        }
        if let Some(caller) = BrandCaller::new(&call.caller, &self.policies)? {
            extensions.insert(caller);
        }
        extensions.insert(call);
        Ok(())
    }

    /// Runs the call when its connection has a turn for it.
    async fn run_in_turn<S>(
        &self,
        mut service: S,
        request: Request<Body>,
        connection: &CallConnection,
    ) -> Result<Response<Body>, ApiError>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        // The caller's own time, if that is shorter.
        let timeout =
            deadline::timeout_in(request.headers()).unwrap_or(Duration::MAX).min(self.bounds.message.time);
        let run = async {
            // The semaphore is never closed. A stream gives its turn back when it is open.
            let _turn = connection.turns().acquire().await;
            call_unwinding(&mut service, request).await
        };
        tokio::time::timeout(timeout, run).await.map_err(|_| ApiError::too_slow(timeout))?
    }
}

/// Calls a service. One that panics would reset the caller's stream and say nothing.
async fn call_unwinding<S>(service: &mut S, request: Request<Body>) -> Result<Response<Body>, ApiError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let answered = AssertUnwindSafe(async { service.call(request).await }).catch_unwind().await;
    answered.map(|Ok(response)| response).map_err(|_| ApiError::panicked())
}

impl CallBounds {
    /// The bounds of these settings.
    pub fn new(settings: &ApiSettings) -> Self {
        let (all, key) = (settings.max_request_bytes, settings.max_request_bytes_per_key);
        let request_bytes = ByteBudgets::new(
            ByteBudget::new("server.max_request_bytes", all),
            ByteBudget::new("server.max_request_bytes_per_key", key),
        );
        let (all, key) = (settings.max_answer_bytes, settings.max_answer_bytes_per_key);
        let answer_bytes = ByteBudgets::new(
            ByteBudget::new("server.max_answer_bytes", all),
            ByteBudget::new("server.max_answer_bytes_per_key", key),
        );
        Self {
            message: MessageBounds {
                bytes: settings.max_message_bytes,
                time: Duration::from_millis(settings.request_timeout_ms),
            },
            request_bytes,
            answer_bytes,
        }
    }
}

impl<S> Service<Request<Body>> for GuardedService<S>
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
        Box::pin(async move { Ok(guard.answer(service, request).await) })
    }
}

impl<S: NamedService> NamedService for GuardedService<S> {
    const NAME: &'static str = S::NAME;
}

#[cfg(test)]
mod tests {
    use std::future::Ready;

    use tonic::Code;

    use super::*;
    use crate::store::Stores;

    /// A service with a mistake in it.
    #[derive(Clone)]
    struct PanickingService;

    impl Service<Request<Body>> for PanickingService {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            panic!("{}", request.uri())
        }
    }

    #[tokio::test]
    async fn a_method_that_panics_fails_its_own_call_and_says_so() {
        let authenticator = Authenticator::new(Stores::memory().keys);
        let bounds = CallBounds::new(&ApiSettings::default());
        let guard = CallGuard::new(authenticator, Arc::default(), ShutdownSignal::new(), bounds);
        // A path of no method is handed on without a key.
        let answer = guard.protect(PanickingService).call(Request::new(Body::default())).await.unwrap();
        let status = answer.extensions().get::<Status>().unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("by a mistake of its own"), "{status:?}");
    }
}
