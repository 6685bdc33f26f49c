//! All services of the API, built over the rooms they hand on to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::service::Routes;

use super::access::ProviderAccess;
use super::consents::ConsentApi;
use super::contacts::{ContactApi, TelegramLinkCreator};
use super::keys::KeyApi;
use super::messages::MessageApi;
use super::providers::ProviderApi;
use super::sandbox::SandboxApi;
use super::settings::ApiSettings;
use super::stream_limit::StreamLimiter;
use super::{Gate, ShutdownSignal};
use crate::adapters::sandbox::Sandboxes;
use crate::adapters::telegram::bot::TelegramLinkBuilder;
use crate::clock::Clock;
use crate::dispatch::{BrandPolicies, Planner, ProviderRegistry};
use crate::model::ProviderName;
use crate::store::Stores;
use crate::wire::v1::consent_service_server::ConsentServiceServer;
use crate::wire::v1::contact_service_server::ContactServiceServer;
use crate::wire::v1::key_service_server::KeyServiceServer;
use crate::wire::v1::message_service_server::MessageServiceServer;
use crate::wire::v1::provider_service_server::ProviderServiceServer;
use crate::wire::v1::sandbox_service_server::SandboxServiceServer;

/// What the services hand on to.
pub struct ServiceDependencies {
    /// The store.
    pub stores: Stores,
    /// The time.
    pub clock: Clock,
    /// The brands of the configuration, with their policies.
    pub policies: Arc<BrandPolicies>,
    /// The providers and their health.
    pub board: ProviderRegistry,
    /// What decides, for those who ask what it would decide.
    pub planner: Planner,
    /// The providers that are sandboxes.
    pub sandboxes: Sandboxes,
    /// What makes links to the bots whose names are known.
    pub telegram: BTreeMap<ProviderName, TelegramLinkBuilder>,
}

/// All services of the API.
pub struct ApiServices {
    stop: ShutdownSignal,
    messages: MessageApi,
    contacts: ContactApi,
    consents: ConsentApi,
    keys: KeyApi,
    providers: ProviderApi,
    sandbox: Option<SandboxApi>,
}

impl ApiServices {
    /// The services over these rooms.
    pub fn new(rooms: ServiceDependencies, settings: &ApiSettings) -> Self {
        let ServiceDependencies { stores, clock, policies, board, planner, sandboxes, telegram } = rooms;
        let stop = ShutdownSignal::new();
        let reach = ProviderAccess::new(board.clone(), &policies);
        let timeout = Duration::from_millis(settings.request_timeout_ms);
        let gate = Gate::new(Arc::clone(&stores.keys), policies, stop.clone(), timeout);
        let watches = StreamLimiter::new(settings.max_watches_per_key);
        Self {
            messages: MessageApi::new(
                gate.clone(),
                &stores,
                planner.clone(),
                clock.clone(),
                Arc::clone(&watches),
                settings,
            ),
            contacts: ContactApi::new(
                gate.clone(),
                stores.contacts,
                TelegramLinkCreator::new(reach.clone(), telegram, stores.links, clock.clone()),
                clock.clone(),
            ),
            consents: ConsentApi::new(gate.clone(), stores.consents, planner, clock.clone()),
            providers: ProviderApi::new(
                gate.clone(),
                reach.clone(),
                board,
                stores.controls,
                clock.clone(),
                watches,
            ),
            sandbox: (!sandboxes.is_empty()).then(|| SandboxApi::new(gate.clone(), reach, sandboxes)),
            keys: KeyApi::new(gate, stores.keys, clock),
            stop,
        }
    }

    /// The flag that ends all streams.
    pub(super) fn stop(&self) -> &ShutdownSignal {
        &self.stop
    }

    pub(super) fn into_routes(self, max_bytes: usize) -> Routes {
        let sandbox = self.sandbox.map(SandboxServiceServer::new);
        let routes =
            Routes::new(MessageServiceServer::new(self.messages).max_decoding_message_size(max_bytes))
                .add_service(ContactServiceServer::new(self.contacts).max_decoding_message_size(max_bytes))
                .add_service(ConsentServiceServer::new(self.consents).max_decoding_message_size(max_bytes))
                .add_service(ProviderServiceServer::new(self.providers).max_decoding_message_size(max_bytes))
                .add_service(KeyServiceServer::new(self.keys).max_decoding_message_size(max_bytes));
        match sandbox {
            Some(sandbox) => routes.add_service(sandbox.max_decoding_message_size(max_bytes)),
            None => routes,
        }
    }
}
