//! The settings of every kind: they are read, a wrong one is named, and no secret among them is ever shown.

use std::path::Path;

use toml::de::DeTable;

use super::*;
use crate::adapters::{ProviderBuildError, ProviderContext, ProviderParts, Transport};

/// The settings of one kind, each with its value in TOML. In values, `SECRET` is any secret, `WHSEC` one of Standard Webhooks,
/// `EMPTY` none at all, `TOKEN` a bot's, and `SID` the 32 digits of one of Twilio's ids.
struct KindRow {
    table: &'static str,
    /// Those that a provider of this kind must have.
    required: &'static [(&'static str, &'static str)],
    /// The other secrets, and what they need beside them.
    secrets: &'static [(&'static str, &'static str)],
    /// Whether webhooks are served without those secrets, and with them.
    takes_calls: [bool; 2],
    /// Where the API is when nothing else is said; empty for kinds that have none or must be told.
    api: &'static str,
    /// Changes to what is required, each with how the error that names it begins.
    wrong: &'static [(&'static [(&'static str, &'static str)], &'static str)],
}

const BASIC_AUTH: &[(&str, &str)] = &[("webhook_user", "'relevo'"), ("webhook_password", "SECRET")];
const BASIC_AUTH_HALF: (&[(&str, &str)], &str) =
    (&[("webhook_user", "'relevo'")], "webhook_password must be set where webhook_user is");
const WRONG_BASE_URL: (&[(&str, &str)], &str) = (&[("base_url", "'here'")], "base_url must be a URL");
const WRONG_FROM_EMAIL: (&[(&str, &str)], &str) = (&[("from", "'the shop'")], "from must be an email");
const WRONG_REPLY_TO: (&[(&str, &str)], &str) = (&[("reply_to", "'nobody'")], "reply_to must be an email");
const WRONG_FROM_SMS: (&[(&str, &str)], &str) =
    (&[("from", "'Acme Anonymous'")], "from must be a phone number");
const WRONG_FROM_WHATSAPP: (&[(&str, &str)], &str) =
    (&[("from", "'ACME'")], "from must be a WhatsApp number in international form such as +34600123456");
const WRONG_REGION: (&[(&str, &str)], &str) = (&[("region", "'Ireland'")], "region must be the code");
const WRONG_REPEAT_WINDOW: (&[(&str, &str)], &str) =
    (&[("repeat_window_minutes", "1")], "repeat_window_minutes must be from 2 to 43200");
const EMPTY_API_KEY: (&[(&str, &str)], &str) = (&[("api_key", "EMPTY")], "api_key must be");

