//! Providers for a configuration, each with its real adapter, and the answers of their servers.

use std::fmt::Display;

use serde_json::{Value, json};

/// A provider. `more` is further settings of it, with `[providers.limits]` last.
pub fn provider(name: &str, channel: &str, more: &str, adapter: &str) -> String {
    format!(
        "\n[[providers]]\nname = '{name}'\nchannel = '{channel}'\nfailure_domain = '{name}'\n{more}\n{adapter}\n"
    )
}

/// A sandbox for SMS, for tests that are not about providers.
pub fn sandbox() -> String {
    provider("sms", "sms", "", "[providers.sandbox]")
}

/// WhatsApp's Cloud API at `url`.
pub fn whatsapp(name: &str, url: impl Display, more: &str) -> String {
    let adapter = format!(
        "[providers.whatsapp_cloud]\nphone_number_id = '106540352242922'\naccess_token = {{ file = 'secret' }}\n\
         base_url = '{url}'"
    );
    provider(name, "whatsapp", more, &adapter)
}

/// Twilio's Messages API at `url`.
pub fn twilio(name: &str, url: impl Display, more: &str) -> String {
    let adapter = format!(
        "[providers.twilio]\naccount_sid = 'AC{}'\nauth_token = {{ file = 'secret' }}\nfrom = '+34910000000'\n\
         base_url = '{url}'",
        "1".repeat(32)
    );
    provider(name, "sms", more, &adapter)
}

/// Telegram's Bot API at `url`.
pub fn telegram(name: &str, url: impl Display, more: &str) -> String {
    let adapter = format!("[providers.telegram]\ntoken = {{ file = 'token' }}\nbase_url = '{url}'");
    provider(name, "telegram", more, &adapter)
}

/// An SMTP server on `port`. `adapter_settings` is further settings of the adapter.
pub fn smtp(name: &str, port: u16, adapter_settings: &str, more: &str) -> String {
    let adapter = format!(
        "[providers.smtp]\nhost = 'localhost'\nport = {port}\nfrom = 'Shop <shop@example.com>'\n{adapter_settings}"
    );
    provider(name, "email", more, &adapter)
}

/// Resend's API at `url`.
pub fn resend(name: &str, url: impl Display) -> String {
    let adapter = format!(
        "[providers.resend]\napi_key = {{ file = 'secret' }}\nfrom = 'Shop <shop@example.com>'\nbase_url = '{url}'"
    );
    provider(name, "email", "", &adapter)
}

/// An account at the SMSC on `port`.
pub fn smpp(name: &str, port: u16) -> String {
    let adapter = format!(
        "[providers.smpp]\nhost = 'localhost'\nport = {port}\ntls = 'none'\nsystem_id = 'acme'\n\
         password = {{ file = 'secret' }}\nfrom = 'ACME'\nreconnect_ms = 20\nmax_reconnect_ms = 100"
    );
    provider(name, "sms", "", &adapter)
}

/// A receiver of webhooks at `url`, for any channel.
pub fn webhook(name: &str, channel: &str, url: impl Display) -> String {
    let adapter = format!("[providers.webhook]\nurl = '{url}/in'\nsecret = {{ file = 'webhook' }}");
    provider(name, channel, "", &adapter)
}

/// Twilio's answer to a message that it accepts. Every message gets a random id.
pub fn twilio_accepts() -> Value {
    json!({
        "status": 201,
        "jsonBody": { "sid": "SM{{randomValue length=32 type='HEXADECIMAL'}}", "status": "queued" },
        "transformers": ["response-template"],
    })
}

/// Twilio's answer to a message that it refuses with this code.
pub fn twilio_refuses(status: u16, code: u32) -> Value {
    json!({ "status": status, "jsonBody": { "code": code, "message": "refused", "status": status } })
}

/// WhatsApp's answer to a message that it accepts.
pub fn whatsapp_accepts() -> Value {
    json!({
        "status": 200,
        "jsonBody": {
            "messaging_product": "whatsapp",
            "messages": [{ "id": "wamid.{{randomValue length=32 type='HEXADECIMAL'}}" }],
        },
        "transformers": ["response-template"],
    })
}

/// WhatsApp's answer to a message that it refuses with this code.
pub fn whatsapp_refuses(status: u16, code: u32) -> Value {
    json!({ "status": status, "jsonBody": { "error": { "message": "refused", "code": code } } })
}
