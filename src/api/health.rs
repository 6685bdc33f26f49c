//! The health service of gRPC, for balancers, orchestrators and clients: the gateway serves all of its services, or none.
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
}

impl ServingState {
    fn status(self) -> ServingStatus {
        if self.is_store_open && !self.is_stopping {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
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
        Self { state: Arc::new(watch::Sender::new(ServingState { is_stopping: false, is_store_open: true })) }
    }

    /// The gateway is about to stop: whoever can should call another.
    pub fn stop_serving(&self) {
        self.change(|state| state.is_stopping = true);
    }

    /// The store is open, or is closed because its disk failed.
    pub fn set_store_open(&self, is_open: bool) {
        self.change(|state| state.is_store_open = is_open);
    }

    fn change(&self, change: impl FnOnce(&mut ServingState)) {
        self.state.send_if_modified(|state| {
            let before = *state;
            change(state);
            state.status() != before.status()
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
        if !is_known(&request.get_ref().service) {
            return Err(unknown().into());
        }
        Ok(Response::new(answer(self.state.state.borrow().status())))
    }

    /// Streams the state and each change of it. What is not known may become known later, so it is no error.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut state = self.state.state.subscribe();
        state.mark_changed();
        let is_known = is_known(&request.get_ref().service);
        let shutdown = self.shutdown.clone();
        let changes = stream::unfold((state, shutdown), move |(mut state, shutdown)| async move {
            tokio::select! {
                // The last change comes before the end.
                biased;
                changed = state.changed() => changed.ok()?,
                () = shutdown.clone().triggered() => return None,
            }
            let serving = state.borrow_and_update().status();
            let status = if is_known { serving } else { ServingStatus::ServiceUnknown };
            Some((Ok(answer(status)), (state, shutdown)))
        });
        Ok(Response::new(changes.boxed()))
    }
}

/// The empty name is that of the gateway as a whole.
fn is_known(service: &str) -> bool {
    service.is_empty() || methods::services().any(|known| known == service)
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

fn unknown() -> ApiError {
    let message = "the gateway has no service of this name: leave it empty, or name one of its services in full, such as \
                   `relevo.v1.MessageService`";
    ApiError::new(Code::NotFound, "SERVICE_UNKNOWN", message)
}
