//! Providers, checked and built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::errors::ErrorCollector;
use super::locations::join_path;
use super::sections::{KindSettings, ProviderSection};
use crate::adapters::{
    HttpSettings, PROVIDER_KINDS, ProviderBuildError, ProviderContext, ProviderKind, ProviderLimits,
    ProviderParts, ProviderSettings, Transport,
};
use crate::model::{BrandId, BusinessId, Channel, Provider, SettingError};

/// A provider, checked and built.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The provider as routing sees it.
    pub provider: Provider,
    /// The limits on calls to it: concurrency, rate and time-outs. The time of a call includes that of its last answer.
    pub limits: ProviderLimits,
    /// The parts that were built from its settings.
    pub parts: ProviderParts,
}

/// The context in which the providers of the file are checked: the rest of the file.
pub(super) struct ProviderCheckContext<'a> {
    /// The names of the brands.
    pub(super) brands: BTreeSet<&'a str>,
    /// The folder of the file.
    pub(super) folder: &'a Path,
    /// Whether there is a listener for what comes back.
    pub(super) has_inbound: bool,
}

/// Builds every provider whose settings are valid. Each invalid one is left out, with an error in `errors`.
pub(super) fn build_all(
    sections: &[Option<ProviderSection>],
    around: &ProviderCheckContext<'_>,
    errors: &mut ErrorCollector<'_>,
) -> Vec<ProviderConfig> {
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let Some(section) = section else { continue };
        let path = format!("providers[{index}]");
        let name = &section.name;
        if !names.insert(name) {
            errors.add(
                format!("{path}.name"),
                format_args!("must be unique: another provider is called {name:?}"),
            );
        }
        checked.extend(check_one(section, &path, around, errors));
    }
    checked
}

fn check_one(
    section: &ProviderSection,
    path: &str,
    around: &ProviderCheckContext<'_>,
    errors: &mut ErrorCollector<'_>,
) -> Option<ProviderConfig> {
    let name = section.name.parse().map_err(|error| errors.add(format!("{path}.name"), error)).ok();
    let has_domain = !section.failure_domain.trim().is_empty();
    errors.require(
        has_domain,
        format!("{path}.failure_domain"),
        "must name what the provider fails together with",
    );
    errors.add_all(path, section.errors());
    let brands = check_brands(&section.brands, path, &around.brands, errors);
    let senders = check_senders(section, path, &around.brands, errors);
    let transport = check_transport(section, path, errors);
    let business = check_business(section, path, errors);
    let KindSettings { kind, settings } = check_kind(section, path, errors)?;
    let built = BuildContext { transport: &transport, brands: &brands, business: &business, around };
    let parts = build(kind, settings.as_deref()?, path, &built, errors)?;
    Some(ProviderConfig {
        provider: Provider {
            name: name?,
            channel: section.channel,
            kind: kind.name.to_owned(),
            failure_domain: section.failure_domain.clone(),
            tier: section.tier,
            weight: section.weight,
            brands,
            senders,
            user_ids_of: parts.sends_to_user_ids.then_some(business),
            repeat_window: parts.repeat_window,
        },
        limits: transport.limits.with_last_answer(parts.last_answer_timeout),
        parts,
    })
}

/// The business at Meta; by default there is one for each provider. What is wrong there is left at a name of none, so that the
/// provider's own settings are checked all the same.
fn check_business(section: &ProviderSection, path: &str, errors: &mut ErrorCollector<'_>) -> BusinessId {
    let key = format!("{path}.business");
    let business = match &section.business {
        // A name that is wrong is told of as the provider's.
        None => section.name.parse().ok(),
        Some(_) if section.channel != Channel::Whatsapp => {
            errors.add(key, "must be left out: only WhatsApp knows people by ids of a business");
            None
        }
        Some(business) => business.parse().map_err(|error| errors.add(key, error)).ok(),
    };
    business.unwrap_or_else(|| "none".parse().expect("a word in lower case is the name of a business"))
}

fn check_brands(
    names: &[String],
    path: &str,
    known: &BTreeSet<&str>,
    errors: &mut ErrorCollector<'_>,
) -> Vec<BrandId> {
    let mut served = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match name.parse() {
            Ok(id) if known.contains(name.as_str()) => served.push(id),
            _ => {
                let known: Vec<_> = known.iter().copied().collect();
                let message = format_args!(
                    "must be one of the brands of this file ({}), not {name:?}",
                    known.join(", ")
                );
                errors.add(format!("{path}.brands[{index}]"), message);
            }
        }
    }
    served
}

