//! Fetches secrets from where the file says they are: `{ env = "NAME" }` or `{ file = "PATH" }`.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::ErrorCollector;
use super::locations::join_path;
use crate::secret::RESOLVED;

/// Looks up an environment variable; `None` when it is not set.
pub(super) type EnvLookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Replaces every reference to a secret by `{ "$secret" = value }`, the form that [`crate::secret::Secret`] reads.
pub(super) fn resolve(
    table: &mut DeTable<'_>,
    folder: &Path,
    env: &EnvLookup<'_>,
    errors: &mut ErrorCollector<'_>,
) {
    SecretResolver { folder, env, errors }.table(table, "");
}

struct SecretResolver<'a, 'e> {
    folder: &'a Path,
    env: &'a EnvLookup<'a>,
    errors: &'a mut ErrorCollector<'e>,
}

impl SecretResolver<'_, '_> {
    fn table(&mut self, table: &mut DeTable<'_>, path: &str) {
        for (key, value) in table.iter_mut() {
            let path = join_path(path, key.get_ref());
            if key.get_ref().as_ref() == RESOLVED {
                self.errors
                    .add(path, "is not for this file: write { env = \"NAME\" } or { file = \"PATH\" }");
            } else {
                self.value(value.get_mut(), &path);
            }
        }
    }

    fn value(&mut self, value: &mut DeValue<'_>, path: &str) {
        match value {
            DeValue::Table(table) => match reference(table) {
                Some(reference) => self.replace(table, reference, path),
                None => self.table(table, path),
            },
            DeValue::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item.get_mut(), &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn replace(&mut self, table: &mut DeTable<'_>, reference: SecretReference, path: &str) {
        match self.fetch(&reference) {
            Ok(value) => {
                table.clear();
                table.insert(
                    Spanned::new(0..0, Cow::Borrowed(RESOLVED)),
                    Spanned::new(0..0, DeValue::String(Cow::Owned(value))),
                );
            }
            Err(message) => self.errors.add(path, message),
        }
    }

    fn fetch(&self, reference: &SecretReference) -> Result<String, String> {
        match reference {
            SecretReference::Env(name) => match (self.env)(name) {
                None => Err(format!("the environment variable {name} is not set: set it to the secret")),
                Some(value) if value.is_empty() => {
                    Err(format!("the environment variable {name} is empty: set it to the secret"))
                }
                Some(value) => Ok(value),
            },
            SecretReference::File(path) => {
                let path = self.folder.join(path);
                let shown = path.display();
                let text = fs::read_to_string(&path).map_err(|error| {
                    format!("{shown} cannot be read ({error}): put the secret into that file")
                })?;
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(format!("{shown} is empty: put the secret into that file")),
                    value => Ok(value.to_owned()),
                }
            }
        }
    }
}

/// Where a secret is.
enum SecretReference {
    Env(String),
    File(String),
}

/// A table with nothing but a text named `env` or `file`. Anything else is left for the settings to read or refuse.
fn reference(table: &DeTable<'_>) -> Option<SecretReference> {
    let mut entries = table.iter();
    let (key, value) = entries.next()?;
    let text = value.get_ref().as_str()?.to_owned();
    match (key.get_ref().as_ref(), entries.next()) {
        ("env", None) => Some(SecretReference::Env(text)),
        ("file", None) => Some(SecretReference::File(text)),
        _ => None,
    }
}
