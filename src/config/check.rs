//! The checks that the shape of the file cannot make: bounds, and settings that must fit each other.

use std::net::SocketAddr;
use std::path::Path;

use super::errors::ErrorCollector;
use super::file::ConfigFile;
use super::providers::{ProviderCheckContext, ProviderConfig};
use super::{Config, brands, machine, providers};
use crate::api::{ServerTls, TlsSettings};
use crate::dispatch::DispatchSettings;
use crate::model::Timestamp;

/// How much longer than the slowest provider's call a claim must last, in milliseconds: time to decide, and to record
/// what came of it.
const LEASE_MARGIN_MS: u64 = 5_000;

/// Checks everything. `None` when something is wrong, which `errors` then tells.
pub(super) fn check(
    mut file: ConfigFile,
    folder: &Path,
    now: Timestamp,
    errors: &mut ErrorCollector<'_>,
) -> Option<Config> {
    errors.add_all("server", file.server.errors());
    errors.add_all("store", file.store.errors());
    errors.add_all("dispatch", file.dispatch.errors());
    errors.add_all("retry", file.retry.errors());
    errors.add_all("health", file.health.errors());
    if let Some(inbound) = &file.inbound {
        errors.add_all("inbound", inbound.errors());
    }
    let tls = read_tls(file.server.tls.as_ref(), now, errors);
    check_addresses(&file, errors);
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
    check_lease(&mut file.dispatch, &providers, errors);
    let brands = brands::build_all(&file.brands, errors);
    let right = errors.result().is_ok();
    right.then_some(Config {
        server: file.server,
        tls,
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

fn read_tls(
    settings: Option<&TlsSettings>,
    now: Timestamp,
    errors: &mut ErrorCollector<'_>,
) -> Option<ServerTls> {
    let read = ServerTls::read(settings?, now);
    read.map_err(|wrong| errors.add_all("server.tls", wrong)).ok()
}

/// Two listeners cannot have one address; port 0 is any that is free.
fn check_addresses(file: &ConfigFile, errors: &mut ErrorCollector<'_>) {
    let mut taken: Vec<(SocketAddr, &str)> = Vec::new();
    for (key, address) in machine::listeners(&file.server, file.inbound.as_ref()) {
        match taken.iter().find(|(other, _)| *other == address && address.port() != 0) {
            Some((_, other)) => {
                errors.add(key, format_args!("must be another address than {other}, which is {address} too"));
            }
            None => taken.push((address, key)),
        }
    }
}

/// A claim must outlast the slowest call. Where the file does not say how long it lasts, it does.
fn check_lease(
    dispatch: &mut DispatchSettings,
    providers: &[ProviderConfig],
    errors: &mut ErrorCollector<'_>,
) {
    let Some(slowest) = providers.iter().max_by_key(|provider| provider.limits.timeout()) else { return };
    let longest = u64::try_from(slowest.limits.timeout().as_millis()).unwrap_or(u64::MAX);
    let needed = longest.saturating_add(LEASE_MARGIN_MS);
    let name = &slowest.provider.name;
    let must = format_args!(
        "must be at least {needed}: the longest call to provider {name} and {LEASE_MARGIN_MS} to record what came of it"
    );
    match dispatch.lease_ms {
        Some(lease_ms) => errors.require(lease_ms >= needed, "dispatch.lease_ms", must),
        None => dispatch.lease_ms = Some(needed.max(DispatchSettings::MIN_LEASE_MS)),
    }
}
