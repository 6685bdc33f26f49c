//! The gateway put together from its parts: opens the store, binds the addresses, runs everything and stops it. Decides nothing.

mod backlog;
mod clock_health;
mod error;
mod parts;
mod receipt_observer;
mod shared_addresses;
mod store_health;
mod supervisor;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpListener;

use crate::api::{self, ApiServices, HealthState, ServiceDependencies};
use crate::clock::Clock;
use crate::config::Config;
use crate::dispatch::{
    ClockTrust, Dispatcher, Planner, ProviderQueues, ProviderRegistry, end_interrupted_incidents,
    purge_expired, record_all_incidents, record_incidents,
};
use crate::inbound::{self, InboundProcessor, WebhookRouter};
use crate::model::{Provider, ProviderControlChange};
use crate::store::CursorKey;
use crate::store::embedded::sled;
use backlog::BacklogCounter;
use supervisor::Supervisor;

pub use error::AppError;

/// A gateway with its store open and its address bound, ready to run.
pub struct Gateway {
    config: Config,
    clock: Clock,
    store: sled::SledHandle,
    listener: TcpListener,
    address: SocketAddr,
    inbound: Option<TcpListener>,
    mail: Option<TcpListener>,
    trusts_clock: bool,
}

impl Gateway {
    /// Opens the store and binds the address, so that whatever can be wrong is known before anything runs.
    ///
    /// # Errors
    /// When either cannot be done.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, AppError> {
        let (path, options) = (config.store.path.clone(), config.store.options());
        let store = tokio::task::spawn_blocking(move || sled::open(&path, options)).await??;
        let (listener, address) = listen(config.server.listen).await?;
        let (mut inbound, mut mail) = (None, None);
        if let Some(settings) = &config.inbound {
            inbound = Some(listen(settings.listen).await?.0);
            if let Some(settings) = &settings.mail {
                mail = Some(listen(settings.listen).await?.0);
            }
        }
        Ok(Self { config, clock, store, listener, address, inbound, mail, trusts_clock: false })
    }

    /// Believes the clock, however far it is past what the store knows.
    pub fn trust_clock(self) -> Self {
        Self { trusts_clock: true, ..self }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address on which webhooks are served, if any are.
    pub fn inbound_address(&self) -> Option<SocketAddr> {
        self.inbound.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The open store, for whoever has something to put into it before the gateway runs.
    pub fn stores(&self) -> &crate::store::Stores {
        &self.store.stores
    }

    /// Runs until `stop` resolves, then lets calls in flight end, on both sides, and closes the store. It does the same when a loop
    /// ends that it cannot do without. When `force` resolves meanwhile, it cuts calls off, and closes the store all the same.
    ///
    /// # Errors
    /// When a loop fails, the store's last flush does, or it was forced.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        force: impl Future<Output = ()>,
    ) -> Result<(), AppError> {
        shared_addresses::warn(self.store.stores.contacts.as_ref()).await?;
        let controls = self.store.stores.controls.controls().await?;
        // A full disk must not keep the gateway from what it is for; the next start ends them.
        if let Err(error) = end_interrupted_incidents(self.store.stores.incidents.as_ref()).await {
            tracing::warn!(%error, "incidents of before the start were not ended because the store failed");
        }
        let stop_delay = Duration::from_millis(self.config.server.stop_delay_ms);
        let known_time = self.store.stores.clock.known_time().await?.filter(|_| !self.trusts_clock);
        let clock_trust = ClockTrust::new(self.clock.clone(), known_time);
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let cursor_key = self.store.stores.messages.cursor_key(random).await?;
        let work = self.store.stores.work.clone();
        let backlog = BacklogCounter::new(self.config.clone(), work, self.clock.clone());
        let registry = self.registry(controls);
        let (mut supervisor, store, health) = self.start(registry.clone(), clock_trust, cursor_key);
        supervisor.spawn_background("the count of what waits", backlog.clone().run());
        let stop = async {
            stop.await;
            // Balancers look elsewhere before anything is refused.
            health.stop_serving();
            tokio::time::sleep(stop_delay).await;
        };
        let ended = tokio::select! {
            ended = supervisor.run(stop) => ended,
            () = force => Err(AppError::Forced),
        };
        // For whoever changes the configuration while nothing runs.
        if let Err(error) = backlog.count_and_record().await {
            tracing::debug!(%error, "what waits to be sent was not counted at the stop");
        }
        if let Err(error) = record_all_incidents(&registry, store.stores.incidents.as_ref()).await {
            tracing::warn!(%error, "incidents were not recorded at the stop because the store failed");
        }
        let closed = store.close().await;
        if let (Err(_), Err(error)) = (&ended, &closed) {
            tracing::error!(%error, "the store was not closed cleanly");
        }
        // Why the gateway stopped comes first: what became of the store may follow from it.
        ended?;
        Ok(closed?)
    }

    /// The providers, under the controls that operators last set.
    fn registry(&self, controls: Vec<ProviderControlChange>) -> ProviderRegistry {
        let providers: Vec<Provider> =
            self.config.providers.iter().map(|config| config.provider.clone()).collect();
        ProviderRegistry::new(providers, &self.config.health, controls)
    }

    /// Builds every room and starts its loops.
    fn start(
        self,
        registry: ProviderRegistry,
        clock_trust: ClockTrust,
        cursor_key: CursorKey,
    ) -> (Supervisor, sled::SledHandle, HealthState) {
        let Self { config, clock, store, listener, inbound, mail, .. } = self;
        let stores = store.stores.clone();
        let policies = Arc::new(config.brands.clone());
        let clients = parts::clients(&config.providers);
        let queues = ProviderQueues::new(&clients);
        let planner = Planner::new(
            stores.consents.clone(),
            policies.clone(),
            registry.clone(),
            config.retry.clone(),
            queues,
        );
        let dispatcher = Arc::new(Dispatcher::new(
            stores.work.clone(),
            stores.consents.clone(),
            planner.clone(),
            registry.clone(),
            clients,
            config.dispatch.clone(),
            clock_trust.clone(),
        ));
        let dependencies = ServiceDependencies {
            stores: stores.clone(),
            cursor_key,
            clock: clock.clone(),
            policies,
            registry: registry.clone(),
            planner,
            sandboxes: parts::sandboxes(&config.providers),
            telegram: parts::telegram_links(&config.providers),
        };
        let services = ApiServices::new(dependencies, &config.server);
        let health = services.health().clone();
        let processor = InboundProcessor::new(&stores, parts::inbound_directory(&config), clock.clone())
            .observed_by(Arc::new(registry.clone()));

        let mut supervisor = Supervisor::new();
        let (stopping, settings, tls) = (supervisor.stopping(), config.server.clone(), config.tls.clone());
        let serve = async move { api::serve(listener, services, &settings, tls.as_ref(), stopping).await };
        supervisor.spawn("the gRPC API", serve.map(Ok));
        let work = dispatcher.run(supervisor.stopping());
        supervisor.spawn("dispatch", work.map(Ok));
        start_inbound(&mut supervisor, &config, inbound, mail, &processor);
        let clock_watch = clock_health::report(clock_trust.subscribe(), health.clone());
        supervisor.spawn_background("the watch of the clock", clock_watch);
        let purge = purge_expired(stores.work, stores.clock, clock_trust, config.store.retention());
        supervisor.spawn_background("the purge of old records", purge);
        let record = record_incidents(registry, stores.incidents, clock);
        supervisor.spawn_background("the recording of incidents", record);
        supervisor.spawn_background("the writer of the store", store.writer_ended());
        let watch = store_health::report(stores.status, stores.controls, health.clone());
        supervisor.spawn_background("the watch of the store", watch);
        (supervisor, store, health)
    }
}

