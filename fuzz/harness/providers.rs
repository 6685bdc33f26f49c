//! A provider of every kind with an HTTP API, as a configuration makes them, and a message that each carries; and one of SMTP,
//! for what comes back by mail.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use relevo::adapters::webhooks::WebhookHandler;
use relevo::adapters::{Envelope, ProviderParts};
use relevo::clock::Clock;
use relevo::config::{Config, ProviderConfig};
use relevo::model::{Address, Channel, MessageClass, MessageId, Phone, RenderedContent};

use super::{api, signed};

/// What signs the calls of every provider, and is its secret in every other way where any text will do.
pub const SECRET: &str = "the-secret";
/// The user that goes with it.
pub const USER: &str = "relevo";
/// The same in the form of Standard Webhooks.
pub const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How many calls Mailgun's handler may take before it is made anew: it remembers each, and once there are 50,000 of the same
/// second it refuses those that it does not know.
const MAX_REMEMBERED_CALLS: u32 = 40_000;

/// One provider.
pub struct Provider {
    pub name: String,
    pub kind: String,
    pub envelope: Envelope,
    pub parts: ProviderParts,
}

impl Provider {
    /// What takes its calls.
    pub fn webhooks(&self) -> Option<Arc<dyn WebhookHandler>> {
        if self.kind == "mailgun" { Some(mailgun_webhooks()) } else { self.parts.webhook_handler.clone() }
    }
}

/// What takes the calls of Mailgun, and remembers not too many of them.
fn mailgun_webhooks() -> Arc<dyn WebhookHandler> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    static HANDLER: Mutex<Option<Arc<dyn WebhookHandler>>> = Mutex::new(None);
    let mut handler = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    if CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(MAX_REMEMBERED_CALLS) {
        *handler = None;
    }
    let handler = handler.get_or_insert_with(|| {
        let section = KINDS.iter().find(|(_, table, _)| *table == "mailgun").map(section);
        let mailgun = providers(&section.expect("it is among them")).pop().expect("there is one");
        mailgun.parts.webhook_handler.expect("it has a signing key")
    });
    Arc::clone(handler)
}

/// The topic to which SES publishes, and the host that serves the certificates of SNS. Its name is nowhere known: the
/// providers are reached through a proxy.
pub const TOPIC_ARN: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";
pub const SNS_HOST: &str = "sns.test";

/// Each kind's channel, table and settings, with files in the place of secrets. New ones come last, so that
/// the inputs in the corpus keep their meaning.
const KINDS: &[(&str, &str, &str)] = &[
    ("email", "sendgrid", "api_key = SECRET\nfrom = 'shop@example.com'\nwebhook_public_key = PUBLIC_KEY"),
    ("email", "resend", "api_key = SECRET\nfrom = 'shop@example.com'\nwebhook_secret = { file = 'webhook' }"),
    ("email", "postmark", "server_token = SECRET\nfrom = 'shop@example.com'\nBASIC"),
    (
        "email",
        "mailgun",
        "api_key = SECRET\ndomain = 'example.com'\nfrom = 'shop@example.com'\nwebhook_signing_key = SECRET",
    ),
    ("email", "brevo", "api_key = SECRET\nfrom = 'shop@example.com'\nwebhook_token = SECRET"),
    (
        "email",
        "ses",
        "region = 'eu-west-1'\naccess_key_id = 'AKIDEXAMPLEAKIDEXAMPLE'\nsecret_access_key = SECRET\nfrom = 'shop@example.com'\n\
         topic_arn = 'TOPIC_ARN'\nsns_certificate_hosts = ['SNS_HOST']",
    ),
    (
        "sms",
        "twilio",
        "account_sid = 'AC11111111111111111111111111111111'\nauth_token = SECRET\nfrom = '+34910000000'",
    ),
    (
        "sms",
        "vonage",
        "api_key = 'abcd1234'\napi_secret = SECRET\nfrom = '+34910000000'\nsignature_secret = SECRET",
    ),
    ("sms", "infobip", "api_key = SECRET\nfrom = '+34910000000'\nBASIC"),
    (
        "sms",
        "sinch",
        "service_plan_id = 'plan-1'\napi_token = SECRET\nfrom = '+34910000000'\nwebhook_secret = SECRET",
    ),
    (
        "sms",
        "sns",
        "region = 'eu-west-1'\naccess_key_id = 'AKIDEXAMPLEAKIDEXAMPLE'\nsecret_access_key = SECRET",
    ),
    (
        "telegram",
        "telegram",
        "token = { file = 'token' }\nbot_username = 'shop_bot'\nwebhook_secret = SECRET",
    ),
    (
        "whatsapp",
        "whatsapp_cloud",
        "phone_number_id = '106540352242922'\naccess_token = SECRET\napp_secret = SECRET\nverify_token = SECRET",
    ),
    (
        "whatsapp",
        "whatsapp_vonage",
        "api_key = 'abcd1234'\napi_secret = SECRET\nfrom = '+34910000000'\nsignature_secret = SECRET",
    ),
    (
        "whatsapp",
        "whatsapp_twilio",
        "account_sid = 'AC11111111111111111111111111111111'\nauth_token = SECRET\nfrom = '+34910000000'",
    ),
    ("whatsapp", "whatsapp_infobip", "api_key = SECRET\nfrom = '+34910000000'\nBASIC"),
    ("sms", "webhook", "secret = { file = 'webhook' }"),
];

