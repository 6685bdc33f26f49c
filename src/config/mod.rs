//! The configuration: one TOML file, read once into checked values. Nothing below this room reads the environment.
//!
//! Reading takes four steps, each in a file of its own: the text is parsed with the place of every key (`places`),
//! secrets are fetched from where the file says they are (`secrets`), the tables take the shape of the rooms' own
//! settings (`file`), and what those cannot check alone is checked together (`check`). Every error says in which
//! line it is and what would be right.

mod brands;
mod check;
mod errors;
mod file;
mod locations;
mod log;
mod providers;
mod secrets;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::BrandId;
use crate::routing::{BrandPolicy, RetrySettings};
use crate::{api, dispatch, health, inbound, store};

pub use errors::{ConfigError, ConfigErrors};
pub use log::{LogFormat, LogSettings};
pub use providers::{AdapterSettings, ProviderConfig, Remote};
pub use warnings::ConfigWarning;

use errors::ErrorCollector;
use locations::SettingLocations;

/// Everything that was configured, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the API listens.
    pub server: api::ApiSettings,
    /// Where what must survive is kept.
    pub store: store::StoreSettings,
    /// How dispatch works.
    pub dispatch: dispatch::DispatchSettings,
    /// When something that failed is tried again.
    pub retry: RetrySettings,
    /// When breakers open and close.
    pub health: health::HealthSettings,
    /// How providers call back; they cannot when absent.
    pub inbound: Option<inbound::InboundSettings>,
    /// How to log.
    pub log: LogSettings,
    /// How each brand routes. At least one.
    pub brands: BTreeMap<BrandId, BrandPolicy>,
    /// The providers, in the order of the file. At least one.
    pub providers: Vec<ProviderConfig>,
}

impl Config {
    /// Reads and checks the file at `path`, and the secrets it points to. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be told at once.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        Self::read(path, &text, &|name| std::env::var(name).ok())
    }

    /// Reads and checks a configuration that is part of the program: `name` stands for its path in errors, and it has
    /// no environment to take secrets from.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be told at once.
    pub fn built_in(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        Self::read(Path::new(name), text, &|_| None)
    }

    /// Reads and checks `text` as if it stood in `path`, with `env` to look up environment variables.
    fn read(path: &Path, text: &str, env: &secrets::ReadVariable<'_>) -> Result<Self, ConfigErrors> {
        let mut table =
            toml::de::DeTable::parse(text).map_err(|error| ConfigErrors::malformed(path, text, &error))?;
        let places = SettingLocations::new(text, table.get_ref());
        let mut errors = ErrorCollector::new(path, &places);
        let folder = path.parent().unwrap_or(Path::new(""));
        secrets::resolve(table.get_mut(), folder, env, &mut errors);
        errors.check()?;
        let mut file = file::read(table).map_err(|error| errors.misshapen(&error))?;
        file.resolve_paths(folder);
        let config = check::check(file, &mut errors);
        errors.check()?;
        // Only an error leaves it unbuilt.
        config.ok_or_else(|| errors.into())
    }
}
