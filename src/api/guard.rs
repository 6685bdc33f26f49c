//! The guard of the API: what happens to a call before its method runs, and after it failed.
//!
//! The guard stands around the services, so a method cannot be reached without it. It authenticates the caller before the
//! request is decoded, hands the caller to the method, bounds the time of the call, and logs it if it fails. A method that panics fails
//! its own call and nothing else.

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

use super::auth::Authenticator;
use super::call_log::{log_failure, log_refused_caller};
use super::caller::{BrandCaller, Call};
use super::error::ApiError;
use super::methods;
use super::peer::PeerNetwork;
use super::shutdown::ShutdownSignal;
use crate::dispatch::BrandPolicies;

/// Lets calls in. Cheap to clone.
#[derive(Clone)]
pub struct CallGuard {
    authenticator: Authenticator,
    policies: Arc<BrandPolicies>,
    shutdown: ShutdownSignal,
    timeout: Duration,
}

/// A service behind the guard.
#[derive(Clone)]
pub struct GuardedService<S> {
    guard: CallGuard,
    service: S,
}

impl CallGuard {
    /// A guard that lets in the keys of these brands until `shutdown`, and gives each call `timeout`. Of a stream, that bounds
    /// the time until it is open.
    pub fn new(
        authenticator: Authenticator,
        policies: Arc<BrandPolicies>,
        shutdown: ShutdownSignal,
        timeout: Duration,
    ) -> Self {
        Self { authenticator, policies, shutdown, timeout }
    }

    /// Puts a service behind the guard.
    pub fn protect<S>(&self, service: S) -> GuardedService<S> {
        GuardedService { guard: self.clone(), service }
    }

    async fn answer<S>(self, service: S, mut request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let Some((method, scope)) = methods::find(request.uri().path()) else {
            // No method has this path, and the service says so.
            return self.run(service, request).await;
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
        let response = match self.admit(call, request.extensions_mut()) {
            Ok(()) => self.run(service, request).await,
            Err(error) => Status::from(error).into_http(),
        };
        // tonic leaves the status of a call that failed in the extensions of its response.
        if let Some(status) = response.extensions().get() {
            log_failure(method, Some(&caller), status);
        }
        response
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

    async fn run<S>(&self, mut service: S, request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        // Without this a panic would reset the caller's stream and say nothing.
        let answered = AssertUnwindSafe(async { service.call(request).await }).catch_unwind();
        match tokio::time::timeout(self.timeout, answered).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_)) => Status::from(ApiError::panicked()).into_http(),
            Err(_) => Status::from(ApiError::too_slow(self.timeout)).into_http(),
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
        let timeout = Duration::from_secs(1);
        let guard = CallGuard::new(authenticator, Arc::default(), ShutdownSignal::new(), timeout);
        // A path of no method is handed on without a key.
        let answer = guard.protect(PanickingService).call(Request::new(Body::default())).await.unwrap();
        let status = answer.extensions().get::<Status>().unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("by a mistake of its own"), "{status:?}");
    }
}