/// The provider that the first byte of an input chooses: `0` is the first of [`KINDS`], and every byte is one of them.
pub fn chosen_by(byte: u8) -> &'static Provider {
    let providers = all();
    &providers[usize::from(byte.wrapping_sub(b'0')) % providers.len()]
}

/// All of them, in the order of [`KINDS`].
pub fn all() -> &'static [Provider] {
    static ALL: OnceLock<Vec<Provider>> = OnceLock::new();
    ALL.get_or_init(|| providers(&KINDS.iter().map(section).collect::<String>()))
}

/// One that sends mail by SMTP, and takes reports on it.
pub fn smtp() -> &'static Provider {
    static SMTP: OnceLock<Provider> = OnceLock::new();
    SMTP.get_or_init(|| {
        let table = "[[providers]]\nname = 'smtp'\nchannel = 'email'\nfailure_domain = 'smtp'\n\
             [providers.smtp]\nhost = 'localhost'\nfrom = 'shop@example.com'\n\
             bounce_address = 'bounce@bounces.example.com'\nbounce_secret = { file = 'secret' }\n";
        providers(table).pop().expect("there is one")
    })
}

fn section((channel, table, settings): &(&str, &str, &str)) -> String {
    let name = table.replace('_', "-");
    let settings = settings
        .replace("BASIC", &format!("webhook_user = '{USER}'\nwebhook_password = SECRET"))
        .replace("SECRET", "{ file = 'secret' }")
        .replace("TOPIC_ARN", TOPIC_ARN)
        .replace("SNS_HOST", SNS_HOST)
        .replace("PUBLIC_KEY", &format!("'{}'", signed::sendgrid_public_key()));
    let api = api::url();
    let url = if *table == "webhook" { "url" } else { "base_url" };
    format!(
        "[[providers]]\nname = '{name}'\nchannel = '{channel}'\nfailure_domain = '{name}'\n\
         [providers.limits]\nconnect_timeout_ms = 1000\ntimeout_ms = 1000\n\
         [providers.http]\nproxy = '{api}'\n\
         [providers.{table}]\n{settings}\n{url} = '{api}'\n"
    )
}

fn providers(tables: &str) -> Vec<Provider> {
    let provider = |ProviderConfig { provider, parts, .. }: ProviderConfig| Provider {
        name: provider.name.to_string(),
        kind: provider.kind,
        envelope: envelope(provider.channel),
        parts,
    };
    config(tables).providers.into_iter().map(provider).collect()
}

fn config(tables: &str) -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
    let inbound = "[inbound]\nlisten = '127.0.0.1:8080'\npublic_url = 'https://hooks.example.com'\n";
    write("relevo.toml", &format!("[brands.acme]\n{inbound}{tables}"));
    write("secret", SECRET);
    write("token", "1234567890:the-secret");
    write("webhook", STANDARD_SECRET);
    let now = Clock::system().expect("the system has randomness").now();
    Config::load(&folder.path().join("relevo.toml"), now).unwrap_or_else(|errors| panic!("{errors}"))
}

fn envelope(channel: Channel) -> Envelope {
    let text = "Hello".to_owned();
    let (address, content) = match channel {
        Channel::Email => (
            Address::Email("ana@example.org".parse().expect("it is an address")),
            RenderedContent::Email { subject: "Hello".to_owned(), text: Some(text), html: None },
        ),
        Channel::Telegram => (Address::telegram(42).expect("it is a chat"), RenderedContent::Text(text)),
        Channel::Sms | Channel::Whatsapp => (
            Address::Phone(Phone::from_e164("+34600123456").expect("it is a number")),
            RenderedContent::Text(text),
        ),
    };
    Envelope {
        message_id: MessageId::new(1_795_000_000_000, &[7; 10]),
        attempt: 1,
        idempotency_attempt: 1,
        brand: "acme".parse().expect("it is a brand"),
        class: MessageClass::Transactional,
        topic: "orders".parse().expect("it is a topic"),
        channel,
        from: None,
        address,
        content,
        now: super::now(),
    }
}
