//! The section of a provider as it stands in the file: what every provider has, and the table of its kind.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::ErrorCollector;
use super::locations::join_path;
use crate::adapters::{HttpSettings, PROVIDER_KINDS, ProviderKind, ProviderLimits, ProviderSettings};
use crate::model::Channel;

/// The names of the settings that every provider has.
const COMMON: [&str; 9] =
    ["name", "channel", "failure_domain", "tier", "weight", "brands", "senders", "limits", "http"];

/// A provider in the file. Exactly one table besides its own settings names its kind.
#[derive(Debug, Deserialize)]
pub(super) struct ProviderSection {
    pub(super) name: String,
    pub(super) channel: Channel,
    pub(super) failure_domain: String,
    #[serde(default = "default_tier")]
    pub(super) tier: u32,
    #[serde(default = "default_weight")]
    pub(super) weight: u32,
    #[serde(default)]
    pub(super) brands: Vec<String>,
    #[serde(default)]
    pub(super) senders: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) limits: ProviderLimits,
    pub(super) http: Option<HttpSettings>,
    /// The tables of kinds that stand in the section.
    #[serde(skip)]
    pub(super) kinds: Vec<KindSettings>,
}

/// The table of a kind, read.
#[derive(Debug)]
pub(super) struct KindSettings {
    pub(super) kind: &'static ProviderKind,
    pub(super) settings: Box<dyn ProviderSettings>,
}

/// The table of a kind as it was parsed.
pub(super) struct KindTable<'i> {
    kind: &'static ProviderKind,
    value: Spanned<DeValue<'i>>,
}

fn default_tier() -> u32 {
    1
}

fn default_weight() -> u32 {
    100
}

/// Takes the tables of kinds out of the section of every provider: each kind reads its own. What is left there are the settings
/// that every provider has; any other is an error.
pub(super) fn take_kind_tables<'i>(
    file: &mut DeTable<'i>,
    errors: &mut ErrorCollector<'_>,
) -> Vec<Vec<KindTable<'i>>> {
    let Some(DeValue::Array(sections)) = file.get_mut("providers").map(Spanned::get_mut) else {
        return Vec::new();
    };
    let sections = sections.iter_mut().enumerate().map(|(index, section)| match section.get_mut() {
        DeValue::Table(section) => {
            let tables = take_from(section);
            refuse_unknown(section, &format!("providers[{index}]"), errors);
            tables
        }
        // What is no table is refused with the rest of the file.
        _ => Vec::new(),
    });
    sections.collect()
}

fn take_from<'i>(section: &mut DeTable<'i>) -> Vec<KindTable<'i>> {
    PROVIDER_KINDS
        .iter()
        .filter_map(|kind| Some(KindTable { kind, value: section.remove(kind.name)? }))
        .collect()
}

fn refuse_unknown(section: &DeTable<'_>, path: &str, errors: &mut ErrorCollector<'_>) {
    for key in section.keys().map(|key| key.get_ref().as_ref()).filter(|key| !COMMON.contains(key)) {
        let known = COMMON.into_iter().chain(PROVIDER_KINDS.iter().map(|kind| kind.name));
        let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
        let message = format_args!("unknown setting `{key}`, expected one of {}", known.join(", "));
        errors.add(join_path(path, key), message);
    }
}

impl KindTable<'_> {
    /// Gives the table the shape of its kind's settings.
    ///
    /// # Errors
    /// The first setting that is unknown, missing, or of another type.
    pub(super) fn read(self) -> Result<KindSettings, toml::de::Error> {
        let settings = (self.kind.read_settings)(self.value)?;
        Ok(KindSettings { kind: self.kind, settings })
    }
}

impl ProviderSection {
    /// Makes the paths of what every provider has relative to the working directory, instead of to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(ca_file) = self.http.as_mut().and_then(|http| http.ca_file.as_mut()) {
            *ca_file = folder.join(&*ca_file);
        }
    }
}
