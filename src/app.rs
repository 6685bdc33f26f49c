//! The gateway put together from its parts: opens the store, binds the addresses, runs everything and stops it. Decides nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::adapters::EventListener;
use crate::adapters::sandbox::Sandboxes;
use crate::adapters::telegram::bot::TelegramLinkSigner;
use crate::adapters::webhooks::WebhookHandler;
use crate::api::{self, ApiServices, ServeError, ServiceDependencies};
use crate::clock::Clock;
use crate::config::{Config, ProviderConfig};
use crate::dispatch::{Dispatcher, Planner, ProviderClient, ProviderRegistry, purge_expired};
use crate::inbound::{self, InboundDirectory, InboundProcessor, InboundSource, WebhookRouter};
use crate::model::{Provider, ProviderName};
use crate::store::StoreError;
use crate::store::embedded::sled;

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be opened or closed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address to listen on cannot be had.
    #[error(
        "cannot listen on {address}: {source}; is it in use? server.listen in the configuration sets another"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The API failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The thread that opened the store did not come back.
    #[error("opening the store failed: {0}")]
    Open(#[from] tokio::task::JoinError),
}

/// A gateway with its store open and its address bound, ready to run.
pub struct Gateway {
    config: Config,
    clock: Clock,
    store: sled::SledHandle,
    listener: TcpListener,
    address: SocketAddr,
    inbound: Option<TcpListener>,
    mail: Option<TcpListener>,
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
        Ok(Self { config, clock, store, listener, address, inbound, mail })
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

    /// Runs until `stop` resolves, then lets calls in flight end, on both sides, and closes the store.
    ///
    /// # Errors
    /// When the API fails, or the store's last flush does.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let Self { config, clock, store, listener, inbound, mail, .. } = self;
        let stores = store.stores.clone();
        let providers: Vec<Provider> =
            config.providers.iter().map(|config| config.provider.clone()).collect();
        let registry = ProviderRegistry::new(providers, &config.health, stores.controls.controls().await?);
        let policies = Arc::new(config.brands.clone());
        let planner =
            Planner::new(stores.consents.clone(), policies.clone(), registry.clone(), config.retry.clone());
        let dispatcher = Arc::new(Dispatcher::new(
            stores.work.clone(),
            stores.consents.clone(),
            planner.clone(),
            registry.clone(),
            clients(&config.providers),
            config.dispatch.clone(),
            clock.clone(),
        ));
        let dependencies = ServiceDependencies {
            stores: stores.clone(),
            clock: clock.clone(),
            policies,
            registry,
            planner,
            sandboxes: sandboxes(&config.providers),
            telegram: telegram_links(&config.providers),
        };
        let services = ApiServices::new(dependencies, &config.server);

