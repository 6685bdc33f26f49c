//! `ProviderService`: the health of providers, and the operator's control above it.

mod control;
mod view;
mod watch;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use super::Gate;
use super::access::ProviderAccess;
use super::auth::Caller;
use super::gate::MethodDescriptor;
use super::stream_limit::StreamLimiter;
use crate::clock::Clock;
use crate::dispatch::ProviderRegistry;
use crate::model::Scope;
use crate::store::ControlStore;
use crate::wire::v1;
use crate::wire::v1::provider_service_server::ProviderService;

/// The health of providers, and the operator's control above it.
#[derive(Clone)]
pub struct ProviderApi {
    gate: Gate,
    reach: ProviderAccess,
    board: ProviderRegistry,
    store: Arc<dyn ControlStore>,
    clock: Clock,
    watches: Arc<StreamLimiter>,
    /// Held while a control is changed, so that board and audit log agree on which change was the last.
    changing: Arc<Mutex<()>>,
}

const fn method(name: &'static str) -> MethodDescriptor {
    MethodDescriptor { name, scope: Scope::Operate }
}

const LIST: MethodDescriptor = method("relevo.v1.ProviderService/ListProviders");
const WATCH: MethodDescriptor = method("relevo.v1.ProviderService/WatchProviders");
const SET_CONTROL: MethodDescriptor = method("relevo.v1.ProviderService/SetProviderControl");
const LIST_CHANGES: MethodDescriptor = method("relevo.v1.ProviderService/ListProviderControlChanges");

impl ProviderApi {
    /// The service over this board and store. `watches` bounds all kinds of watches together.
    pub fn new(
        gate: Gate,
        reach: ProviderAccess,
        board: ProviderRegistry,
        store: Arc<dyn ControlStore>,
        clock: Clock,
        watches: Arc<StreamLimiter>,
    ) -> Self {
        Self { gate, reach, board, store, clock, watches, changing: Arc::default() }
    }

    /// The providers that `caller` sees, as they are now.
    fn seen(&self, caller: &Caller) -> Vec<v1::Provider> {
        let statuses = self.board.statuses(self.clock.now()).into_iter();
        statuses.filter(|own| ProviderAccess::is_visible(caller, &own.provider)).map(view::provider).collect()
    }
}

#[tonic::async_trait]
impl ProviderService for ProviderApi {
    type WatchProvidersStream = BoxStream<'static, Result<v1::WatchProvidersResponse, Status>>;

    async fn list_providers(
        &self,
        request: Request<v1::ListProvidersRequest>,
    ) -> Result<Response<v1::ListProvidersResponse>, Status> {
        let body = |caller, _| async move { Ok(v1::ListProvidersResponse { providers: self.seen(&caller) }) };
        self.gate.any(LIST, request, body).await
    }

    async fn watch_providers(
        &self,
        request: Request<v1::WatchProvidersRequest>,
    ) -> Result<Response<Self::WatchProvidersStream>, Status> {
        let body = |caller, _| async move { self.clone().watch(caller) };
        self.gate.any(WATCH, request, body).await
    }

    async fn set_provider_control(
        &self,
        request: Request<v1::SetProviderControlRequest>,
    ) -> Result<Response<v1::SetProviderControlResponse>, Status> {
        let body = |caller, request| async move { self.set_control(&caller, request).await };
        self.gate.any(SET_CONTROL, request, body).await
    }

    async fn list_provider_control_changes(
        &self,
        request: Request<v1::ListProviderControlChangesRequest>,
    ) -> Result<Response<v1::ListProviderControlChangesResponse>, Status> {
        let body = |caller, request| async move { self.list_changes(&caller, request).await };
        self.gate.any(LIST_CHANGES, request, body).await
    }
}
