//! A stream while it is open: whose it is, whether it may go on, and how its bad end is logged.

use std::sync::Arc;

use tonic::Status;

use super::auth::Authenticator;
use super::call_log::log_failure;
use super::caller::Call;
use super::error::ApiError;
use super::shutdown::ShutdownSignal;
use super::stream_limit::{StreamLimiter, StreamPermit};

/// Opens the streams that share one limit. Cheap to clone.
#[derive(Clone)]
pub struct StreamSessions {
    authenticator: Authenticator,
    shutdown: ShutdownSignal,
    limiter: Arc<StreamLimiter>,
}

/// An open stream. It counts against the limit of its key until it is dropped.
pub struct StreamSession {
    call: Call,
    authenticator: Authenticator,
    shutdown: ShutdownSignal,
    _permit: StreamPermit,
}

impl StreamSessions {
    /// Opens at most `max` streams for each key, until `shutdown`.
    pub fn new(authenticator: Authenticator, shutdown: ShutdownSignal, max: usize) -> Self {
        Self { authenticator, shutdown, limiter: StreamLimiter::new(max) }
    }

    /// Opens the stream that `call` asks for.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when the key has as many open as it may.
    pub fn open(&self, call: Call) -> Result<StreamSession, ApiError> {
        let permit = self.limiter.try_acquire(&call.caller.key);
        let permit = permit.ok_or_else(|| ApiError::too_many_streams(self.limiter.max()))?;
        let (authenticator, shutdown) = (self.authenticator.clone(), self.shutdown.clone());
        Ok(StreamSession { call, authenticator, shutdown, _permit: permit })
    }
}

impl StreamSession {
    /// Checks that the key of the stream is still in force: a stream outlives its authentication.
    ///
    /// # Errors
    /// UNAUTHENTICATED when the key was revoked.
    pub async fn check_key(&self) -> Result<(), ApiError> {
        self.authenticator.check_in_force(&self.call.caller.key).await
    }

    /// Checks that the gateway is not stopping.
    ///
    /// # Errors
    /// UNAVAILABLE when it is.
    pub fn check_running(&self) -> Result<(), ApiError> {
        if self.shutdown.is_triggered() { Err(ApiError::stopping()) } else { Ok(()) }
    }

    /// Resolves when the gateway stops.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shutdown.clone().triggered()
    }

    /// The status with which an error ends the stream, after it was logged.
    pub fn fail(&self, error: ApiError) -> Status {
        let status = Status::from(error);
        log_failure(self.call.method, Some(&self.call.caller), &status);
        status
    }
}