        let (stopping, stopped) = watch::channel(false);
        let serve =
            api::serve(listener, services, &config.server, config.tls.as_ref(), flag_raised(stopped.clone()));
        let serve = async {
            let served = serve.await;
            // By itself the API ends only when it fails; then everything else stops too.
            stopping.send_replace(true);
            served
        };
        let work = dispatcher.run(flag_raised(stopped.clone()));
        let processor = InboundProcessor::new(&stores, inbound_directory(&config), clock.clone());
        let router = WebhookRouter::new(webhook_handlers(&config.providers), processor.clone());
        let mail_settings = config.inbound.as_ref().and_then(|settings| settings.mail.clone());
        let mail = serve_mail(mail, router.clone(), mail_settings, flag_raised(stopped.clone()));
        let webhooks = serve_webhooks(inbound, router, config.inbound.clone(), flag_raised(stopped.clone()));
        let stop = async {
            tokio::select! {
                () = stop => {}
                () = flag_raised(stopped) => {}
            }
            stopping.send_replace(true);
        };
        let (served, ..) = tokio::select! {
            ended = async { tokio::join!(serve, work, webhooks, mail, stop) } => ended,
            // What providers report is recorded, and old messages are purged, for as long as anything else runs.
            () = run_listeners(&config.providers, &processor) => (Ok(()), (), (), (), ()),
            () = purge_expired(stores.work.clone(), clock, config.store.retention()) => (Ok(()), (), (), (), ()),
        };
        drop(stores);
        store.close().await?;
        Ok(served?)
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves the webhooks of providers, where there is a listener for them.
async fn serve_webhooks(
    listener: Option<TcpListener>,
    router: WebhookRouter,
    settings: Option<inbound::InboundSettings>,
    stop: impl Future<Output = ()>,
) {
    if let Some((listener, settings)) = listener.zip(settings) {
        for provider in router.providers() {
            let url = settings.url(provider.as_str());
            tracing::info!(provider.name = %provider, url, "the webhooks of a provider are served at this URL");
        }
        inbound::serve(listener, router, settings, stop).await;
    }
}

/// Takes mail, where there is a listener for it.
async fn serve_mail(
    listener: Option<TcpListener>,
    router: WebhookRouter,
    settings: Option<inbound::MailSettings>,
    stop: impl Future<Output = ()>,
) {
    if let Some((listener, settings)) = listener.zip(settings) {
        inbound::serve_mail(listener, router, settings, stop).await;
    }
}

/// The client of each provider.
fn clients(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, ProviderClient> {
    let client = |ProviderConfig { provider, limits, parts }: &ProviderConfig| {
        (provider.name.clone(), ProviderClient::new(Arc::clone(&parts.adapter), limits))
    };
    providers.iter().map(client).collect()
}

/// The handler of each provider that sends webhooks.
fn webhook_handlers(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, Arc<dyn WebhookHandler>> {
    let handler = |ProviderConfig { provider, parts, .. }: &ProviderConfig| {
        Some((provider.name.clone(), parts.webhook_handler.clone()?))
    };
    providers.iter().filter_map(handler).collect()
}

/// The providers that are sandboxes.
fn sandboxes(providers: &[ProviderConfig]) -> Sandboxes {
    let sandboxes = providers.iter().filter_map(|ProviderConfig { provider, parts, .. }| {
        let sandbox = parts.sandbox.clone()?;
        Some((provider, sandbox))
    });
    sandboxes.collect()
}

/// The channel, brands and senders that the events of each provider concern.
fn inbound_directory(config: &Config) -> InboundDirectory {
    let source = |ProviderConfig { provider, .. }: &ProviderConfig| {
        let brands = config.brands.iter().filter(|(brand, _)| provider.serves(brand));
        let brands = brands.map(|(brand, policy)| {
            let sender = provider.sender(brand, &policy.senders);
            (brand.clone(), sender.map(str::to_owned))
        });
        (provider.name.clone(), InboundSource { channel: provider.channel, brands: brands.collect() })
    };
    let keywords = config.brands.iter().map(|(brand, policy)| (brand.clone(), policy.keywords.clone()));
    InboundDirectory { sources: config.providers.iter().map(source).collect(), keywords: keywords.collect() }
}

/// The builder of links to each Telegram bot whose name is known.
fn telegram_links(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, TelegramLinkSigner> {
    let links = |ProviderConfig { provider, parts, .. }: &ProviderConfig| {
        Some((provider.name.clone(), parts.telegram_links.clone()?))
    };
    providers.iter().filter_map(links).collect()
}

/// Listens for the events that providers report over connections of their own, without end.
async fn run_listeners(providers: &[ProviderConfig], processor: &InboundProcessor) {
    let listen = |(provider, listener): (ProviderName, Arc<dyn EventListener>)| {
        let sink = processor.event_sink(provider);
        async move { listener.listen(&sink).await }
    };
    let listeners = providers.iter().filter_map(|ProviderConfig { provider, parts, .. }| {
        Some((provider.name.clone(), parts.listener.clone()?))
    });
    futures_util::future::join_all(listeners.map(listen)).await;
    std::future::pending().await
}

async fn flag_raised(mut flag: watch::Receiver<bool>) {
    // The sender outlives everything that waits here.
    let _ = flag.wait_for(|raised| *raised).await;
}
