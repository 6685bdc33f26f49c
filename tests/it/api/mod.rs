//! The gRPC API over a real socket, with the store in memory. Nothing is dispatched here.

mod auth;
mod consents;
mod contacts;
mod held;
mod history;
mod incidents;
mod keys;
mod list;
mod logs;
mod preferences;
mod providers;
mod sandbox;
mod send;
mod server;
mod stream;
mod tls;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use relevo::adapters::sandbox::{Sandbox, Sandboxes};
use relevo::adapters::telegram::bot::{self, TelegramLinkSigner};
use relevo::api::server::serve;
use relevo::api::services::{ApiServices, ServiceDependencies};
use relevo::api::{ApiSettings, ServerTls, token};
use relevo::clock::Clock;
use relevo::dispatch::{BrandPolicies, Planner, ProviderQueues, ProviderRegistry};
use relevo::model::{Channel, KeyId, KeyScope, Provider, ProviderName, Timestamp};
use relevo::routing::{BrandPolicy, BrandSettings, RetrySettings};
use relevo::secret::Secret;
use relevo::store::Stores;
use relevo::wire::v1;
use relevo::wire::v1::consent_service_client::ConsentServiceClient;
use relevo::wire::v1::contact_service_client::ContactServiceClient;
use relevo::wire::v1::incident_service_client::IncidentServiceClient;
use relevo::wire::v1::key_service_client::KeyServiceClient;
use relevo::wire::v1::message_service_client::MessageServiceClient;
use relevo::wire::v1::provider_service_client::ProviderServiceClient;
use relevo::wire::v1::sandbox_service_client::SandboxServiceClient;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel as Connection, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// The time at which every test starts.
const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// When a test that waits for something gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway's API with the brands `acme` (in Spain) and `globex`.
struct Gateway {
    stores: Stores,
    board: ProviderRegistry,
    sandboxes: Sandboxes,
    clock: Clock,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// Puts a key into each call's metadata.
#[derive(Clone)]
pub struct Bearer(pub Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A connection that presents a key.
pub type Client = InterceptedService<Connection, Bearer>;

impl Gateway {
    async fn start() -> Self {
        Self::with(Stores::memory(), ApiSettings::default()).await
    }

    async fn with(stores: Stores, settings: ApiSettings) -> Self {
        let clock = Clock::simulated(START, 7);
        let board =
            ProviderRegistry::new(providers(), &relevo::health::HealthSettings::default(), Vec::new());
        let sandboxes: Sandboxes =
            board.providers().iter().map(|provider| (provider, Sandbox::new(Duration::ZERO, None))).collect();
        let policies = Arc::new(policies());
        let retry = RetrySettings::default();
        let planner = Planner::new(
            stores.consents.clone(),
            policies.clone(),
            board.clone(),
            retry,
            ProviderQueues::default(),
        );
        let rooms = ServiceDependencies {
            stores: stores.clone(),
            cursor_key: stores.messages.cursor_key([7; 32]).await.unwrap(),
            clock: clock.clone(),
            policies,
            registry: board.clone(),
            planner,
            sandboxes: sandboxes.clone(),
            telegram: bots(&["bot-acme", "bot-shared"]),
        };
        let tls = settings.tls.as_ref().map(|tls| ServerTls::read(tls, clock.now()).unwrap());
        let services = ApiServices::new(rooms, &settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            serve(listener, services, &settings, tls.as_ref(), shutdown).await
        });
        Self { stores, board, sandboxes, clock, address, stop, server }
    }

    /// A new key of a brand, or of the gateway.
    async fn key(&self, brand: Option<&str>, scopes: &[KeyScope]) -> String {
        let brand = brand.map(|name| name.parse().unwrap());
        let (key, secret) =
            token::create_key(brand, scopes.to_vec(), "test".into(), self.clock.now()).unwrap();
        assert!(self.stores.keys.create_key(key, u64::MAX).await.unwrap());
        secret.expose().to_owned()
    }

    /// A new key of `acme` that may do everything.
    async fn acme(&self) -> String {
        self.key(Some("acme"), &[KeyScope::Admin]).await
    }

    /// A new key of `globex` that may do everything.
    async fn globex(&self) -> String {
        self.key(Some("globex"), &[KeyScope::Admin]).await
    }

    fn client(&self, key: &str) -> Client {
        self.client_with(Some(&format!("Bearer {key}")))
    }

    fn client_with(&self, authorization: Option<&str>) -> Client {
        let connection = Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy();
        InterceptedService::new(connection, Bearer(authorization.map(|text| text.parse().unwrap())))
    }

    fn messages(&self, key: &str) -> MessageServiceClient<Client> {
        MessageServiceClient::new(self.client(key))
    }

    fn contacts(&self, key: &str) -> ContactServiceClient<Client> {
        ContactServiceClient::new(self.client(key))
    }

    fn consents(&self, key: &str) -> ConsentServiceClient<Client> {
        ConsentServiceClient::new(self.client(key))
    }

    fn providers(&self, key: &str) -> ProviderServiceClient<Client> {
        ProviderServiceClient::new(self.client(key))
    }

    fn incidents(&self, key: &str) -> IncidentServiceClient<Client> {
        IncidentServiceClient::new(self.client(key))
    }

    fn keys(&self, key: &str) -> KeyServiceClient<Client> {
        KeyServiceClient::new(self.client(key))
    }

    fn sandbox(&self, key: &str) -> SandboxServiceClient<Client> {
        SandboxServiceClient::new(self.client(key))
    }

    /// Creates the contact `ana` of the key's brand, with an email address and a phone number.
    async fn ana(&self, key: &str) {
        let addresses = vec![email("ana@example.com"), phone("600 123 456")];
        let contact = Some(contact("ana", addresses));
        let request = v1::UpsertContactRequest { contact, update_mask: None };
        self.contacts(key).upsert_contact(request).await.unwrap();
    }
}

fn policies() -> BrandPolicies {
    let policy = |default_country: Option<&str>| {
        let default_country = default_country.map(str::to_owned);
        BrandPolicy::try_new(&BrandSettings { default_country, ..BrandSettings::default() }).unwrap()
    };
    BTreeMap::from([
        ("acme".parse().unwrap(), policy(Some("ES"))),
        ("globex".parse().unwrap(), policy(Some("ES"))),
    ])
}

/// Providers that all brands share, and some of each brand alone.
fn providers() -> Vec<Provider> {
    let provider = |name: &str, channel, brands: &[&str]| Provider {
        name: name.parse().unwrap(),
        channel,
        kind: "sandbox".into(),
        failure_domain: "lab".into(),
        tier: 1,
        weight: 1,
        brands: brands.iter().map(|name| name.parse().unwrap()).collect(),
        senders: BTreeMap::new(),
        user_ids_of: None,
        repeat_window: None,
    };
    vec![
        provider("sms-shared", Channel::Sms, &[]),
        provider("email-acme", Channel::Email, &["acme"]),
        provider("email-globex", Channel::Email, &["globex"]),
        provider("bot-acme", Channel::Telegram, &["acme"]),
        provider("bot-shared", Channel::Telegram, &[]),
    ]
}

/// What makes links to the bots of these providers.
pub fn bots(names: &[&str]) -> BTreeMap<ProviderName, TelegramLinkSigner> {
    let settings = bot::TelegramSettings {
        token: Secret::new("1234567890:the-secret-of-a-bot"),
        base_url: "https://telegram.example.com".into(),
        disable_notification: false,
        bot_username: Some("shop_bot".into()),
        webhook_secret: None,
        polling: false,
    };
    names.iter().map(|name| (name.parse().unwrap(), settings.links().unwrap())).collect()
}

/// An email address.
pub fn email(text: &str) -> v1::Address {
    v1::Address { value: Some(v1::address::Value::Email(text.into())) }
}

/// A phone number.
pub fn phone(text: &str) -> v1::Address {
    v1::Address { value: Some(v1::address::Value::Phone(text.into())) }
}

/// A contact with these addresses.
pub fn contact(id: &str, addresses: Vec<v1::Address>) -> v1::Contact {
    let contact_address = |address| v1::ContactAddress { address: Some(address), ..Default::default() };
    let addresses = addresses.into_iter().map(contact_address).collect();
    v1::Contact { contact_id: id.into(), addresses, ..v1::Contact::default() }
}

/// A transactional text to the contact `ana`.
fn spec(text: &str) -> v1::MessageSpec {
    v1::MessageSpec {
        recipient: Some(v1::message_spec::Recipient::ContactId("ana".into())),
        message_class: v1::MessageClass::Transactional.into(),
        topic: "orders".into(),
        content: Some(v1::Content { text: text.into(), ..v1::Content::default() }),
        ..v1::MessageSpec::default()
    }
}

/// Asks to send it.
pub fn send(spec: v1::MessageSpec) -> v1::SendRequest {
    v1::SendRequest { message: Some(spec) }
}

/// The public part of a key.
fn key_id(key: &str) -> KeyId {
    key.split('_').nth(1).unwrap().parse().unwrap()
}

/// The code of a failure and its reason.
fn code_and_reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("the call should fail");
    let details = status.get_error_details();
    let info = details.error_info().expect("every error tells its reason");
    assert_eq!(info.domain, "relevo");
    assert!(status.message().contains(": "), "says what to do: {}", status.message());
    (status.code(), info.reason.clone())
}

fn expected(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

/// A whole failure as text, for snapshots. Random ids are told by name: `(id, name)`.
fn error_text<T: std::fmt::Debug>(answer: Result<T, Status>, ids: &[(&str, &str)]) -> String {
    let status = answer.expect_err("the call should fail");
    let details = status.get_error_details();
    let mut text = format!("{:?}: {}\n", status.code(), status.message());
    if let Some(info) = details.error_info() {
        let metadata: BTreeMap<_, _> = info.metadata.iter().collect();
        writeln!(text, "{} {} {metadata:?}", info.domain, info.reason).unwrap();
    }
    for violation in
        details.bad_request().map(|violation| violation.field_violations.clone()).unwrap_or_default()
    {
        writeln!(text, "- {}: {}", violation.field, violation.description).unwrap();
    }
    ids.iter().fold(text, |text, (id, name)| text.replace(id, name))
}
