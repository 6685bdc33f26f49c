//! `ProviderService`: the health of providers, and the operator's control above it.

mod control;
mod view;
mod watch;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use super::access::ProviderAccess;
use super::caller::{Call, Caller};
use super::sealer::TokenSealer;
use super::stream_session::StreamSessions;
use crate::clock::Clock;
use crate::dispatch::{ProviderRegistry, ProviderStatus};
use crate::store::ControlStore;
use crate::wire::v1;
use crate::wire::v1::provider_service_server::ProviderService;

/// Implements `ProviderService`.
#[derive(Clone)]
pub struct ProviderApi {
    access: ProviderAccess,
    registry: ProviderRegistry,
    store: Arc<dyn ControlStore>,
    tokens: Arc<TokenSealer>,
    clock: Clock,
    watches: StreamSessions,
    /// Held while a control is changed, so that the registry and the audit log agree on which change was the last.
    changing: Arc<Mutex<()>>,
}

impl ProviderApi {
    /// The service over this registry and store. `tokens` seals page tokens, `watches` opens WatchProviders calls.
    pub fn new(
        access: ProviderAccess,
        registry: ProviderRegistry,
        store: Arc<dyn ControlStore>,
        tokens: Arc<TokenSealer>,
        clock: Clock,
        watches: StreamSessions,
    ) -> Self {
        Self { access, registry, store, tokens, clock, watches, changing: Arc::default() }
    }

    /// The providers that `caller` sees, as they are now.
    fn visible_to(&self, caller: &Caller) -> Vec<v1::Provider> {
        let statuses = self.registry.statuses(self.clock.moment()).into_iter();
        let visible = statuses.filter(|status| ProviderAccess::is_visible(caller, &status.provider));
        visible.map(|status| self.view(caller, status)).collect()
    }

    /// A provider as `caller` may see it.
    fn view(&self, caller: &Caller, status: ProviderStatus) -> v1::Provider {
        let own_sender = self.access.own_sender(caller, &status.provider).map(str::to_owned);
        view::provider(caller, own_sender.as_deref(), status)
    }
}

#[tonic::async_trait]
impl ProviderService for ProviderApi {
    type WatchProvidersStream = BoxStream<'static, Result<v1::WatchProvidersResponse, Status>>;

    async fn list_providers(
        &self,
        request: Request<v1::ListProvidersRequest>,
    ) -> Result<Response<v1::ListProvidersResponse>, Status> {
        let (caller, _) = Caller::from_request(request)?;
        Ok(Response::new(v1::ListProvidersResponse { providers: self.visible_to(&caller) }))
    }

    async fn watch_providers(
        &self,
        request: Request<v1::WatchProvidersRequest>,
    ) -> Result<Response<Self::WatchProvidersStream>, Status> {
        Ok(Response::new(self.clone().watch(Call::of(&request)?)?))
    }

    async fn set_provider_control(
        &self,
        request: Request<v1::SetProviderControlRequest>,
    ) -> Result<Response<v1::SetProviderControlResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.set_control(&caller, request).await?))
    }

    async fn list_provider_control_changes(
        &self,
        request: Request<v1::ListProviderControlChangesRequest>,
    ) -> Result<Response<v1::ListProviderControlChangesResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.list_changes(&caller, request).await?))
    }
}
