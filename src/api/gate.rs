//! The door of every method: it authenticates first, lets the method answer, and logs the call if it failed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Request, Response, Status};
use tracing::{error, info, warn};

use super::auth::{Authenticator, BrandCaller, Caller};
use super::error::ApiError;
use super::shutdown::ShutdownSignal;
use crate::dispatch::BrandPolicies;
use crate::model::{KeyId, Scope};
use crate::store::KeyStore;

/// The door of every method. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    authenticator: Authenticator,
    policies: Arc<BrandPolicies>,
    stop: ShutdownSignal,
    timeout: Duration,
}

/// A method, as the log names it, and the scope it needs.
#[derive(Debug, Clone, Copy)]
pub struct MethodDescriptor {
    /// For example `relevo.v1.MessageService/Send`.
    pub name: &'static str,
    /// What the key must permit.
    pub scope: Scope,
}

impl Gate {
    /// A door that knows these keys and brands, closes on `stop`, and waits no longer than `timeout` for an answer.
    pub fn new(
        keys: Arc<dyn KeyStore>,
        policies: Arc<BrandPolicies>,
        stop: ShutdownSignal,
        timeout: Duration,
    ) -> Self {
        Self { authenticator: Authenticator::new(keys), policies, stop, timeout }
    }

    /// The brands of the configuration, with their policies.
    pub fn policies(&self) -> &BrandPolicies {
        &self.policies
    }

    /// The flag that closes the door.
    pub fn stop(&self) -> &ShutdownSignal {
        &self.stop
    }

    /// Tells that a stream may go on: its key is still in force.
    ///
    /// # Errors
    /// UNAUTHENTICATED when the key was revoked since.
    pub async fn still_valid(&self, key: &KeyId) -> Result<(), ApiError> {
        self.authenticator.still_valid(key).await
    }

    /// Runs a method for any key that has its scope.
    pub async fn any<T, R, F>(
        &self,
        method: MethodDescriptor,
        request: Request<T>,
        body: impl FnOnce(Caller, T) -> F,
    ) -> Result<Response<R>, Status>
    where
        F: Future<Output = Result<R, ApiError>>,
    {
        let (metadata, _, message) = request.into_parts();
        let caller = match self.authenticator.authenticate(&metadata, method.scope).await {
            Ok(caller) => caller,
            Err(failure) => return Err(self.log_and_convert(method, None, failure)),
        };
        let answer = match self.open_for(&caller) {
            Ok(()) => tokio::time::timeout(self.timeout, body(caller.clone(), message))
                .await
                .unwrap_or_else(|_| Err(ApiError::too_slow(self.timeout))),
            Err(failure) => Err(failure),
        };
        answer.map(Response::new).map_err(|failure| self.log_and_convert(method, Some(&caller), failure))
    }

    fn open_for(&self, caller: &Caller) -> Result<(), ApiError> {
        if self.stop.is_triggered() {
            return Err(ApiError::stopping());
        }
        caller.check_brand(&self.policies)
    }

    /// Runs a method for a brand's key that has its scope.
    pub async fn brand<T, R, F>(
        &self,
        method: MethodDescriptor,
        request: Request<T>,
        body: impl FnOnce(BrandCaller, T) -> F,
    ) -> Result<Response<R>, Status>
    where
        F: Future<Output = Result<R, ApiError>>,
    {
        self.any(method, request, |caller, message| async {
            let caller = BrandCaller::new(caller, &self.policies)?;
            body(caller, message).await
        })
        .await
    }

    /// Logs a failure, once, and turns it into what the caller gets. A stream that ends badly comes here too.
    pub fn log_and_convert(
        &self,
        method: MethodDescriptor,
        caller: Option<&Caller>,
        failure: ApiError,
    ) -> Status {
        let key = caller.map_or("", |caller| caller.key.as_str());
        let brand = caller.and_then(|caller| caller.brand.as_ref()).map_or("", |brand| brand.as_str());
        let (method, reason, detail) = (method.name, failure.reason(), failure.detail());
        let code = tracing::field::debug(failure.code());
        macro_rules! line {
            ($level:ident) => {
                $level!(method, code, reason, key.id = key, brand, detail, "a call failed")
            };
        }
        match failure.code() {
            Code::Internal | Code::DataLoss | Code::Unknown => line!(error),
            Code::Unavailable | Code::ResourceExhausted => line!(warn),
            // The caller's mistake, which the caller is told of.
            _ => line!(info),
        }
        failure.into()
    }
}
