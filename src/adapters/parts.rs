//! What a provider is made of in the running gateway, and what it is built from: the settings of its kind, and what stands
//! around them in the configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::adapter::Adapter;
use super::build_error::ProviderBuildError;
use super::events::EventListener;
use super::sandbox::Sandbox;
use super::telegram::bot::TelegramLinkSigner;
use super::transport::Transport;
use super::webhooks::WebhookHandler;
use crate::model::BrandId;

/// What a provider is made of. It is built once, when its settings are checked; clones share it.
#[derive(Debug, Clone)]
pub struct ProviderParts {
    /// Delivers messages.
    pub adapter: Arc<dyn Adapter>,
    /// Takes the provider's calls, where the settings say how to know them.
    pub webhook_handler: Option<Arc<dyn WebhookHandler>>,
    /// Listens over a connection of its own, where the kind has one and the settings ask for it.
    pub listener: Option<Arc<dyn EventListener>>,
    /// Makes links to a Telegram bot whose name is known.
    pub telegram_links: Option<TelegramLinkSigner>,
    /// The provider itself, where it is a sandbox: to be steered and looked into.
    pub sandbox: Option<Sandbox>,
}

impl ProviderParts {
    /// A provider that delivers, and tells nothing.
    pub(super) fn new(adapter: Arc<dyn Adapter>) -> Self {
        Self { adapter, webhook_handler: None, listener: None, telegram_links: None, sandbox: None }
    }

    /// The same provider with what takes its calls, if anything does.
    pub(super) fn with_webhook_handler(self, handler: Option<impl WebhookHandler + 'static>) -> Self {
        Self { webhook_handler: handler.map(|handler| Arc::new(handler) as Arc<dyn WebhookHandler>), ..self }
    }
}

/// What stands around the settings of a kind in the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ProviderContext<'a> {
    /// How the provider is reached.
    pub transport: &'a Transport,
    /// The brands that it serves, each by name.
    pub brands: &'a [BrandId],
    /// The folder of the configuration, to which paths are relative.
    pub config_dir: &'a Path,
    /// Whether the gateway listens for what comes back, by HTTP or LMTP.
    pub has_inbound: bool,
}

impl ProviderContext<'_> {
    /// A path of the settings as it can be opened. An absolute one stays as it is.
    pub(super) fn resolve(&self, path: Option<&Path>) -> Option<PathBuf> {
        path.map(|path| self.config_dir.join(path))
    }
}

/// The settings of one kind of provider, as its table in the configuration holds them. Their debug output shows no secret.
pub trait ProviderSettings: fmt::Debug {
    /// Builds the provider. Reads the files that the settings name.
    ///
    /// # Errors
    /// When a setting's value is wrong, or the machine's TLS cannot be set up.
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError>;
}
