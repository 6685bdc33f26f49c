//! Providers: as written in the file, and as checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::errors::ErrorCollector;
use super::locations::join;
use crate::adapters::webhooks::WebhookHandler;
use crate::adapters::{
    Adapter, BuildError, HttpSettings, HttpTransport, ProviderKind, ProviderLimits, Transport, email,
    sandbox, sms, telegram, webhook, whatsapp,
};
use crate::model::{BrandId, Channel, Provider};

/// Every kind of provider there is but the sandbox: its table in the file, its name here, and its settings.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $table:ident: $kind:ident($settings:ty),)+) => {
        /// A provider in the file: exactly one of the tables after `limits` names its kind.
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
            pub(super) senders: BTreeMap<String, String>,
            #[serde(default)]
            pub(super) limits: ProviderLimits,
            pub(super) http: Option<HttpSettings>,
            $($table: Option<$settings>,)+
            sandbox: Option<sandbox::SandboxSettings>,
        }

        impl ProviderSettings {
            fn take_adapter(&mut self) -> Vec<AdapterSettings> {
                let remote = [$(self.$table.take().map(Remote::$kind)),+].into_iter().flatten().map(Box::new);
                remote.map(AdapterSettings::Remote).chain(self.sandbox.take().map(AdapterSettings::Sandbox)).collect()
            }

            fn remote(&mut self) -> impl Iterator<Item = &mut dyn ProviderKind> {
                [$(self.$table.as_mut().map(|own| own as &mut dyn ProviderKind)),+].into_iter().flatten()
            }
        }

        /// The settings of one kind of adapter that calls a provider.
        #[derive(Debug, Clone)]
        pub enum Remote {
            $($(#[doc = $doc])+ $kind($settings),)+
        }

        impl Remote {
            /// The names of their tables in the file.
            pub(super) const TABLES: &[&str] = &[$(stringify!($table)),+];

            fn table(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => stringify!($table),)+
                }
            }

            fn kind(&self) -> &dyn ProviderKind {
                match self {
                    $(Self::$kind(own) => own,)+
                }
            }
        }
    };
}

kinds! {
    /// Email through an SMTP server.
    smtp: Smtp(email::SmtpSettings),
    /// Email through SendGrid's Web API.
    sendgrid: Sendgrid(email::sendgrid::SendgridSettings),
    /// Email through Resend.
    resend: Resend(email::resend::ResendSettings),
    /// Email through Postmark.
    postmark: Postmark(email::postmark::PostmarkSettings),
    /// Email through Mailgun.
    mailgun: Mailgun(email::mailgun::MailgunSettings),
    /// Email through Brevo.
    brevo: Brevo(email::brevo::BrevoSettings),
    /// Email through Amazon SES.
    ses: Ses(email::ses::SesSettings),
    /// SMS through Twilio's Messages API.
    twilio: Twilio(sms::twilio::TwilioSmsSettings),
    /// SMS through Vonage's SMS API.
    vonage: Vonage(sms::vonage::VonageSmsSettings),
    /// SMS through Infobip.
    infobip: Infobip(sms::infobip::InfobipSmsSettings),
    /// SMS through Sinch's SMS API.
    sinch: Sinch(sms::sinch::SinchSettings),
    /// SMS through Amazon SNS.
    sns: Sns(sms::sns::SnsSettings),
    /// SMS through an SMSC that speaks SMPP.
    smpp: Smpp(sms::smpp::SmppSettings),
    /// Telegram through the Bot API.
    telegram: Telegram(telegram::bot::TelegramSettings),
    /// WhatsApp through Meta's Cloud API.
    whatsapp_cloud: WhatsappCloud(whatsapp::cloud::WhatsappCloudSettings),
    /// WhatsApp through Vonage's Messages API.
    whatsapp_vonage: WhatsappVonage(whatsapp::vonage::VonageWhatsappSettings),
    /// WhatsApp through Twilio's Messages API.
    whatsapp_twilio: WhatsappTwilio(whatsapp::twilio::TwilioWhatsappSettings),
    /// WhatsApp through Infobip.
    whatsapp_infobip: WhatsappInfobip(whatsapp::infobip::InfobipWhatsappSettings),
    /// Any channel, through a receiver of one's own.
    webhook: Webhook(webhook::WebhookSettings),
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
    /// How it is reached.
    pub transport: Transport,
    /// Its adapter's own settings.
    pub adapter: AdapterSettings,
}

/// The settings of an adapter.
#[derive(Debug, Clone)]
pub enum AdapterSettings {
    /// It calls a provider.
    Remote(Box<Remote>),
    /// Any channel, to nobody.
    Sandbox(sandbox::SandboxSettings),
}

impl AdapterSettings {
    /// The kind's name: that of its table in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Remote(own) => own.table(),
            Self::Sandbox(_) => "sandbox",
        }
    }
}

impl Remote {
    /// Builds the adapter. Reads the files that its settings name.
    ///
    /// # Errors
    /// When a setting's value is wrong.
    pub fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError> {
        self.kind().build(transport)
    }

