//! A provider of every kind with an HTTP API, as a configuration makes them, and a message that each carries.

use std::fs;
use std::sync::{Arc, OnceLock};

use relevo::adapters::hooks::Hook;
use relevo::adapters::{Adapter, Envelope};
use relevo::config::{AdapterSettings, Config};
use relevo::model::{Address, Channel, Class, MessageId, Phone, Rendered};

use super::api;

/// What signs the calls of every provider, and is its secret in every other way where any text will do.
pub const SECRET: &str = "the-secret";

/// One provider.
pub struct Provider {
    pub name: String,
    pub kind: &'static str,
    pub adapter: Arc<dyn Adapter>,
    pub hook: Option<Arc<dyn Hook>>,
    pub envelope: Envelope,
}

/// Each kind's channel, table and settings, where `SECRET` stands for [`SECRET`]. New ones come last, so that the inputs in the corpus keep their meaning.
const KINDS: &[(&str, &str, &str)] = &[
    ("email", "sendgrid", "api_key = SECRET\nfrom = 'shop@example.com'"),
    ("email", "resend", "api_key = SECRET\nfrom = 'shop@example.com'"),
    ("email", "postmark", "server_token = SECRET\nfrom = 'shop@example.com'"),
    ("email", "mailgun", "api_key = SECRET\ndomain = 'example.com'\nfrom = 'shop@example.com'"),
    ("email", "brevo", "api_key = SECRET\nfrom = 'shop@example.com'"),
    (
        "email",
        "ses",
        "region = 'eu-west-1'\naccess_key_id = 'AKIDEXAMPLEAKIDEXAMPLE'\nsecret_access_key = SECRET\nfrom = 'shop@example.com'",
    ),
    (
        "sms",
        "twilio",
        "account_sid = 'AC11111111111111111111111111111111'\nauth_token = SECRET\nfrom = '+34910000000'",
    ),
    ("sms", "vonage", "api_key = 'abcd1234'\napi_secret = SECRET\nfrom = '+34910000000'"),
    ("sms", "infobip", "api_key = SECRET\nfrom = '+34910000000'"),
    ("sms", "sinch", "service_plan_id = 'plan-1'\napi_token = SECRET\nfrom = '+34910000000'"),
    (
        "sms",
        "sns",
        "region = 'eu-west-1'\naccess_key_id = 'AKIDEXAMPLEAKIDEXAMPLE'\nsecret_access_key = SECRET",
    ),
    ("telegram", "telegram", "token = { file = 'token' }"),
    (
        "whatsapp",
        "whatsapp_cloud",
        "phone_number_id = '106540352242922'\naccess_token = SECRET\napp_secret = SECRET\nverify_token = SECRET",
    ),
    ("whatsapp", "whatsapp_vonage", "api_key = 'abcd1234'\napi_secret = SECRET\nfrom = '+34910000000'"),
    (
        "whatsapp",
        "whatsapp_twilio",
        "account_sid = 'AC11111111111111111111111111111111'\nauth_token = SECRET\nfrom = '+34910000000'",
    ),
    ("whatsapp", "whatsapp_infobip", "api_key = SECRET\nfrom = '+34910000000'"),
    ("sms", "webhook", "secret = { file = 'webhook' }"),
];

/// All of them, in the order of [`KINDS`].
pub fn all() -> &'static [Provider] {
    static ALL: OnceLock<Vec<Provider>> = OnceLock::new();
    ALL.get_or_init(|| {
        let config = config();
        config
            .providers
            .iter()
            .map(|own| {
                let AdapterSettings::Remote(remote) = &own.adapter else { unreachable!("none is a sandbox") };
                Provider {
                    name: own.provider.name.to_string(),
                    kind: own.adapter.kind(),
                    adapter: remote.build(&own.transport).expect("it was built when it was checked"),
                    hook: remote.hook(&own.transport),
                    envelope: envelope(own.provider.channel),
                }
            })
            .collect()
    })
}

fn config() -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = |(channel, table, settings): &(&str, &str, &str)| {
        let name = table.replace('_', "-");
        let settings = settings.replace("SECRET", "{ file = 'secret' }");
        let url = if *table == "webhook" { "url" } else { "base_url" };
        format!(
            "[[providers]]\nname = '{name}'\nchannel = '{channel}'\nfailure_domain = '{name}'\n\
             [providers.limits]\nconnect_timeout_ms = 1000\ntimeout_ms = 1000\n\
             [providers.{table}]\n{settings}\n{url} = '{}'\n",
            api::url()
        )
    };
    let text = format!("[brands.acme]\n{}", KINDS.iter().map(provider).collect::<String>());
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
    write("relevo.toml", &text);
    write("secret", SECRET);
    write("token", "1234567890:the-secret");
    write("webhook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    Config::load(&folder.path().join("relevo.toml")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn envelope(channel: Channel) -> Envelope {
    let text = "Hello".to_owned();
    let (address, content) = match channel {
        Channel::Email => (
            Address::Email("ana@example.org".parse().expect("it is an address")),
            Rendered::Email { subject: "Hello".to_owned(), text: Some(text), html: None },
        ),
        Channel::Telegram => (Address::telegram(42).expect("it is a chat"), Rendered::Text(text)),
        Channel::Sms | Channel::Whatsapp => {
            (Address::Phone(Phone::from_e164("+34600123456").expect("it is a number")), Rendered::Text(text))
        }
    };
    Envelope {
        message_id: MessageId::new(1_795_000_000_000, &[7; 10]),
        attempt: 1,
        repeats: 1,
        brand: "acme".parse().expect("it is a brand"),
        class: Class::Transactional,
        topic: "orders".parse().expect("it is a topic"),
        channel,
        from: None,
        address,
        content,
        now: "2026-11-22T10:00:00Z".parse().expect("it is a time"),
    }
}
