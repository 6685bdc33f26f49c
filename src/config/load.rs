//! From the text of the file to the checked configuration.

use std::path::Path;

use toml::de::DeTable;

use super::errors::{ConfigErrors, ErrorCollector};
use super::locations::SettingLocations;
use super::{Config, check, file, machine, open_files, secrets, texts};
use crate::model::Timestamp;

/// What stands around the file.
pub(super) struct ConfigSurroundings<'a> {
    /// The time at which certificates must be valid.
    pub(super) now: Timestamp,
    /// Looks up environment variables.
    pub(super) env: &'a secrets::EnvLookup<'a>,
    /// Whether the gateway is to run on this machine.
    pub(super) runs_here: bool,
}

impl Config {
    /// Reads and checks the file at `path`, and the secrets and certificates it points to, which must be valid at `now`.
    /// Paths in it are relative to its folder. What providers are made of is built here, so that nothing of it can fail later.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found at once.
    pub fn load(path: &Path, now: Timestamp) -> Result<Self, ConfigErrors> {
        Self::load_in(path, &ConfigSurroundings { now, env: &variable, runs_here: false })
    }

    /// Lets the listeners take no more connections than leave the store and the calls to providers the files that they need,
    /// of those that the system lets this process have.
    pub fn keep_reserve_of_files(&mut self) {
        open_files::keep_reserve(self);
    }

    /// The same as [`Config::load`] for a gateway that is to run here: its data directory must be usable, and its addresses this machine's.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found at once.
    pub fn load_to_serve(path: &Path, now: Timestamp) -> Result<Self, ConfigErrors> {
        Self::load_in(path, &ConfigSurroundings { now, env: &variable, runs_here: true })
    }

    /// Reads and checks a configuration that is part of the program: `name` stands for its path in errors, and it has
    /// no environment to take secrets from.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found at once.
    pub fn built_in(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        // Nothing in it ends: a certificate would lie in a file beside it.
        let around = ConfigSurroundings { now: Timestamp::UNIX_EPOCH, env: &|_| None, runs_here: false };
        Self::read(Path::new(name), text, &around)
    }

    fn load_in(path: &Path, around: &ConfigSurroundings<'_>) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        Self::read(path, &text, around)
    }

    /// Reads and checks `text` as if it stood in `path`.
    pub(super) fn read(
        path: &Path,
        text: &str,
        around: &ConfigSurroundings<'_>,
    ) -> Result<Self, ConfigErrors> {
        let mut table = DeTable::parse(text).map_err(|error| ConfigErrors::malformed(path, text, &error))?;
        let places = SettingLocations::new(text, table.get_ref());
        let mut errors = ErrorCollector::new(path, &places);
        let folder = path.parent().unwrap_or(Path::new(""));
        // Before secrets are among them, which have a rule of their own.
        texts::check(table.get_ref(), "", &mut errors);
        secrets::resolve(table.get_mut(), folder, around.env, &mut errors);
        let mut file = file::read(table, &mut errors);
        file.resolve_paths(folder);
        if around.runs_here {
            machine::check(&file, &mut errors);
        }
        let config = check::check(file, folder, around.now, &mut errors);
        errors.result()?;
        // Only an error leaves it unbuilt.
        config.ok_or_else(|| errors.into())
    }
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
