//! Secrets, read in one way wherever they are, and fetched from where the file says: `{ env = "NAME" }` or
//! `{ file = "PATH" }`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::ErrorCollector;
use super::locations::join_path;
use crate::secret::{RESOLVED, Secret};

/// The most that a file may hold, in bytes: far more than a key in PEM, and it keeps a wrong path from being read for ever.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Looks up an environment variable; `None` when it is not set.
pub(super) type EnvLookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The secret that the environment variable `name` has as its `value`, if it is set.
///
/// # Errors
/// The text for people that says what is wrong, and what to do.
pub fn secret_of_variable(name: &str, value: Option<OsString>) -> Result<Secret, String> {
    let unset = || format!("the environment variable {name} is not set: set it to the secret");
    let value = value.ok_or_else(unset)?;
    Secret::read(value.as_bytes())
        .map_err(|error| format!("the environment variable {name} {error}: set it to the secret alone"))
}

/// The secret in a file.
///
/// # Errors
/// The text for people that says what is wrong, and what to do.
pub fn secret_of_file(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let bytes = read(path)
        .map_err(|error| format!("{shown} cannot be read ({error}): put the secret into that file"))?;
    Secret::read(&bytes).map_err(|error| format!("{shown} {error}: put the secret alone into that file"))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it holds more than {MAX_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

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
        let value = self.fetch(&reference).unwrap_or_else(|message| {
            self.errors.add(path, message);
            // So that the settings around it can be read.
            Secret::new("")
        });
        table.clear();
        table.insert(
            Spanned::new(0..0, Cow::Borrowed(RESOLVED)),
            Spanned::new(0..0, DeValue::String(Cow::Owned(value.expose().to_owned()))),
        );
    }

    fn fetch(&self, reference: &SecretReference) -> Result<Secret, String> {
        match reference {
            SecretReference::Env(name) => secret_of_variable(name, (self.env)(name)),
            SecretReference::File(path) => secret_of_file(&self.folder.join(path)),
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
