//! What each room needs of the providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::adapters::EventListener;
use crate::adapters::sandbox::Sandboxes;
use crate::adapters::telegram::bot::TelegramLinkSigner;
use crate::adapters::webhooks::WebhookHandler;
use crate::config::{Config, ProviderConfig};
use crate::dispatch::ProviderClient;
use crate::inbound::{InboundDirectory, InboundSource};
use crate::model::ProviderName;

/// The client of each provider.
pub(super) fn clients(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, ProviderClient> {
    let client = |ProviderConfig { provider, limits, parts }: &ProviderConfig| {
        (provider.name.clone(), ProviderClient::new(Arc::clone(&parts.adapter), limits))
    };
    providers.iter().map(client).collect()
}

/// The handler of each provider that sends webhooks.
pub(super) fn webhook_handlers(
    providers: &[ProviderConfig],
) -> BTreeMap<ProviderName, Arc<dyn WebhookHandler>> {
    let handler = |ProviderConfig { provider, parts, .. }: &ProviderConfig| {
        Some((provider.name.clone(), parts.webhook_handler.clone()?))
    };
    providers.iter().filter_map(handler).collect()
}

/// The providers that are sandboxes.
pub(super) fn sandboxes(providers: &[ProviderConfig]) -> Sandboxes {
    let sandboxes = providers.iter().filter_map(|ProviderConfig { provider, parts, .. }| {
        let sandbox = parts.sandbox.clone()?;
        Some((provider, sandbox))
    });
    sandboxes.collect()
}

/// The channel, brands and senders that the events of each provider concern.
pub(super) fn inbound_directory(config: &Config) -> InboundDirectory {
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
pub(super) fn telegram_links(providers: &[ProviderConfig]) -> BTreeMap<ProviderName, TelegramLinkSigner> {
    let links = |ProviderConfig { provider, parts, .. }: &ProviderConfig| {
        Some((provider.name.clone(), parts.telegram_links.clone()?))
    };
    providers.iter().filter_map(links).collect()
}

/// The listener of each provider that reports events over a connection of the gateway's.
pub(super) fn listeners(providers: &[ProviderConfig]) -> Vec<(ProviderName, Arc<dyn EventListener>)> {
    let listener = |ProviderConfig { provider, parts, .. }: &ProviderConfig| {
        Some((provider.name.clone(), parts.listener.clone()?))
    };
    providers.iter().filter_map(listener).collect()
}
