//! The section of a provider as it stands in the file: what every provider has, and the table of its kind.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::errors::ErrorCollector;
use super::locations::join_path;
use super::shape;
use crate::adapters::{HttpSettings, PROVIDER_KINDS, ProviderKind, ProviderLimits, ProviderSettings};
use crate::model::{Channel, MAX_COUNT, SettingError, SettingErrors};

/// The names of the settings that every provider has.
const COMMON: [&str; 10] = [
    "name",
    "channel",
    "failure_domain",
    "tier",
    "weight",
    "brands",
    "senders",
    "business",
    "limits",
    "http",
];

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
    pub(super) business: Option<String>,
    #[serde(default)]
    pub(super) limits: ProviderLimits,
    pub(super) http: Option<HttpSettings>,
    /// The tables of kinds that stand in the section.
    #[serde(skip)]
    pub(super) kinds: Vec<KindSettings>,
    /// Whether there are settings that no provider has, one of which may be the name of a kind.
    #[serde(skip)]
    pub(super) has_unknown: bool,
}

/// The table of a kind, read.
#[derive(Debug)]
pub(super) struct KindSettings {
    pub(super) kind: &'static ProviderKind,
    /// `None` where the table cannot be read.
    pub(super) settings: Option<Box<dyn ProviderSettings>>,
}

/// The table of a kind as it was parsed.
struct KindTable<'i> {
    kind: &'static ProviderKind,
    value: Spanned<DeValue<'i>>,
}

fn default_tier() -> u32 {
    1
}

fn default_weight() -> u32 {
    100
}

/// Takes the sections of all providers out of the file, and reads them, each with the tables of kinds that stand in it. Where
/// one cannot be read there is `None`, with an error.
pub(super) fn take<'i>(
    file: &mut DeTable<'i>,
    errors: &mut ErrorCollector<'_>,
) -> Vec<Option<ProviderSection>> {
    let Some(DeValue::Array(sections)) = file.get_mut("providers").map(Spanned::get_mut) else {
        // What is no list is refused with the rest of the file.
        return Vec::new();
    };
    let sections = std::mem::replace(sections, DeArray::new()).into_iter().enumerate();
    sections.map(|(index, section)| read(section, &format!("providers[{index}]"), errors)).collect()
}

fn read(
    mut section: Spanned<DeValue<'_>>,
    path: &str,
    errors: &mut ErrorCollector<'_>,
) -> Option<ProviderSection> {
    let (tables, has_unknown) = match section.get_mut() {
        DeValue::Table(section) => {
            let tables = take_from(section);
            (tables, refuse_unknown(section, path, errors))
        }
        // What is no table is refused by its shape.
        _ => (Vec::new(), false),
    };
    let kinds = tables.into_iter().map(|table| table.read(errors)).collect();
    let section: ProviderSection = shape::read(section, errors)?;
    Some(ProviderSection { kinds, has_unknown, ..section })
}

fn take_from<'i>(section: &mut DeTable<'i>) -> Vec<KindTable<'i>> {
    PROVIDER_KINDS
        .iter()
        .filter_map(|kind| Some(KindTable { kind, value: section.remove(kind.name)? }))
        .collect()
}

/// Tells of settings that no provider has, and whether there are any. Serde lets them pass, so that kinds can have their tables.
fn refuse_unknown(section: &DeTable<'_>, path: &str, errors: &mut ErrorCollector<'_>) -> bool {
    let mut found = false;
    for key in section.keys().map(|key| key.get_ref().as_ref()).filter(|key| !COMMON.contains(key)) {
        let known = COMMON.into_iter().chain(PROVIDER_KINDS.iter().map(|kind| kind.name));
        let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
        let message = format_args!("unknown setting `{key}`, expected one of {}", known.join(", "));
        errors.add(join_path(path, key), message);
        found = true;
    }
    found
}

impl KindTable<'_> {
    /// Gives the table the shape of its kind's settings.
    fn read(self, errors: &mut ErrorCollector<'_>) -> KindSettings {
        KindSettings {
            kind: self.kind,
            settings: shape::read_by(self.value, self.kind.read_settings, errors),
        }
    }
}

impl ProviderSection {
    /// Every number of what all providers have that is out of its bounds, by its key.
    pub(super) fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        errors.within("tier", self.tier, 0..=MAX_COUNT);
        errors.within("weight", self.weight, 1..=MAX_COUNT);
        errors.into_vec()
    }

    /// Makes the paths of what every provider has relative to the working directory, instead of to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(ca_file) = self.http.as_mut().and_then(|http| http.ca_file.as_mut()) {
            *ca_file = folder.join(&*ca_file);
        }
    }
}