const ROWS: &[KindRow] = &[
    KindRow {
        table: "smtp",
        required: &[("host", "'mail.example.com'"), ("from", "'shop@example.com'")],
        secrets: &[
            ("username", "'shop'"),
            ("password", "SECRET"),
            ("bounce_address", "'bounce@example.com'"),
            ("bounce_secret", "SECRET"),
        ],
        takes_calls: [false, true],
        api: "",
        wrong: &[
            (&[("host", "'two words'")], "host must be"),
            (&[("hello_name", "'two words'")], "hello_name must be a domain name"),
            (
                &[("username", "'shop'")],
                "password or oauth2_token_file must be given if and only if username is",
            ),
            (
                &[("username", "'shop'"), ("password", "SECRET"), ("tls", "'none'")],
                "tls must not be \"none\"",
            ),
            (&[("ca_file", "'/nonexistent'")], "ca_file: /nonexistent cannot be used"),
            (&[("bounce_secret", "SECRET")], "bounce_secret must be given if and only if bounce_address is"),
            (&[("bounce_secret", "SECRET"), ("bounce_address", "'example.com'")], "bounce_address must be"),
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
        ],
    },
    KindRow {
        table: "sendgrid",
        required: &[("api_key", "SECRET"), ("from", "'shop@example.com'")],
        secrets: &[],
        takes_calls: [false, false],
        api: "api.sendgrid.com",
        wrong: &[
            (&[("webhook_public_key", "'AAAA'")], "webhook_public_key must be the verification key"),
            EMPTY_API_KEY,
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "resend",
        required: &[("api_key", "SECRET"), ("from", "'shop@example.com'")],
        secrets: &[("webhook_secret", "WHSEC")],
        takes_calls: [false, true],
        api: "api.resend.com",
        wrong: &[
            (&[("webhook_secret", "SECRET")], "webhook_secret must be whsec_"),
            EMPTY_API_KEY,
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "postmark",
        required: &[("server_token", "SECRET"), ("from", "'shop@example.com'")],
        secrets: BASIC_AUTH,
        takes_calls: [false, true],
        api: "api.postmarkapp.com",
        wrong: &[
            (&[("server_token", "EMPTY")], "server_token must be the key"),
            (&[("message_stream", "'my stream'")], "message_stream must be a stream's id"),
            BASIC_AUTH_HALF,
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "mailgun",
        required: &[("domain", "'mg.example.com'"), ("api_key", "SECRET"), ("from", "'shop@example.com'")],
        secrets: &[("webhook_signing_key", "SECRET")],
        takes_calls: [false, true],
        api: "api.mailgun.net",
        wrong: &[
            (&[("domain", "''")], "domain must be a domain at Mailgun such as mg.example.com"),
            (&[("domain", "'localhost'")], "domain must be"),
            (&[("domain", "'example..com'")], "domain must be"),
            (&[("domain", "'example.com/'")], "domain must be"),
            (&[("domain", "'ex ample.com'")], "domain must be"),
            (&[("webhook_signing_key", "EMPTY")], "webhook_signing_key must not be empty"),
            EMPTY_API_KEY,
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "brevo",
        required: &[("api_key", "SECRET"), ("from", "'shop@example.com'")],
        secrets: &[("webhook_token", "SECRET")],
        takes_calls: [false, true],
        api: "api.brevo.com",
        wrong: &[
            (&[("webhook_token", "EMPTY")], "webhook_token must not be empty"),
            (
                &[("webhook_token", "SECRET"), ("webhook_user", "'relevo'"), ("webhook_password", "SECRET")],
                "webhook_token must be left out where webhook_user is set",
            ),
            BASIC_AUTH_HALF,
            EMPTY_API_KEY,
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "ses",
        required: &[
            ("region", "'eu-west-1'"),
            ("access_key_id", "'AKIAIOSFODNN7EXAMPLE'"),
            ("secret_access_key", "SECRET"),
            ("from", "'shop@example.com'"),
        ],
        secrets: &[("session_token", "SECRET"), ("topic_arn", "'arn:aws:sns:eu-west-1:123456789012:ses'")],
        takes_calls: [false, true],
        api: "email.eu-west-1.amazonaws.com",
        wrong: &[
            (&[("configuration_set", "'my set'")], "configuration_set must be the name"),
            (&[("topic_arn", "'ses'")], "topic_arn must be a topic's ARN"),
            (&[("access_key_id", "'AKIA 1'")], "access_key_id must be"),
            WRONG_REGION,
            WRONG_FROM_EMAIL,
            WRONG_REPLY_TO,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "twilio",
        required: &[("account_sid", "'ACSID'"), ("auth_token", "SECRET"), ("from", "'ACME'")],
        secrets: &[("api_key_sid", "'SKSID'"), ("account_auth_token", "SECRET"), ("shared_key", "SECRET")],
        takes_calls: [true, true],
        api: "api.twilio.com",
        wrong: &[
            (
                &[("account_sid", "'AC12'")],
                "account_sid must be the account's SID: AC and 32 hexadecimal digits",
            ),
            (&[("auth_token", "EMPTY")], "auth_token must not be empty"),
            (&[("account_auth_token", "EMPTY")], "account_auth_token must not be empty; leave it out"),
            (&[("shared_key", "EMPTY")], "shared_key must not be empty; leave it out"),
            (&[("api_key_sid", "'ACSID'")], "api_key_sid must be"),
            (&[("status_callback", "'https://user:pass@example.com'")], "status_callback must be a URL"),
            (&[("messaging_service_sid", "'MGSID'")], "from and messaging_service_sid must not both be set"),
            WRONG_FROM_SMS,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "vonage",
        required: &[("api_key", "'abcd1234'"), ("api_secret", "SECRET"), ("from", "'ACME'")],
        secrets: &[("signature_secret", "SECRET")],
        takes_calls: [false, true],
        api: "rest.nexmo.com",
        wrong: &[
            (&[("api_key", "'abc'")], "api_key must be the account's API key: eight letters and digits"),
            (&[("api_key", "'abcd 123'")], "api_key must be"),
            (&[("api_secret", "EMPTY")], "api_secret must not be empty"),
            (&[("signature_secret", "EMPTY")], "signature_secret must not be empty; leave it out"),
            WRONG_FROM_SMS,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "infobip",
        required: &[
            ("api_key", "SECRET"),
            ("base_url", "'https://abc12.api.infobip.com'"),
            ("from", "'ACME'"),
        ],
        secrets: BASIC_AUTH,
        takes_calls: [false, true],
        api: "",
        wrong: &[EMPTY_API_KEY, BASIC_AUTH_HALF, WRONG_FROM_SMS, WRONG_BASE_URL, WRONG_REPEAT_WINDOW],
    },
    KindRow {
        table: "sinch",
        required: &[("service_plan_id", "'plan-1'"), ("api_token", "SECRET"), ("from", "'ACME'")],
        secrets: &[
            ("webhook_secret", "SECRET"),
            ("webhook_user", "'relevo'"),
            ("webhook_password", "SECRET"),
        ],
        takes_calls: [false, true],
        api: "eu.sms.api.sinch.com",
        wrong: &[
            (&[("service_plan_id", "''")], "service_plan_id must be the service plan's id"),
            (&[("service_plan_id", "'a/b'")], "service_plan_id must be"),
            (&[("api_token", "EMPTY")], "api_token must not be empty"),
            (&[("webhook_secret", "EMPTY")], "webhook_secret must not be empty; leave it out"),
            (&[("callback_url", "'https://u:p@example.com'")], "callback_url must be a URL"),
            BASIC_AUTH_HALF,
            WRONG_FROM_SMS,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "sns",
        required: &[
            ("region", "'eu-west-1'"),
            ("access_key_id", "'AKIAIOSFODNN7EXAMPLE'"),
            ("secret_access_key", "SECRET"),
        ],
        secrets: &[("session_token", "SECRET")],
        takes_calls: [false, false],
        api: "sns.eu-west-1.amazonaws.com",
        wrong: &[
            (&[("from", "''")], "from must be a phone number"),
            (&[("from", "'+'")], "from must be a phone number"),
            (&[("from", "'34910000000123'")], "from must be a phone number"),
            (&[("from", "'Acme Shoes'")], "from must be a phone number"),
            (&[("from", "'ACME-OF-SPAIN'")], "from must be a phone number"),
            (&[("from", "'12'")], "from must be a phone number"),
            (&[("from", "'Ácme'")], "from must be a phone number"),
            (&[("secret_access_key", "EMPTY")], "secret_access_key must be"),
            WRONG_REGION,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "smpp",
        required: &[("host", "'smsc.example.com'"), ("system_id", "'acme'"), ("password", "SECRET")],
        secrets: &[],
        takes_calls: [false, false],
        api: "",
        wrong: &[
            (&[("host", "'smsc example com'")], "host must be"),
            (&[("port", "0")], "port must be"),
            (&[("system_id", "'sixteen-letters-'")], "system_id must be 1 to 15"),
            (&[("password", "LONG")], "password must be at most 64 bytes"),
            (&[("system_type", "'a system type'")], "system_type must be at most 12"),
            (&[("window", "0")], "window must be from 1 to 1000"),
            (&[("enquire_link_ms", "0")], "enquire_link_ms must be from 1 to 86400000"),
            (&[("response_timeout_ms", "10000")], "response_timeout_ms must be less than"),
            (
                &[("reconnect_ms", "5000"), ("max_reconnect_ms", "4000")],
                "max_reconnect_ms must be at least reconnect_ms",
            ),
            (&[("validity_minutes", "0")], "validity_minutes must be from 1 to 43200"),
            (&[("ca_file", "'/nonexistent'")], "ca_file: /nonexistent cannot be used"),
            WRONG_FROM_SMS,
        ],
    },
    KindRow {
        table: "telegram",
        required: &[("token", "TOKEN")],
        secrets: &[("webhook_secret", "SECRET"), ("bot_username", "'acme_bot'")],
        takes_calls: [false, true],
        api: "api.telegram.org",
        wrong: &[
            (
                &[("token", "SECRET")],
                "token must be a bot's token: digits, a colon, then letters, digits, - and _",
            ),
            (&[("bot_username", "'@acme_bot'")], "bot_username must be the bot's user name without @"),
            (&[("bot_username", "'bot'")], "bot_username must be"),
            (&[("webhook_secret", "EMPTY")], "webhook_secret must be 1 to 256 letters, digits, - and _"),
            (&[("webhook_secret", "TWO WORDS")], "webhook_secret must be"),
            (
                &[("webhook_secret", "SECRET"), ("polling", "true")],
                "polling must be left out where webhook_secret",
            ),
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "whatsapp_cloud",
        required: &[("phone_number_id", "'106540352242922'"), ("access_token", "SECRET")],
        secrets: &[("app_secret", "SECRET"), ("verify_token", "SECRET")],
        takes_calls: [false, true],
        api: "graph.facebook.com",
        wrong: &[
            (&[("phone_number_id", "'+34600123456'")], "phone_number_id must be the id of a phone number"),
            (&[("access_token", "EMPTY")], "access_token must not be empty"),
            (&[("app_secret", "EMPTY")], "app_secret must not be empty; leave it out"),
            (&[("verify_token", "EMPTY")], "verify_token must not be empty; leave it out"),
            (&[("api_version", "'23.0'")], "api_version must be a version such as v23.0"),
            (&[("api_version", "'v23'")], "api_version must be"),
            (&[("api_version", "'v.0'")], "api_version must be"),
            (&[("api_version", "'vx.y'")], "api_version must be"),
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "whatsapp_vonage",
        required: &[("api_key", "'abcd1234'"), ("api_secret", "SECRET"), ("from", "'+34910000000'")],
        secrets: &[("signature_secret", "SECRET")],
        takes_calls: [false, true],
        api: "api.nexmo.com",
        wrong: &[
            (&[("api_key", "'abc'")], "api_key must be the account's API key: eight letters and digits"),
            (&[("api_secret", "EMPTY")], "api_secret must not be empty"),
            WRONG_FROM_WHATSAPP,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "whatsapp_twilio",
        required: &[("account_sid", "'ACSID'"), ("auth_token", "SECRET"), ("from", "'+34910000000'")],
        secrets: &[("api_key_sid", "'SKSID'"), ("account_auth_token", "SECRET"), ("shared_key", "SECRET")],
        takes_calls: [true, true],
        api: "api.twilio.com",
        wrong: &[
            (&[("account_sid", "'AC12'")], "account_sid must be"),
            (&[("auth_token", "EMPTY")], "auth_token must not be empty"),
            (
                &[("templates", "{ order_update = { es = 'HX12' } }")],
                "templates must give a content's SID for each language: HX and 32 hexadecimal digits",
            ),
            (&[("from", "'34910000000'")], "from must be a WhatsApp number"),
            (&[("from", "'+'")], "from must be a WhatsApp number"),
            (&[("from", "'whatsapp:+34910000000'")], "from must be a WhatsApp number"),
            WRONG_FROM_WHATSAPP,
            WRONG_BASE_URL,
        ],
    },
    KindRow {
        table: "whatsapp_infobip",
        required: &[
            ("api_key", "SECRET"),
            ("base_url", "'https://abc12.api.infobip.com'"),
            ("from", "'+34910000000'"),
        ],
        secrets: BASIC_AUTH,
        takes_calls: [false, true],
        api: "",
        wrong: &[EMPTY_API_KEY, BASIC_AUTH_HALF, WRONG_FROM_WHATSAPP, WRONG_BASE_URL, WRONG_REPEAT_WINDOW],
    },
    KindRow {
        table: "webhook",
        required: &[("url", "'https://relay.example.com'"), ("secret", "WHSEC")],
        secrets: &[("callback_secret", "WHSEC")],
        takes_calls: [true, true],
        api: "",
        wrong: &[
            (&[("url", "'relay'")], "url must be a URL"),
            (&[("secret", "SECRET")], "secret must be whsec_ and 24 to 64 random bytes in base64"),
            (&[("callback_secret", "SECRET")], "callback_secret must be whsec_"),
            WRONG_REPEAT_WINDOW,
        ],
    },
    KindRow {
        table: "sandbox",
        required: &[],
        secrets: &[],
        takes_calls: [false, false],
        api: "",
        wrong: &[],
    },
];

/// What every secret holds. With it after `whsec_`, 24 bytes in base64.
const HIDDEN: &str = "hunter2hunter2hunter2hunter2hunt";

/// The value of a setting without its placeholders.
fn value(template: &str) -> String {
    let secret = |text: &str| format!("{{ '$secret' = '{text}' }}");
    match template {
        "SECRET" => secret(HIDDEN),
        "WHSEC" => secret(&format!("whsec_{HIDDEN}")),
        "TOKEN" => secret(&format!("42:{HIDDEN}")),
        "LONG" => secret(&HIDDEN.repeat(3)),
        "TWO WORDS" => secret("two words"),
        "EMPTY" => secret(""),
        other => other.replace("SID'", &format!("{}'", "a".repeat(32))),
    }
}

/// A kind's table with these settings, of which later ones take the place of earlier ones of the same name.
fn table(settings: &[(&str, &str)]) -> String {
    let is_last = |index: usize| settings[index + 1..].iter().all(|(name, _)| *name != settings[index].0);
    let settings = settings.iter().enumerate().filter(|(index, _)| is_last(*index));
    settings.map(|(_, (name, template))| format!("{name} = {}\n", value(template))).collect()
}

fn settings(kind: &ProviderKind, text: &str) -> Result<Box<dyn ProviderSettings>, toml::de::Error> {
    let table = DeTable::parse(text).unwrap();
    let span = table.span();
    (kind.read_settings)(Spanned::new(span, DeValue::Table(table.into_inner())))
}

fn build(settings: &dyn ProviderSettings) -> Result<ProviderParts, ProviderBuildError> {
    let transport = Transport::default();
    let config_dir = Path::new("/");
    let business = "shop".parse().unwrap();
    settings.build(&ProviderContext {
        transport: &transport,
        brands: &[],
        config_dir,
        has_inbound: true,
        business: &business,
    })
}

/// Every kind with its row.
fn rows() -> impl Iterator<Item = (&'static ProviderKind, &'static KindRow)> {
    let row = |kind: &'static ProviderKind| {
        let row = ROWS.iter().find(|row| row.table == kind.name);
        (kind, row.unwrap_or_else(|| panic!("{} has no row in this test: add one", kind.name)))
    };
    PROVIDER_KINDS.iter().map(row)
}

#[test]
fn what_is_required_is_enough_and_whatever_of_it_is_missing_is_named() {
    for (kind, row) in rows() {
        let parts = build(settings(kind, &table(row.required)).unwrap().as_ref()).unwrap();
        assert_eq!(parts.webhook_handler.is_some(), row.takes_calls[0], "{}", row.table);
        assert!(format!("{parts:?}").contains(row.api), "{} {parts:?}", row.table);
        for (name, _) in row.required {
            let rest: Vec<_> = row.required.iter().filter(|(other, _)| other != name).copied().collect();
            let error = match settings(kind, &table(&rest)) {
                Err(error) => error.message().to_owned(),
                Ok(settings) => build(settings.as_ref()).unwrap_err().to_string(),
            };
            assert!(error.contains(name), "{} without {name}: {error}", row.table);
        }
    }
}

#[test]
fn a_setting_that_a_kind_does_not_have_is_named() {
    for (kind, row) in rows() {
        let misspelt = table(&[row.required, &[("frm", "'x'")]].concat());
        let error = settings(kind, &misspelt).unwrap_err();
        assert!(error.message().starts_with("unknown field `frm`"), "{} {error}", row.table);
    }
}

#[test]
fn a_wrong_setting_is_named_with_what_would_be_right() {
    for (kind, row) in rows() {
        for (changes, start) in row.wrong {
            let text = table(&[row.required, changes].concat());
            let error = build(settings(kind, &text).unwrap().as_ref()).unwrap_err().to_string();
            assert!(error.starts_with(start), "{} {changes:?}: {error}", row.table);
            assert!(!error.contains(HIDDEN), "{} {error}", row.table);
        }
    }
}

#[test]
fn secrets_are_never_shown() {
    for (kind, row) in rows() {
        let settings = settings(kind, &table(&[row.required, row.secrets].concat())).unwrap();
        let parts = build(settings.as_ref()).unwrap();
        assert_eq!(parts.webhook_handler.is_some(), row.takes_calls[1], "{}", row.table);
        let shown = format!("{settings:?} {parts:?}");
        assert!(!shown.contains(HIDDEN), "{} {shown}", row.table);
    }
}

#[test]
fn a_secret_that_stands_in_the_table_is_refused_without_being_shown() {
    for (kind, row) in rows() {
        let all = [row.required, row.secrets].concat();
        for (name, _) in all.iter().filter(|(_, value)| matches!(*value, "SECRET" | "WHSEC" | "TOKEN")) {
            let text = format!("'{HIDDEN}'");
            let error = settings(kind, &table(&[&all, &[(*name, text.as_str())][..]].concat())).unwrap_err();
            assert!(!error.message().contains(HIDDEN), "{} {name}: {error}", row.table);
        }
    }
}

#[test]
fn a_kind_listens_where_its_protocol_or_its_settings_say_so() {
    for (kind, row) in rows() {
        let more: &[(&str, &str)] = match kind.name {
            "telegram" => &[("polling", "true")],
            "sandbox" => &[("receipt_delay_ms", "1")],
            _ => &[],
        };
        let listener = |more| {
            let settings = settings(kind, &table(&[row.required, more].concat())).unwrap();
            build(settings.as_ref()).unwrap().listener
        };
        let is_smpp = kind.name == "smpp";
        assert_eq!(listener(&[]).is_some(), is_smpp, "{}", kind.name);
        assert_eq!(listener(more).is_some(), is_smpp || !more.is_empty(), "{}", kind.name);
        assert!(listener(more).is_none_or(|listener| listener.carries_deliveries() == is_smpp));
    }
}
