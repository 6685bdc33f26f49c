//! Builds and joins every room; decides nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::adapters::sandbox::{Sandbox, Sandboxes};
use crate::adapters::telegram::bot::TelegramLinkBuilder;
use crate::adapters::webhooks::WebhookHandler;
use crate::adapters::{Adapter, BuildError};
use crate::api::{self, ApiServices, ServeError, ServiceDependencies};
use crate::clock::Clock;
use crate::config::{AdapterSettings, Config, ProviderConfig, Remote};
use crate::dispatch::{Dispatcher, Planner, ProviderClient, ProviderRegistry, purge_expired};
use crate::inbound::{self, InboundDirectory, InboundProcessor, InboundSource, WebhookRouter};
use crate::model::{Provider, ProviderName, ReceiptReport};
use crate::store::StoreError;
use crate::store::embedded::sled;

/// How many receipts may wait to be taken in before those who bring them have to wait.
const RECEIPTS_WAITING: usize = 1_024;

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
    /// An adapter cannot be built.
    #[error("provider {provider}: {source}")]
    Adapter {
        /// The provider.
        provider: ProviderName,
        /// What went wrong.
        source: BuildError,
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

    /// The address on which providers call back, if they can.
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
    /// When an adapter cannot be built, the API fails, or the store's last flush does.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let Self { config, clock, store, listener, inbound, mail, .. } = self;
        let stores = store.stores.clone();
        let (report, receipts) = mpsc::channel(RECEIPTS_WAITING);
        let Adapters { clients, remote, sandboxes } = build_adapters(&config.providers, &report)?;
        let providers: Vec<Provider> = config.providers.iter().map(|own| own.provider.clone()).collect();
        let board = ProviderRegistry::new(providers, &config.health, stores.controls.controls().await?);
        let policies = Arc::new(config.brands.clone());
        let planner =
            Planner::new(stores.consents.clone(), policies.clone(), board.clone(), config.retry.clone());
        let dispatcher = Arc::new(Dispatcher::new(
            stores.work.clone(),
            stores.consents.clone(),
            planner.clone(),
            board.clone(),
            clients,
            config.dispatch.clone(),
            clock.clone(),
        ));
        let rooms = ServiceDependencies {
            stores: stores.clone(),
            clock: clock.clone(),
            policies,
            board,
            planner,
            sandboxes,
            telegram: telegram_links(&config.providers),
        };
        let services = ApiServices::new(rooms, &config.server);

        let (stopping, stopped) = watch::channel(false);
        let serve = api::serve(listener, services, &config.server, flag_raised(stopped.clone()));
        let serve = async {
            let served = serve.await;
            // By itself the API ends only when it fails; then everything else stops too.
            stopping.send_replace(true);
            served
        };
        let work = dispatcher.run(flag_raised(stopped.clone()));
        let keeper = InboundProcessor::new(&stores, inbound_directory(&config), clock.clone());
        let hooks = WebhookRouter::new(webhook_handlers(&config.providers), keeper.clone());
        let post = config.inbound.as_ref().and_then(|own| own.mail.clone());
        let post = serve_mail(mail, hooks.clone(), post, flag_raised(stopped.clone()));
        let hear = serve_webhooks(inbound, hooks, config.inbound.clone(), flag_raised(stopped.clone()));
        let stop = async {
            tokio::select! {
                () = stop => {}
                () = flag_raised(stopped) => {}
            }
            stopping.send_replace(true);
        };
        let (served, ..) = tokio::select! {
            ended = async { tokio::join!(serve, work, hear, post, stop) } => ended,
            // What providers tell is taken in, and old messages forgotten, for as long as anything else runs.
            () = run_listeners(remote, &keeper) => (Ok(()), (), (), (), ()),
            () = inbound::record_receipts(receipts, stores.inbound.clone(), clock.clone()) => (Ok(()), (), (), (), ()),
            () = purge_expired(stores.work.clone(), clock, config.store.retention()) => (Ok(()), (), (), (), ()),
        };
        drop((report, stores));
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

/// Takes the calls of providers, where there is a listener for them.
async fn serve_webhooks(
    listener: Option<TcpListener>,
    hooks: WebhookRouter,
    settings: Option<inbound::InboundSettings>,
    stop: impl Future<Output = ()>,
) {
    if let Some((listener, settings)) = listener.zip(settings) {
        for provider in hooks.providers() {
            let url = settings.url(provider.as_str());
            tracing::info!(provider.name = %provider, url, "the provider can call back");
        }
        inbound::serve(listener, hooks, settings, stop).await;
    }
}

/// Takes mail, where there is a listener for it.
async fn serve_mail(
    listener: Option<TcpListener>,
    hooks: WebhookRouter,
    settings: Option<inbound::MailSettings>,
    stop: impl Future<Output = ()>,
) {
    if let Some((listener, settings)) = listener.zip(settings) {
        inbound::serve_mail(listener, hooks, settings, stop).await;
    }
}

/// What takes the calls of each provider that may call back.
fn webhook_handlers(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, Arc<dyn WebhookHandler>> {
    let hook = |own: &ProviderConfig| match &own.adapter {
        AdapterSettings::Remote(remote) => Some((own.provider.name.clone(), remote.hook(&own.transport)?)),
        AdapterSettings::Sandbox(_) => None,
    };
    providers.iter().filter_map(hook).collect()
}

/// Whom the news of each provider concern.
fn inbound_directory(config: &Config) -> InboundDirectory {
    let source = |ProviderConfig { provider, .. }: &ProviderConfig| {
        let brands = config.brands.iter().filter(|(brand, _)| provider.serves(brand));
        let brands = brands.map(|(brand, own)| {
            let sender = provider.sender(brand, &own.senders);
            (brand.clone(), sender.map(str::to_owned))
        });
        (provider.name.clone(), InboundSource { channel: provider.channel, brands: brands.collect() })
    };
    let keywords = config.brands.iter().map(|(brand, own)| (brand.clone(), own.keywords.clone()));
    InboundDirectory { sources: config.providers.iter().map(source).collect(), keywords: keywords.collect() }
}

/// What makes links to the bots whose names are known.
fn telegram_links(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, TelegramLinkBuilder> {
    let links = |own: &ProviderConfig| match &own.adapter {
        AdapterSettings::Remote(remote) => match remote.as_ref() {
            Remote::Telegram(settings) => Some((own.provider.name.clone(), settings.links()?)),
            _ => None,
        },
        AdapterSettings::Sandbox(_) => None,
    };
    providers.iter().filter_map(links).collect()
}

/// Hears what providers tell over the adapters' own connections, for as long as there are any.
async fn run_listeners(adapters: Vec<(ProviderName, Arc<dyn Adapter>)>, keeper: &InboundProcessor) {
    let listen = |(provider, adapter): (ProviderName, Arc<dyn Adapter>)| {
        let ear = keeper.event_sink(provider);
        async move { adapter.listen(&ear).await }
    };
    futures_util::future::join_all(adapters.into_iter().map(listen)).await;
    std::future::pending().await
}

async fn flag_raised(mut flag: watch::Receiver<bool>) {
    // The sender outlives everything that waits here.
    let _ = flag.wait_for(|raised| *raised).await;
}

struct Adapters {
    clients: BTreeMap<ProviderName, ProviderClient>,
    remote: Vec<(ProviderName, Arc<dyn Adapter>)>,
    sandboxes: Sandboxes,
}

fn build_adapters(
    providers: &[ProviderConfig],
    report: &mpsc::Sender<ReceiptReport>,
) -> Result<Adapters, AppError> {
    let mut clients = BTreeMap::new();
    let (mut remote, mut sandboxes) = (Vec::new(), Vec::new());
    for ProviderConfig { provider, transport, adapter } in providers {
        let failed = |source| AppError::Adapter { provider: provider.name.clone(), source };
        let adapter: Arc<dyn Adapter> = match adapter {
            AdapterSettings::Remote(own) => {
                let adapter = own.build(transport).map_err(failed)?;
                remote.push((provider.name.clone(), Arc::clone(&adapter)));
                adapter
            }
            AdapterSettings::Sandbox(own) => {
                let sandbox = Sandbox::new(provider, own, report.clone());
                sandboxes.push(sandbox.clone());
                Arc::new(sandbox)
            }
        };
        clients.insert(provider.name.clone(), ProviderClient::new(adapter, &transport.limits));
    }
    Ok(Adapters { clients, remote, sandboxes: sandboxes.into_iter().collect() })
}