/// How the provider is reached. What is wrong there is left at its default, so that the provider's own settings are checked all
/// the same.
fn check_transport(section: &ProviderSection, path: &str, errors: &mut ErrorCollector<'_>) -> Transport {
    let wrong = section.limits.errors();
    let mut limits = if wrong.is_empty() { section.limits.clone() } else { ProviderLimits::default() };
    let kind = section.kinds.first().map(|settings| settings.kind);
    limits.timeout_ms = limits.timeout_ms.or(kind.map(|kind| kind.timeout_ms));
    errors.add_all(&format!("{path}.limits"), wrong);
    let http = section.http.as_ref().map(HttpSettings::build).transpose();
    let http = http.map_err(|error| add(&error, &format!("{path}.http"), errors)).ok().flatten();
    Transport { limits, http: http.unwrap_or_default() }
}

/// Adds what is wrong in a table of settings, at the setting if there is one.
fn add(error: &ProviderBuildError, table: &str, errors: &mut ErrorCollector<'_>) {
    match error {
        ProviderBuildError::Setting { setting, must } => errors.add(format!("{table}.{setting}"), must),
        ProviderBuildError::File { setting, path, detail } => {
            let must = format_args!("must be a file that can be used: {path} cannot ({detail})");
            errors.add(format!("{table}.{setting}"), must);
        }
        ProviderBuildError::Bounds(SettingError { key, must }) => errors.add(format!("{table}.{key}"), must),
        ProviderBuildError::HttpClient(_) => errors.add(table, error),
    }
}

fn check_senders(
    section: &ProviderSection,
    path: &str,
    known: &BTreeSet<&str>,
    errors: &mut ErrorCollector<'_>,
) -> BTreeMap<BrandId, String> {
    let serves = |brand: &String| section.brands.is_empty() || section.brands.contains(brand);
    let mut senders = BTreeMap::new();
    for (brand, sender) in &section.senders {
        let key = join_path(&format!("{path}.senders"), brand);
        match brand.parse() {
            _ if sender.trim().is_empty() => errors.add(key, "must not be empty"),
            Ok(id) if known.contains(brand.as_str()) && serves(brand) => {
                drop(senders.insert(id, sender.clone()))
            }
            _ => errors.add(key, "must be for a brand of this file that the provider serves"),
        }
    }
    senders
}

/// The one table that names the provider's kind.
fn check_kind<'s>(
    section: &'s ProviderSection,
    path: &str,
    errors: &mut ErrorCollector<'_>,
) -> Option<&'s KindSettings> {
    let [settings] = section.kinds.as_slice() else {
        if !(section.kinds.is_empty() && section.has_unknown) {
            errors.add(path, format_args!("must have exactly one of the tables {}", tables()));
        }
        return None;
    };
    let kind = settings.kind;
    if section.http.is_some() && !kind.is_http {
        let must = format_args!("must be left out: {} is not reached over HTTP", kind.name);
        errors.add(format!("{path}.http"), must);
    }
    if let Some(channel) = kind.channel.filter(|channel| *channel != section.channel) {
        let must = format_args!("must be \"{channel}\", the only channel that {} carries", kind.name);
        errors.add(format!("{path}.channel"), must);
    }
    Some(settings)
}

/// The names of the tables of all kinds.
fn tables() -> String {
    let names: Vec<&str> = PROVIDER_KINDS.iter().map(|kind| kind.name).collect();
    match names.split_last() {
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// What of a provider's section its settings are built with.
struct BuildContext<'a> {
    transport: &'a Transport,
    brands: &'a [BrandId],
    business: &'a BusinessId,
    around: &'a ProviderCheckContext<'a>,
}

/// Builds the provider, which makes the checks of its kind.
fn build(
    kind: &ProviderKind,
    settings: &dyn ProviderSettings,
    path: &str,
    built: &BuildContext<'_>,
    errors: &mut ErrorCollector<'_>,
) -> Option<ProviderParts> {
    let table = format!("{path}.{}", kind.name);
    if errors.has_at(&table) {
        // It would stumble over what was left out.
        return None;
    }
    let BuildContext { transport, brands: served, business, around } = *built;
    let every: Vec<BrandId> = around.brands.iter().filter_map(|name| name.parse().ok()).collect();
    let brands = if served.is_empty() { &every } else { served };
    let ProviderCheckContext { folder, has_inbound, .. } = *around;
    let context = ProviderContext { transport, brands, config_dir: folder, has_inbound, business };
    settings.build(&context).map_err(|error| add(&error, &table, errors)).ok()
}
