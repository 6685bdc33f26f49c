//! The checks that the shape of the file cannot make: bounds, and settings that must fit each other.

use std::path::Path;

use super::errors::ErrorCollector;
use super::file::ConfigFile;
use super::providers::{ProviderCheckContext, ProviderConfig};
use super::{Config, brands, providers};
use crate::api::TlsSettings;
use crate::dispatch;

/// How much longer than the slowest provider's call a claim must last, in milliseconds: time to decide, and to record
/// what came of it.
const LEASE_MARGIN_MS: u64 = 5_000;

/// Checks everything. `None` when something is wrong, which `errors` then tells.
pub(super) fn check(file: ConfigFile, folder: &Path, errors: &mut ErrorCollector<'_>) -> Option<Config> {
    errors.add_all("server", file.server.errors());
    errors.add_all("store", file.store.errors());
    errors.add_all("dispatch", file.dispatch.errors());
    errors.add_all("retry", file.retry.errors());
    errors.add_all("health", file.health.errors());
    if let Some(inbound) = &file.inbound {
        errors.add_all("inbound", inbound.errors());
    }
    if let Some(tls) = &file.server.tls {
        check_tls(tls, errors);
    }
    errors.add_all("log", file.log.errors());
    errors.require(!file.brands.is_empty(), "brands", "must have at least one brand, such as [brands.acme]");
    errors.require(
        !file.providers.is_empty(),
        "providers",
        "must have at least one provider, in [[providers]]",
    );
    let context = ProviderCheckContext {
        brands: file.brands.keys().map(String::as_str).collect(),
        folder,
        has_inbound: file.inbound.is_some(),
    };
    let providers = providers::build_all(&file.providers, &context, errors);
    check_lease(&file.dispatch, &providers, errors);
    let brands = brands::build_all(&file.brands, errors);
    let right = errors.result().is_ok();
    right.then_some(Config {
        server: file.server,
        store: file.store,
        dispatch: file.dispatch,
        retry: file.retry,
        health: file.health,
        inbound: file.inbound,
        log: file.log,
        brands,
        providers,
    })
}

fn check_tls(tls: &TlsSettings, errors: &mut ErrorCollector<'_>) {
    let ca = tls.client_ca_file.as_deref().map(|file| ("client_ca_file", file));
    let files = [("cert_file", tls.cert_file.as_path()), ("key_file", tls.key_file.as_path())];
    for (key, file) in files.into_iter().chain(ca) {
        if let Err(error) = readable(file) {
            let message =
                format_args!("must be a PEM file that can be read: {} cannot ({error})", file.display());
            errors.add(format!("server.tls.{key}"), message);
        }
    }
}

fn readable(file: &Path) -> std::io::Result<()> {
    std::fs::read(file).map(drop)
}

fn check_lease(
    dispatch: &dispatch::DispatchSettings,
    providers: &[ProviderConfig],
    errors: &mut ErrorCollector<'_>,
) {
    let Some(slowest) = providers.iter().max_by_key(|provider| provider.limits.timeout_ms) else { return };
    let needed = slowest.limits.timeout_ms.saturating_add(LEASE_MARGIN_MS);
    let name = &slowest.provider.name;
    let must = format_args!(
        "must be at least {needed}: the timeout_ms of provider {name} and {LEASE_MARGIN_MS} to record what came of it"
    );
    // A lease of 0 has its own error.
    let right = dispatch.lease_ms == 0 || dispatch.lease_ms >= needed;
    errors.require(right, "dispatch.lease_ms", must);
}
