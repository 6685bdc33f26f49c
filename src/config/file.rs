//! The shape of the file: the rooms' own settings, composed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::errors::{ConfigErrors, ErrorCollector};
use super::log::LogSettings;
use super::sections::{self, KindTable, ProviderSection};
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
    pub(super) providers: Vec<ProviderSection>,
}

/// Gives the parsed tables their shape.
///
/// # Errors
/// Every setting of a provider that is unknown; else the first setting that is unknown, missing, or of another type.
pub(super) fn read(
    mut table: Spanned<DeTable<'_>>,
    errors: &mut ErrorCollector<'_>,
) -> Result<ConfigFile, ConfigErrors> {
    let kinds = sections::take_kind_tables(table.get_mut(), errors);
    errors.result()?;
    let read = || {
        let mut file = ConfigFile::deserialize(Deserializer::from(table))?;
        for (section, tables) in file.providers.iter_mut().zip(kinds) {
            section.kinds = tables.into_iter().map(KindTable::read).collect::<Result<_, _>>()?;
        }
        Ok(file)
    };
    read().map_err(|error| errors.shape_error(&error))
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
        for provider in &mut self.providers {
            provider.resolve_paths(folder);
        }
    }
}

fn in_folder(path: &mut PathBuf, folder: &Path) {
    // `join` keeps an absolute path as it is.
    *path = folder.join(&*path);
}
