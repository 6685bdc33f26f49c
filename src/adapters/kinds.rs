//! Every kind of provider there is. A new one is a line of [`PROVIDER_KINDS`], and a row of the test beside it.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::channel_settings::ChannelSettings;
use super::parts::ProviderSettings;
use super::sms::twilio::TwilioAccountSettings;
use super::transport::DEFAULT_TIMEOUT_MS;
use super::{custom_webhook, email, sandbox, sms, telegram, whatsapp};
use crate::model::Channel;

/// A kind of provider.
#[derive(Debug)]
pub struct ProviderKind {
    /// The name of the kind, which is that of its table in the configuration.
    pub name: &'static str,
    /// The only channel that it carries; `None` when it carries any.
    pub channel: Option<Channel>,
    /// Whether it is reached over HTTP, so that settings of HTTP are for it.
    pub is_http: bool,
    /// How long a call may take unless the configuration says otherwise, in milliseconds.
    pub timeout_ms: u64,
    /// Reads its table. The error is the first setting that is unknown, missing, or of another type, with its place.
    pub read_settings: ReadSettings,
}

type ReadSettings = fn(Spanned<DeValue<'_>>) -> Result<Box<dyn ProviderSettings>, toml::de::Error>;

/// All kinds, in the order in which errors name them.
pub const PROVIDER_KINDS: &[ProviderKind] = &[
    ProviderKind {
        name: "smtp",
        channel: Some(Channel::Email),
        is_http: false,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        read_settings: read::<email::SmtpSettings>,
    },
    over_http("sendgrid", Channel::Email, read::<email::sendgrid::SendgridSettings>),
    with_keys("resend", Channel::Email, read::<email::resend::ResendSettings>),
    over_http("postmark", Channel::Email, read::<email::postmark::PostmarkSettings>),
    over_http("mailgun", Channel::Email, read::<email::mailgun::MailgunSettings>),
    with_keys("brevo", Channel::Email, read::<email::brevo::BrevoSettings>),
    over_http("ses", Channel::Email, read::<email::ses::SesSettings>),
    over_http(
        "twilio",
        Channel::Sms,
        read_both::<TwilioAccountSettings, sms::twilio::TwilioSmsSenderSettings>,
    ),
    over_http("vonage", Channel::Sms, read::<sms::vonage::VonageSmsSettings>),
    over_http("infobip", Channel::Sms, read::<sms::infobip::InfobipSmsSettings>),
    over_http("sinch", Channel::Sms, read::<sms::sinch::SinchSettings>),
    over_http("sns", Channel::Sms, read::<sms::sns::SnsSettings>),
    ProviderKind {
        name: "smpp",
        channel: Some(Channel::Sms),
        is_http: false,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        read_settings: read::<sms::smpp::SmppSettings>,
    },
    over_http("telegram", Channel::Telegram, read::<telegram::bot::TelegramSettings>),
    over_http("whatsapp_cloud", Channel::Whatsapp, read::<whatsapp::cloud::WhatsappCloudSettings>),
    over_http("whatsapp_vonage", Channel::Whatsapp, read::<whatsapp::vonage::VonageWhatsappSettings>),
    over_http(
        "whatsapp_twilio",
        Channel::Whatsapp,
        read_both::<TwilioAccountSettings, whatsapp::twilio::TwilioWhatsappSenderSettings>,
    ),
    over_http("whatsapp_infobip", Channel::Whatsapp, read::<whatsapp::infobip::InfobipWhatsappSettings>),
    ProviderKind {
        name: "webhook",
        channel: None,
        is_http: true,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        read_settings: read::<custom_webhook::CustomWebhookSettings>,
    },
    ProviderKind {
        name: "sandbox",
        channel: None,
        is_http: false,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        read_settings: read::<sandbox::SandboxSettings>,
    },
];

/// A kind that is reached over HTTP and does not know a call that is repeated. To give up on one that was taken costs a
/// second copy, so its answer is waited for as long as a slow one may take. At ten seconds a slow hour of the provider would
/// double messages; the AWS SDKs wait 60 (botocore, `read_timeout`).
const fn over_http(name: &'static str, channel: Channel, read_settings: ReadSettings) -> ProviderKind {
    let timeout_ms = 30_000;
    ProviderKind { name, channel: Some(channel), is_http: true, timeout_ms, read_settings }
}

/// A kind that is reached over HTTP and knows a call that is repeated: to give up on one costs nothing, so it is not waited for
/// long.
const fn with_keys(name: &'static str, channel: Channel, read_settings: ReadSettings) -> ProviderKind {
    ProviderKind { timeout_ms: DEFAULT_TIMEOUT_MS, ..over_http(name, channel, read_settings) }
}

/// Reads the settings of a kind.
fn read<S>(table: Spanned<DeValue<'_>>) -> Result<Box<dyn ProviderSettings>, toml::de::Error>
where
    S: ProviderSettings + DeserializeOwned + 'static,
{
    Ok(Box::new(S::deserialize(ValueDeserializer::from(table))?))
}

/// Reads the settings of a kind that are those of an account and those of its channel.
fn read_both<A, C>(table: Spanned<DeValue<'_>>) -> Result<Box<dyn ProviderSettings>, toml::de::Error>
where
    A: DeserializeOwned + 'static,
    C: DeserializeOwned + 'static,
    ChannelSettings<A, C>: ProviderSettings,
{
    Ok(Box::new(ChannelSettings::<A, C>::read(table)?))
}

#[cfg(test)]
mod tests;
