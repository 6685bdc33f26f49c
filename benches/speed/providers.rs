//! Providers for a gateway's configuration, each with the real adapter.

use std::fmt::Display;

/// An account that carries a channel.
pub struct Provider {
    /// Its name, which is its failure domain too.
    pub name: &'static str,
    channel: &'static str,
    adapter: String,
}

impl Provider {
    /// One that takes everything at once and sends nothing.
    pub fn sandbox() -> Self {
        Self { name: "sandbox", channel: "sms", adapter: "[providers.sandbox]".to_owned() }
    }

    /// Twilio's Messages API at `address`.
    pub fn twilio(name: &'static str, address: impl Display) -> Self {
        let account = "1".repeat(32);
        let adapter = format!(
            "[providers.twilio]\naccount_sid = 'AC{account}'\nauth_token = {{ file = 'secret' }}\n\
             from = '+34910000000'\nbase_url = 'http://{address}'"
        );
        Self { name, channel: "sms", adapter }
    }

    /// Telegram's Bot API at `address`.
    pub fn telegram(address: impl Display) -> Self {
        let adapter =
            format!("[providers.telegram]\ntoken = {{ file = 'token' }}\nbase_url = 'http://{address}'");
        Self { name: "telegram", channel: "telegram", adapter }
    }

    /// WhatsApp's Cloud API at `address`.
    pub fn whatsapp(address: impl Display) -> Self {
        let adapter = format!(
            "[providers.whatsapp_cloud]\nphone_number_id = '106540352242922'\n\
             access_token = {{ file = 'secret' }}\nbase_url = 'http://{address}'"
        );
        Self { name: "whatsapp", channel: "whatsapp", adapter }
    }

    /// An SMTP server on this port, with so many sessions kept open.
    pub fn smtp(port: u16, sessions: usize) -> Self {
        let adapter = format!(
            "[providers.smtp]\nhost = '127.0.0.1'\nport = {port}\ntls = 'none'\n\
             from = 'Shop <shop@example.com>'\nmax_idle_connections = {sessions}"
        );
        Self { name: "smtp", channel: "email", adapter }
    }

    /// Its part of a configuration, with these limits.
    pub fn config(&self, limits: &str) -> String {
        let Self { name, channel, adapter } = self;
        format!(
            "[[providers]]\nname = '{name}'\nchannel = '{channel}'\nfailure_domain = '{name}'\n\
             [providers.limits]\n{limits}\n{adapter}\n"
        )
    }
}
