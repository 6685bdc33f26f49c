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
    serving: Arc<watch::Sender<bool>>,
}

/// The health service.
pub struct HealthApi {
    state: HealthState,
    shutdown: ShutdownSignal,
}

impl HealthState {
    /// The state of a gateway that serves.
    pub fn new() -> Self {
        Self { serving: Arc::new(watch::Sender::new(true)) }
    }

    /// The gateway is about to stop: whoever can should call another.
    pub fn stop_serving(&self) {
        self.serving.send_replace(false);
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
        Ok(Response::new(answer(status(*self.state.serving.borrow()))))
    }

    /// Streams the state and each change of it. What is not known may become known later, so it is no error.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut serving = self.state.serving.subscribe();
        serving.mark_changed();
        let is_known = is_known(&request.get_ref().service);
        let shutdown = self.shutdown.clone();
        let changes = stream::unfold((serving, shutdown), move |(mut serving, shutdown)| async move {
            tokio::select! {
                // The last change comes before the end.
                biased;
                changed = serving.changed() => changed.ok()?,
                () = shutdown.clone().triggered() => return None,
            }
            let serves = *serving.borrow_and_update();
            let status = if is_known { status(serves) } else { ServingStatus::ServiceUnknown };
            Some((Ok(answer(status)), (serving, shutdown)))
        });
        Ok(Response::new(changes.boxed()))
    }
}

/// The empty name is that of the gateway as a whole.
fn is_known(service: &str) -> bool {
    service.is_empty() || methods::services().any(|known| known == service)
}

fn status(serves: bool) -> ServingStatus {
    if serves { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

fn unknown() -> ApiError {
    let message = "the gateway has no service of this name: leave it empty, or name one of its services in full, such as \
                   `relevo.v1.MessageService`";
    ApiError::new(Code::NotFound, "SERVICE_UNKNOWN", message)
}
