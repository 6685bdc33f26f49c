//! A stream while it is open: whose it is, whether it may go on, and how its bad end is logged.

use std::sync::Arc;

use tonic::Status;

use super::auth::Authenticator;
use super::call_log::log_failure;
use super::caller::Call;
use super::error::ApiError;
use super::shutdown::ShutdownSignal;
use super::stream_limit::{StreamLimiter, StreamPermit};
use crate::model::{BrandId, KeyId};

/// Opens the streams that share one limit. Cheap to clone.
#[derive(Clone)]
pub struct StreamSessions {
    authenticator: Authenticator,
    shutdown: ShutdownSignal,
    by_key: Arc<StreamLimiter<KeyId>>,
    /// The keys of the gateway count as those of one brand.
    by_brand: Arc<StreamLimiter<Option<BrandId>>>,
}

/// How many streams of one kind may be open.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Of one key.
    pub per_key: usize,
    /// Of all keys of one brand.
    pub per_brand: usize,
}

/// An open stream. It counts against the limits of its key and its brand until it is dropped.
pub struct StreamSession {
    call: Call,
    authenticator: Authenticator,
    shutdown: ShutdownSignal,
    _permits: (StreamPermit<KeyId>, StreamPermit<Option<BrandId>>),
}

impl StreamSessions {
    /// Opens streams within `limits`, until `shutdown`.
    pub fn new(authenticator: Authenticator, shutdown: ShutdownSignal, limits: StreamLimits) -> Self {
        let (by_key, by_brand) = (StreamLimiter::new(limits.per_key), StreamLimiter::new(limits.per_brand));
        Self { authenticator, shutdown, by_key, by_brand }
    }

    /// Opens the stream that `call` asks for.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when the key, or its brand, has as many open as it may.
    pub fn open(&self, call: Call) -> Result<StreamSession, ApiError> {
        let of_key = self.by_key.try_acquire(&call.caller.key);
        let of_key = of_key.ok_or_else(|| ApiError::too_many_streams(self.by_key.max()))?;
        let of_brand = self.by_brand.try_acquire(&call.caller.brand);
        let too_many = || ApiError::too_many_streams_of_brand(self.by_brand.max());
        let permits = (of_key, of_brand.ok_or_else(too_many)?);
        let (authenticator, shutdown) = (self.authenticator.clone(), self.shutdown.clone());
        Ok(StreamSession { call, authenticator, shutdown, _permits: permits })
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