/// Starts whatever takes what providers report: the servers that have a listener, and the providers' own listeners.
fn start_inbound(
    supervisor: &mut Supervisor,
    config: &Config,
    webhooks: Option<TcpListener>,
    mail: Option<TcpListener>,
    processor: &InboundProcessor,
) {
    let router = WebhookRouter::new(parts::webhook_handlers(&config.providers), processor.clone());
    let settings = config.inbound.clone();
    let mail_settings = settings.as_ref().and_then(|settings| settings.mail.clone());
    if let Some((listener, settings)) = webhooks.zip(settings) {
        log_webhook_urls(&router, &settings);
        let serve = inbound::serve(listener, router.clone(), settings, supervisor.stopping());
        supervisor.spawn("the webhook server", serve.map(Ok));
    }
    if let Some((listener, settings)) = mail.zip(mail_settings) {
        let serve = inbound::serve_mail(listener, router, settings, supervisor.stopping());
        supervisor.spawn("the mail server", serve.map(Ok));
    }
    for (provider, listener) in parts::listeners(&config.providers) {
        let name = format!("the listener of provider {provider}");
        let sink = processor.event_sink(provider);
        supervisor.spawn_background(name, async move { listener.listen(&sink).await });
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Tells where each provider has to call.
fn log_webhook_urls(router: &WebhookRouter, settings: &inbound::InboundSettings) {
    for provider in router.providers() {
        let url = settings.url(provider.as_str());
        tracing::info!(provider.name = %provider, url, "the webhooks of a provider are served at this URL");
    }
}