    /// What takes the provider's calls, where its settings say how to know them.
    pub fn hook(&self, transport: &Transport) -> Option<Arc<dyn WebhookHandler>> {
        self.kind().hook(transport)
    }
}

impl ProviderSettings {
    /// Makes the paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        let ca_file = self.http.as_mut().and_then(|http| http.ca_file.as_mut());
        ca_file.into_iter().for_each(|path| super::file::in_folder(path, folder));
        for path in self.remote().flat_map(ProviderKind::files) {
            super::file::in_folder(path, folder);
        }
    }
}

/// Checks all providers against each other and against the brands there are. Those that cannot be are left out, each
/// with an error.
pub(super) fn check(
    settings: Vec<ProviderSettings>,
    brands: &BTreeSet<&str>,
    errors: &mut ErrorCollector<'_>,
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

/// Checks what providers are told to send back, where there is no listener for anything that comes back.
pub(super) fn check_without_inbound(settings: &[ProviderSettings], errors: &mut ErrorCollector<'_>) {
    for (index, settings) in settings.iter().enumerate() {
        let asks = settings.smtp.as_ref().is_some_and(|smtp| smtp.bounce_address.is_some());
        errors.require(
            !asks,
            format!("providers[{index}].smtp.bounce_address"),
            "must be left out without [inbound], by whose listener for HTTP, or for LMTP in [inbound.mail], reports come back",
        );
    }
}

fn check_one(
    mut settings: ProviderSettings,
    path: &str,
    brands: &BTreeSet<&str>,
    errors: &mut ErrorCollector<'_>,
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
    let known = || brands.iter().filter_map(|name| name.parse().ok()).collect();
    let own = if served.is_empty() { known() } else { served.clone() };
    settings.remote().for_each(|kind| kind.set_brands(&own));
    let senders = check_senders(&settings, path, brands, errors);
    let transport = check_transport(&settings, path, errors);
    let adapter = check_adapter(&mut settings, path, transport.as_ref(), errors)?;
    Some(ProviderConfig {
        provider: Provider {
            name: name?,
            channel: settings.channel,
            kind: adapter.kind().to_owned(),
            failure_domain: settings.failure_domain,
            tier: settings.tier,
            weight: settings.weight,
            brands: served,
            senders,
        },
        transport: transport?,
        adapter,
    })
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

fn check_transport(
    settings: &ProviderSettings,
    path: &str,
    errors: &mut ErrorCollector<'_>,
) -> Option<Transport> {
    let limits = check_limits(&settings.limits, path, errors).then(|| settings.limits.clone());
    let http = match &settings.http {
        None => Some(HttpTransport::default()),
        Some(http) => http.read().map_err(|error| add(&error, &format!("{path}.http"), errors)).ok(),
    };
    Some(Transport { limits: limits?, http: http? })
}

/// Adds what is wrong in a table of settings, at the setting if there is one.
fn add(error: &BuildError, table: &str, errors: &mut ErrorCollector<'_>) {
    match error {
        BuildError::Setting { setting, must } => errors.add(format!("{table}.{setting}"), must),
        BuildError::File { setting, path, detail } => {
            let must = format_args!("must be a file that can be used: {path} cannot ({detail})");
            errors.add(format!("{table}.{setting}"), must);
        }
        BuildError::Client(_) => errors.add(table, error),
    }
}

fn check_senders(
    settings: &ProviderSettings,
    path: &str,
    known: &BTreeSet<&str>,
    errors: &mut ErrorCollector<'_>,
) -> BTreeMap<BrandId, String> {
    let serves = |brand: &String| settings.brands.is_empty() || settings.brands.contains(brand);
    let mut senders = BTreeMap::new();
    for (brand, sender) in &settings.senders {
        let key = join(&format!("{path}.senders"), brand);
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

fn check_limits(limits: &ProviderLimits, path: &str, errors: &mut ErrorCollector<'_>) -> bool {
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
    transport: Option<&Transport>,
    errors: &mut ErrorCollector<'_>,
) -> Option<AdapterSettings> {
    let mut kinds = settings.take_adapter();
    let (Some(adapter), true) = (kinds.pop(), kinds.is_empty()) else {
        let tables = Remote::TABLES.join(", ");
        errors.add(path, format_args!("must have exactly one of the tables {tables} and sandbox"));
        return None;
    };
    let is_http = matches!(&adapter, AdapterSettings::Remote(own) if own.kind().is_http());
    if settings.http.is_some() && !is_http {
        let kind = adapter.kind();
        errors.add(format!("{path}.http"), format_args!("must be left out: {kind} is not reached over HTTP"));
    }
    let AdapterSettings::Remote(remote) = &adapter else { return Some(adapter) };
    let table = remote.table();
    if let Some(channel) = remote.kind().channel().filter(|channel| *channel != settings.channel) {
        errors.add(
            format!("{path}.channel"),
            format_args!("must be \"{channel}\", the only channel that {table} carries"),
        );
    }
    // Building it makes its own checks, which are the only ones there are.
    if let Some(transport) = transport
        && let Err(error) = remote.build(transport)
    {
        add(&error, &format!("{path}.{table}"), errors);
    }
    Some(adapter)
}
