//! The health service of gRPC, for balancers, orchestrators and clients: the gateway serves all of its services, or none. Under a
//! name of its own it tells whether the clock is believed, which balancers need not know.
//!
//! <https://grpc.io/docs/guides/health-checking/>

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::error::ApiError;
use super::methods;
use super::shutdown::ShutdownSignal;

/// What the health service tells. Clones share it.
#[derive(Debug, Clone)]
pub struct HealthState {
    state: Arc<watch::Sender<ServingState>>,
}

/// What the gateway needs in order to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ServingState {
    is_stopping: bool,
    is_store_open: bool,
    is_clock_trusted: bool,
}

/// The name under which health tells whether the clock is believed. While it is not, messages of before are held.
pub const CLOCK_SERVICE: &str = "relevo.clock";

impl ServingState {
    /// The status of a service: of the gateway as a whole when the name is empty.
    fn status(self, service: &str) -> ServingStatus {
        let is_serving = match service {
            CLOCK_SERVICE => self.is_clock_trusted,
            "" => self.serves(),
            service if methods::services().any(|known| known == service) => self.serves(),
            _ => return ServingStatus::ServiceUnknown,
        };
        if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing }
    }

    fn serves(self) -> bool {
        self.is_store_open && !self.is_stopping
    }
}

/// The health service.
pub struct HealthApi {
    state: HealthState,
    shutdown: ShutdownSignal,
}

impl HealthState {
    /// The state of a gateway that serves.
    pub fn new() -> Self {
        let state = ServingState { is_stopping: false, is_store_open: true, is_clock_trusted: true };
        Self { state: Arc::new(watch::Sender::new(state)) }
    }

    /// The gateway is about to stop: whoever can should call another.
    pub fn stop_serving(&self) {
        self.change(|state| state.is_stopping = true);
    }

    /// The store is open, or is closed because its disk failed.
    pub fn set_store_open(&self, is_open: bool) {
        self.change(|state| state.is_store_open = is_open);
    }

    /// The clock is believed, or may be wrong.
    pub fn set_clock_trusted(&self, is_trusted: bool) {
        self.change(|state| state.is_clock_trusted = is_trusted);
    }

    fn change(&self, change: impl FnOnce(&mut ServingState)) {
        self.state.send_if_modified(|state| {
            let before = *state;
            change(state);
            *state != before
        });
    }
}

impl Default for HealthState {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthApi {
    /// Tells `state` until `shutdown`, which ends the watches.
    pub fn new(state: HealthState, shutdown: ShutdownSignal) -> Self {
        Self { state, shutdown }
    }
}

#[tonic::async_trait]
impl Health for HealthApi {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let status = self.state.state.borrow().status(&request.get_ref().service);
        match status {
            ServingStatus::ServiceUnknown => Err(unknown().into()),
            status => Ok(Response::new(answer(status))),
        }
    }

    /// Streams the state and each change of it. What is not known may become known later, so it is no error.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut state = self.state.state.subscribe();
        state.mark_changed();
        let service = request.into_inner().service;
        let watch = HealthWatch { service, state, shutdown: self.shutdown.clone(), told: None };
        let changes = stream::unfold(watch, async |mut watch| {
            let status = watch.next_change().await?;
            Some((Ok(answer(status)), watch))
        });
        Ok(Response::new(changes.boxed()))
    }
}

/// A watch of one service.
struct HealthWatch {
    service: String,
    state: watch::Receiver<ServingState>,
    shutdown: ShutdownSignal,
    /// What was told last.
    told: Option<ServingStatus>,
}

impl HealthWatch {
    /// The next status that differs from the one told last, or `None` at the end.
    async fn next_change(&mut self) -> Option<ServingStatus> {
        loop {
            tokio::select! {
                // The last change comes before the end.
                biased;
                changed = self.state.changed() => changed.ok()?,
                () = self.shutdown.clone().triggered() => return None,
            }
            let status = self.state.borrow_and_update().status(&self.service);
            if self.told.replace(status) != Some(status) {
                return Some(status);
            }
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

fn unknown() -> ApiError {
    let message = "the gateway has no service of this name: leave it empty, or name one of its services in full, such as \
                   `relevo.v1.MessageService`";
    ApiError::new(Code::NotFound, "SERVICE_UNKNOWN", message)
}
