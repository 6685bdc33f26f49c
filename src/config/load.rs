//! From the text of the file to the checked configuration.

use std::path::Path;

use toml::de::DeTable;

use super::errors::{ConfigErrors, ErrorCollector};
use super::locations::SettingLocations;
use super::{Config, check, file, secrets};

impl Config {
    /// Reads and checks the file at `path`, and the secrets it points to. Paths in it are relative to its folder. What
    /// providers are made of is built here, so that nothing of it can fail later.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found at once.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        Self::read(path, &text, &|name| std::env::var(name).ok())
    }

    /// Reads and checks a configuration that is part of the program: `name` stands for its path in errors, and it has
    /// no environment to take secrets from.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found at once.
    pub fn built_in(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        Self::read(Path::new(name), text, &|_| None)
    }

    /// Reads and checks `text` as if it stood in `path`, with `env` to look up environment variables.
    pub(super) fn read(path: &Path, text: &str, env: &secrets::EnvLookup<'_>) -> Result<Self, ConfigErrors> {
        let mut table = DeTable::parse(text).map_err(|error| ConfigErrors::malformed(path, text, &error))?;
        let places = SettingLocations::new(text, table.get_ref());
        let mut errors = ErrorCollector::new(path, &places);
        let folder = path.parent().unwrap_or(Path::new(""));
        secrets::resolve(table.get_mut(), folder, env, &mut errors);
        errors.result()?;
        let mut file = file::read(table, &mut errors)?;
        file.resolve_paths(folder);
        let config = check::check(file, folder, &mut errors);
        errors.result()?;
        // Only an error leaves it unbuilt.
        config.ok_or_else(|| errors.into())
    }
}
