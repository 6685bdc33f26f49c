//! Providers: as written in the file, and as checked.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::errors::Errors;
use crate::adapters::{BuildError, Limits, email, sandbox, sms, telegram, whatsapp};
use crate::model::{BrandId, Channel, Provider};

/// A provider in the file: exactly one of the last five tables names its kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderSettings {
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
    pub(super) limits: Limits,
    smtp: Option<email::Settings>,
    twilio: Option<sms::twilio::Settings>,
    telegram: Option<telegram::bot::Settings>,
    whatsapp_cloud: Option<whatsapp::cloud::Settings>,
    sandbox: Option<sandbox::Settings>,
}

fn default_tier() -> u32 {
    1
}

fn default_weight() -> u32 {
    100
}

/// A provider, checked.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The provider as routing sees it.
    pub provider: Provider,
    /// How hard it may be driven.
    pub limits: Limits,
    /// Its adapter's own settings.
    pub adapter: AdapterSettings,
}

/// The settings of one kind of adapter.
#[derive(Debug, Clone)]
pub enum AdapterSettings {
    /// Email through an SMTP server.
    Smtp(email::Settings),
    /// SMS through Twilio's Messages API.
    Twilio(sms::twilio::Settings),
    /// Telegram through the Bot API.
    Telegram(telegram::bot::Settings),
    /// WhatsApp through Meta's Cloud API.
    WhatsappCloud(whatsapp::cloud::Settings),
    /// Any channel, to nobody.
    Sandbox(sandbox::Settings),
}

impl AdapterSettings {
    /// The kind's name: that of its table in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Twilio(_) => "twilio",
            Self::Telegram(_) => "telegram",
            Self::WhatsappCloud(_) => "whatsapp_cloud",
            Self::Sandbox(_) => "sandbox",
        }
    }

    /// The only channel this kind carries; `None` when it carries all.
    fn channel(&self) -> Option<Channel> {
        match self {
            Self::Smtp(_) => Some(Channel::Email),
            Self::Twilio(_) => Some(Channel::Sms),
            Self::Telegram(_) => Some(Channel::Telegram),
            Self::WhatsappCloud(_) => Some(Channel::Whatsapp),
            Self::Sandbox(_) => None,
        }
    }

    /// Builds the adapter and drops it: its own checks are the only ones there are.
    fn try_build(&self, limits: &Limits) -> Result<(), BuildError> {
        match self {
            Self::Smtp(settings) => email::Smtp::new(settings, limits).map(drop),
            Self::Twilio(settings) => sms::twilio::Twilio::new(settings, limits).map(drop),
            Self::Telegram(settings) => telegram::bot::Bot::new(settings, limits).map(drop),
            Self::WhatsappCloud(settings) => whatsapp::cloud::Cloud::new(settings, limits).map(drop),
            Self::Sandbox(_) => Ok(()),
        }
    }
}

impl ProviderSettings {
    /// Makes the paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(ca) = self.smtp.as_mut().and_then(|smtp| smtp.ca_file.as_mut()) {
            super::file::in_folder(ca, folder);
        }
    }

    fn take_adapter(&mut self) -> Vec<AdapterSettings> {
        let kinds = [
            self.smtp.take().map(AdapterSettings::Smtp),
            self.twilio.take().map(AdapterSettings::Twilio),
            self.telegram.take().map(AdapterSettings::Telegram),
            self.whatsapp_cloud.take().map(AdapterSettings::WhatsappCloud),
            self.sandbox.take().map(AdapterSettings::Sandbox),
        ];
        kinds.into_iter().flatten().collect()
    }
}

/// Checks all providers against each other and against the brands there are. Those that cannot be are left out, each
/// with an error.
pub(super) fn check(
    settings: Vec<ProviderSettings>,
    brands: &BTreeSet<&str>,
    errors: &mut Errors<'_>,
) -> Vec<ProviderConfig> {
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for (index, settings) in settings.into_iter().enumerate() {
        let path = format!("providers[{index}]");
        if !names.insert(settings.name.clone()) {
            let name = &settings.name;
            errors.add(
                format!("{path}.name"),
                format_args!("must be unique: another provider is called {name:?}"),
            );
        }
        checked.extend(check_one(settings, &path, brands, errors));
    }
    checked
}

fn check_one(
    mut settings: ProviderSettings,
    path: &str,
    brands: &BTreeSet<&str>,
    errors: &mut Errors<'_>,
) -> Option<ProviderConfig> {
    let name = settings.name.parse().map_err(|error| errors.add(format!("{path}.name"), error)).ok();
    let domain = !settings.failure_domain.trim().is_empty();
    errors.require(
        domain,
        format!("{path}.failure_domain"),
        "must name what the provider fails together with",
    );
    errors.require(settings.weight > 0, format!("{path}.weight"), "must be at least 1");
    let served = check_brands(&settings.brands, path, brands, errors);
    let limits_right = check_limits(&settings.limits, path, errors);
    let adapter = check_adapter(&mut settings, path, limits_right, errors)?;
    Some(ProviderConfig {
        provider: Provider {
            name: name?,
            channel: settings.channel,
            kind: adapter.kind().to_owned(),
            failure_domain: settings.failure_domain,
            tier: settings.tier,
            weight: settings.weight,
            brands: served,
        },
        limits: settings.limits,
        adapter,
    })
}

fn check_brands(
    names: &[String],
    path: &str,
    known: &BTreeSet<&str>,
    errors: &mut Errors<'_>,
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

fn check_limits(limits: &Limits, path: &str, errors: &mut Errors<'_>) -> bool {
    let rate = limits.rate_per_second.is_none_or(|rate| rate.is_finite() && rate > 0.0);
    let connect = (1..=limits.timeout_ms).contains(&limits.connect_timeout_ms);
    let checks = [
        (limits.max_concurrency > 0, "max_concurrency", "must be at least 1"),
        (rate, "rate_per_second", "must be above 0; leave it out for no limit"),
        (limits.timeout_ms > 0, "timeout_ms", "must be at least 1"),
        (connect, "connect_timeout_ms", "must be at least 1 and at most timeout_ms"),
    ];
    for (right, key, must) in checks {
        errors.require(right, format!("{path}.limits.{key}"), must);
    }
    checks.iter().all(|(right, ..)| *right)
}

fn check_adapter(
    settings: &mut ProviderSettings,
    path: &str,
    limits_right: bool,
    errors: &mut Errors<'_>,
) -> Option<AdapterSettings> {
    let mut kinds = settings.take_adapter();
    let (Some(adapter), true) = (kinds.pop(), kinds.is_empty()) else {
        let must = "must have exactly one of the tables smtp, twilio, telegram, whatsapp_cloud and sandbox";
        errors.add(path, must);
        return None;
    };
    let kind = adapter.kind();
    if let Some(channel) = adapter.channel().filter(|channel| *channel != settings.channel) {
        errors.add(
            format!("{path}.channel"),
            format_args!("must be \"{channel}\", the only channel that {kind} carries"),
        );
    }
    if limits_right && let Err(error) = adapter.try_build(&settings.limits) {
        match error {
            BuildError::Setting { setting, must } => errors.add(format!("{path}.{kind}.{setting}"), must),
            other => errors.add(format!("{path}.{kind}"), other),
        }
    }
    Some(adapter)
}
