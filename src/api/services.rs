//! All services of the API, built over what they depend on, each behind the guard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::service::Routes;

use super::access::ProviderAccess;
use super::auth::Authenticator;
use super::consents::ConsentApi;
use super::contacts::{ContactApi, TelegramLinkIssuer};
use super::guard::CallGuard;
use super::keys::KeyApi;
use super::messages::MessageApi;
use super::providers::ProviderApi;
use super::sandbox::SandboxApi;
use super::settings::ApiSettings;
use super::shutdown::ShutdownSignal;
use super::stream_session::StreamSessions;
use crate::adapters::sandbox::Sandboxes;
use crate::adapters::telegram::bot::TelegramLinkSigner;
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

/// What the services depend on.
pub struct ServiceDependencies {
    /// The store.
    pub stores: Stores,
    /// The time.
    pub clock: Clock,
    /// The brands of the configuration, with their policies.
    pub policies: Arc<BrandPolicies>,
    /// The providers and their health.
    pub registry: ProviderRegistry,
    /// Plans messages, for ExplainRoute and CheckConsent.
    pub planner: Planner,
    /// The providers that are sandboxes.
    pub sandboxes: Sandboxes,
    /// Builds links to the Telegram bots whose names are known.
    pub telegram: BTreeMap<ProviderName, TelegramLinkSigner>,
}

/// All services of the API.
pub struct ApiServices {
    guard: CallGuard,
    shutdown: ShutdownSignal,
    messages: MessageApi,
    contacts: ContactApi,
    consents: ConsentApi,
    keys: KeyApi,
    providers: ProviderApi,
    sandbox: Option<SandboxApi>,
}

impl ApiServices {
    /// The services over what they depend on.
    pub fn new(dependencies: ServiceDependencies, settings: &ApiSettings) -> Self {
        let ServiceDependencies { stores, clock, policies, registry, planner, sandboxes, telegram } =
            dependencies;
        let (authenticator, shutdown) = (Authenticator::new(Arc::clone(&stores.keys)), ShutdownSignal::new());
        let streams = |max| StreamSessions::new(authenticator.clone(), shutdown.clone(), max);
        let send_streams = streams(settings.max_send_streams_per_key);
        // Watches of messages and of providers count together.
        let watches = streams(settings.max_watches_per_key);
        let access = ProviderAccess::new(registry.clone(), &policies);
        let links = TelegramLinkIssuer::new(access.clone(), telegram, stores.links.clone(), clock.clone());
        Self {
            messages: MessageApi::new(
                &stores,
                planner.clone(),
                clock.clone(),
                send_streams,
                watches.clone(),
                settings,
            ),
            contacts: ContactApi::new(stores.contacts, links, clock.clone()),
            consents: ConsentApi::new(stores.consents, planner, clock.clone()),
            providers: ProviderApi::new(access.clone(), registry, stores.controls, clock.clone(), watches),
            sandbox: (!sandboxes.is_empty()).then(|| SandboxApi::new(access, sandboxes)),
            keys: KeyApi::new(Arc::clone(&policies), stores.keys, clock),
            guard: CallGuard::new(
                authenticator,
                policies,
                shutdown.clone(),
                Duration::from_millis(settings.request_timeout_ms),
            ),
            shutdown,
        }
    }

    /// The signal that ends all streams and refuses further calls.
    pub(super) fn shutdown(&self) -> &ShutdownSignal {
        &self.shutdown
    }

    /// All services behind the guard, taking requests of at most `max_bytes`.
    pub(super) fn into_routes(self, max_bytes: usize) -> Routes {
        let messages = MessageServiceServer::new(self.messages).max_decoding_message_size(max_bytes);
        let contacts = ContactServiceServer::new(self.contacts).max_decoding_message_size(max_bytes);
        let consents = ConsentServiceServer::new(self.consents).max_decoding_message_size(max_bytes);
        let providers = ProviderServiceServer::new(self.providers).max_decoding_message_size(max_bytes);
        let keys = KeyServiceServer::new(self.keys).max_decoding_message_size(max_bytes);
        let sandbox = self.sandbox.map(SandboxServiceServer::new);
        let sandbox = sandbox.map(|sandbox| sandbox.max_decoding_message_size(max_bytes));
        let mut routes = Routes::builder();
        routes
            .add_service(self.guard.protect(messages))
            .add_service(self.guard.protect(contacts))
            .add_service(self.guard.protect(consents))
            .add_service(self.guard.protect(providers))
            .add_service(self.guard.protect(keys));
        if let Some(sandbox) = sandbox {
            routes.add_service(self.guard.protect(sandbox));
        }
        routes.routes()
    }
}
