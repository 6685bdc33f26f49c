//! The parts of a provider in the running gateway, the settings of a kind from which they are built, and the context of
//! those settings in the configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::adapter::Adapter;
use super::build_error::ProviderBuildError;
use super::events::EventListener;
use super::sandbox::Sandbox;
use super::telegram::bot::TelegramLinkSigner;
use super::transport::Transport;
use super::webhooks::WebhookHandler;
use crate::model::{BrandId, BusinessId};

/// The parts of a provider. They are built once, when its settings are checked; clones share them.
#[derive(Debug, Clone)]
pub struct ProviderParts {
    /// Delivers messages.
    pub adapter: Arc<dyn Adapter>,
    /// Takes the provider's webhook requests, where the settings say how they are authenticated.
    pub webhook_handler: Option<Arc<dyn WebhookHandler>>,
    /// Listens over a connection of its own, where the kind has one and the settings ask for it.
    pub listener: Option<Arc<dyn EventListener>>,
    /// Makes links to a Telegram bot whose name is known.
    pub telegram_links: Option<TelegramLinkSigner>,
    /// The provider itself, where it is a sandbox: to be steered and looked into.
    pub sandbox: Option<Sandbox>,
    /// Whether it sends to WhatsApp's user ids.
    pub sends_to_user_ids: bool,
    /// How long the provider knows a repeated call by its idempotency key; `None` when it does not.
    pub repeat_window: Option<Duration>,
    /// How long the last answer of a call may take, where it has a time of its own after that of the call.
    pub last_answer_timeout: Duration,
}

impl ProviderParts {
    /// The parts of a provider that delivers with this adapter and reports no events.
    pub(super) fn new(adapter: Arc<dyn Adapter>) -> Self {
        Self {
            adapter,
            webhook_handler: None,
            listener: None,
            telegram_links: None,
            sandbox: None,
            sends_to_user_ids: false,
            repeat_window: None,
            last_answer_timeout: Duration::ZERO,
        }
    }

    /// The same parts of one that sends to WhatsApp's user ids.
    pub(super) fn sending_to_user_ids(self) -> Self {
        Self { sends_to_user_ids: true, ..self }
    }

    /// The same parts of one that knows a repeated call for this long, if it does.
    pub(super) fn with_repeat_window(self, repeat_window: Option<Duration>) -> Self {
        Self { repeat_window, ..self }
    }

    /// The same parts with this handler of webhook requests, if there is one.
    pub(super) fn with_webhook_handler(self, handler: Option<impl WebhookHandler + 'static>) -> Self {
        Self { webhook_handler: handler.map(|handler| Arc::new(handler) as Arc<dyn WebhookHandler>), ..self }
    }
}

/// The context in which the settings of a kind are built into a provider: the rest of its configuration.
#[derive(Debug, Clone, Copy)]
pub struct ProviderContext<'a> {
    /// The connection settings of the provider and the limits on calls to it.
    pub transport: &'a Transport,
    /// The brands that it serves, each by name.
    pub brands: &'a [BrandId],
    /// The folder of the configuration file, to which paths are relative.
    pub config_dir: &'a Path,
    /// Whether the gateway listens for what comes back, by HTTP or LMTP.
    pub has_inbound: bool,
    /// The business at Meta whose user ids it speaks of.
    pub business: &'a BusinessId,
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
