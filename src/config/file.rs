//! The shape of the file: the rooms' own settings, composed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::ErrorCollector;
use super::log::LogSettings;
use super::sections::{self, ProviderSection};
use super::shape;
use crate::routing::{BrandSettings, RetrySettings};
use crate::{api, dispatch, health, inbound, store};

/// The whole file. Every table but `brands` and `providers` may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    pub(super) server: api::ApiSettings,
    pub(super) store: store::StoreSettings,
    pub(super) dispatch: dispatch::DispatchSettings,
    pub(super) retry: RetrySettings,
    pub(super) health: health::HealthSettings,
    pub(super) inbound: Option<inbound::InboundSettings>,
    pub(super) log: LogSettings,
    pub(super) brands: BTreeMap<String, BrandSettings>,
    /// In the order of the file; `None` where a section cannot be read.
    pub(super) providers: Vec<Option<ProviderSection>>,
}

/// Gives the parsed tables their shape. What has none is left out, with an error for each setting that is unknown, missing,
/// or of another type.
pub(super) fn read(table: Spanned<DeTable<'_>>, errors: &mut ErrorCollector<'_>) -> ConfigFile {
    let span = table.span();
    let mut table = table.into_inner();
    // Read one by one, so that an error in one leaves the others.
    let providers = sections::take(&mut table, errors);
    let rest = Spanned::new(span, DeValue::Table(table));
    let mut file: ConfigFile = shape::read(rest, errors).unwrap_or_default();
    file.providers = providers;
    file
}

impl ConfigFile {
    /// Makes every path absolute or relative to the working directory, instead of to the folder of the file.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        in_folder(&mut self.store.path, folder);
        if let Some(tls) = &mut self.server.tls {
            in_folder(&mut tls.cert_file, folder);
            in_folder(&mut tls.key_file, folder);
            if let Some(ca) = &mut tls.client_ca_file {
                in_folder(ca, folder);
            }
        }
        for provider in self.providers.iter_mut().flatten() {
            provider.resolve_paths(folder);
        }
    }
}

fn in_folder(path: &mut PathBuf, folder: &Path) {
    // `join` keeps an absolute path as it is.
    *path = folder.join(&*path);
}
