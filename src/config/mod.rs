//! The configuration: one TOML file, read once into checked values. Nothing below this room reads the environment.
//!
//! Reading takes four steps, each in a file of its own: the text is parsed with the place of every key (`locations`),
//! secrets are fetched from where the file says they are (`secrets`), the tables take the shape of the rooms' own
//! settings (`file`, and `sections` for those of providers), and what those cannot check alone is checked together
//! (`check`), and against the machine where the gateway is to run on it (`machine`). No step ends at its first error, nor
//! keeps the next one from being taken: all errors are told at once, each with its line and what would be right.

mod brands;
mod check;
mod directory;
mod errors;
mod file;
mod load;
mod locations;
mod log;
mod machine;
mod open_files;
mod providers;
mod secrets;
mod sections;
mod shape;
#[cfg(test)]
mod tests;
mod texts;
mod warnings;

use std::collections::BTreeMap;

use crate::model::BrandId;
use crate::routing::{BrandPolicy, RetrySettings};
use crate::{api, dispatch, health, inbound, store};

pub use errors::{ConfigError, ConfigErrors};
pub use log::{LogFormat, LogSettings};
pub use open_files::raise_limit;
pub use providers::ProviderConfig;
pub use secrets::{secret_of_file, secret_of_variable};
pub use warnings::ConfigWarning;

/// Everything that was configured, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the API listens.
    pub server: api::ApiSettings,
    /// The API's certificate; it speaks plain text when absent.
    pub tls: Option<api::ServerTls>,
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
