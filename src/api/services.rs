//! All services of the API, built over what they depend on, each behind the guard.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use super::access::ProviderAccess;
use super::auth::Authenticator;
use super::consents::ConsentApi;
use super::contacts::{ContactApi, TelegramLinkIssuer};
use super::guard::{CallBounds, CallGuard};
use super::health::{HealthApi, HealthState};
use super::incidents::IncidentApi;
use super::keys::KeyApi;
use super::messages::{CursorSealer, MessageApi};
use super::providers::ProviderApi;
use super::public::PublicGuard;
use super::sandbox::SandboxApi;
use super::sealer::TokenSealer;
use super::settings::ApiSettings;
use super::shutdown::ShutdownSignal;
use super::stream_session::StreamSessions;
use crate::adapters::sandbox::Sandboxes;
use crate::adapters::telegram::bot::TelegramLinkSigner;
use crate::clock::Clock;
use crate::dispatch::{BrandPolicies, Planner, ProviderRegistry};
use crate::model::ProviderName;
use crate::store::{CursorKey, Stores};
use crate::wire::DESCRIPTORS;
use crate::wire::v1::consent_service_server::ConsentServiceServer;
use crate::wire::v1::contact_service_server::ContactServiceServer;
use crate::wire::v1::incident_service_server::IncidentServiceServer;
use crate::wire::v1::key_service_server::KeyServiceServer;
use crate::wire::v1::message_service_server::MessageServiceServer;
use crate::wire::v1::provider_service_server::ProviderServiceServer;
use crate::wire::v1::sandbox_service_server::SandboxServiceServer;

/// What the services depend on.
pub struct ServiceDependencies {
    /// The store.
    pub stores: Stores,
    /// The store's key of cursors, by which page tokens are sealed too.
    pub cursor_key: CursorKey,
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
    health: HealthState,
    shutdown: ShutdownSignal,
    messages: MessageApi,
    contacts: ContactApi,
    consents: ConsentApi,
    keys: KeyApi,
    providers: ProviderApi,
    incidents: IncidentApi,
    sandbox: Option<SandboxApi>,
}

impl ApiServices {
    /// The services over what they depend on.
    pub fn new(dependencies: ServiceDependencies, settings: &ApiSettings) -> Self {
        let ServiceDependencies {
            stores,
            cursor_key,
            clock,
            policies,
            registry,
            planner,
            sandboxes,
            telegram,
        } = dependencies;
        let tokens = Arc::new(TokenSealer::new(&cursor_key.secret));
        let (authenticator, shutdown) = (Authenticator::new(Arc::clone(&stores.keys)), ShutdownSignal::new());
        let streams = |limits| StreamSessions::new(authenticator.clone(), shutdown.clone(), limits);
        let send_streams = streams(settings.send_stream_limits());
        // Watches of messages and of providers count together.
        let watches = streams(settings.watch_limits());
        let access = ProviderAccess::new(registry.clone(), policies.clone());
        let links = TelegramLinkIssuer::new(access.clone(), telegram, stores.links.clone(), clock.clone());
        Self {
            messages: MessageApi::new(
                &stores,
                CursorSealer::new(Arc::clone(&tokens), cursor_key.last_plain),
                planner.clone(),
                clock.clone(),
                send_streams,
                watches.clone(),
                settings,
            ),
            contacts: ContactApi::new(stores.contacts, Arc::clone(&tokens), links, clock.clone()),
            consents: ConsentApi::new(stores.consents, Arc::clone(&tokens), planner, clock.clone()),
            incidents: IncidentApi::new(
                access.clone(),
                registry.incidents().clone(),
                stores.incidents,
                Arc::clone(&tokens),
            ),
            providers: ProviderApi::new(
                access.clone(),
                registry,
                stores.controls,
                Arc::clone(&tokens),
                clock.clone(),
                watches,
            ),
            sandbox: (!sandboxes.is_empty()).then(|| SandboxApi::new(access, sandboxes)),
            keys: KeyApi::new(Arc::clone(&policies), stores.keys, tokens, settings.max_keys_per_brand, clock),
            guard: CallGuard::new(authenticator, policies, shutdown.clone(), CallBounds::new(settings)),
            health: HealthState::new(),
            shutdown,
        }
    }

    /// The signal that ends all streams and refuses further calls.
    pub(super) fn shutdown(&self) -> &ShutdownSignal {
        &self.shutdown
    }

    /// What the health service tells.
    pub fn health(&self) -> &HealthState {
        &self.health
    }

    /// All services, each behind its guard.
    pub(super) fn into_routes(self, settings: &ApiSettings) -> Routes {
        // Each takes messages as large as allowed, compressed or not: a compressed one is as large as what comes out of it.
        macro_rules! server {
            ($server:ident, $api:expr) => {
                $server::new($api)
                    .max_decoding_message_size(settings.max_message_bytes)
                    .accept_compressed(CompressionEncoding::Gzip)
            };
        }
        let health = HealthServer::new(HealthApi::new(self.health, self.shutdown));
        let mut routes = Routes::builder();
        routes
            .add_service(self.guard.protect(server!(MessageServiceServer, self.messages)))
            .add_service(self.guard.protect(server!(ContactServiceServer, self.contacts)))
            .add_service(self.guard.protect(server!(ConsentServiceServer, self.consents)))
            .add_service(self.guard.protect(server!(ProviderServiceServer, self.providers)))
            .add_service(self.guard.protect(server!(IncidentServiceServer, self.incidents)))
            .add_service(self.guard.protect(server!(KeyServiceServer, self.keys)))
            .add_service(PublicGuard::of_health(settings).protect(health));
        if let Some(sandbox) = self.sandbox {
            routes.add_service(self.guard.protect(server!(SandboxServiceServer, sandbox)));
        }
        if settings.reflection {
            let guard = PublicGuard::of_reflection(settings);
            routes
                .add_service(guard.protect(reflection().build_v1().expect(VALID)))
                .add_service(guard.protect(reflection().build_v1alpha().expect(VALID)));
        }
        routes.routes()
    }
}

const VALID: &str = "the descriptors were made when the program was built";

/// The reflection service, by which tools such as grpcurl learn the services, the methods and what an error's details mean.
/// Both versions of its protocol are in use.
fn reflection<'a>() -> tonic_reflection::server::Builder<'a> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}
