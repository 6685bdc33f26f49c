//! What a message says, and what of it a channel carries.

use super::Channel;

/// What a message says. Each channel uses its own override, else the common text. Absent texts are `None`, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// The common text.
    pub text: Option<String>,
    /// The subject of the email.
    pub subject: Option<String>,
    /// The HTML part of the email.
    pub html: Option<String>,
    /// Replaces the common fields in email.
    pub email: Option<EmailContent>,
    /// Replaces the common text in SMS.
    pub sms: Option<String>,
    /// Replaces the common text in Telegram.
    pub telegram: Option<String>,
    /// Replaces the common text in WhatsApp inside the service window.
    pub whatsapp: Option<String>,
    /// The WhatsApp template for outside the service window.
    pub template: Option<Template>,
}

/// An email's own fields; those absent fall back to the common ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmailContent {
    /// The subject.
    pub subject: Option<String>,
    /// The plain text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
}

/// A template approved by WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name, as approved.
    pub name: String,
    /// Its language code.
    pub language: String,
    /// The values of the body's placeholders, in order.
    pub parameters: Vec<String>,
}

/// What one channel carries of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// An email with a text part, an HTML part, or both.
    Email {
        /// The subject.
        subject: String,
        /// The plain text part.
        text: Option<String>,
        /// The HTML part.
        html: Option<String>,
    },
    /// A plain text.
    Text(String),
    /// An approved template.
    Template(Template),
}

impl Content {
    /// What `channel` would carry, or `None` when the message has nothing for it. `window_open` tells whether WhatsApp's
    /// 24-hour service window is open; outside it only templates may be sent (Meta's error 131047).
    pub fn render(&self, channel: Channel, window_open: bool) -> Option<Rendered> {
        let text = |own: &Option<String>| own.clone().or_else(|| self.text.clone()).map(Rendered::Text);
        match channel {
            Channel::Email => self.render_email(),
            Channel::Sms => text(&self.sms),
            Channel::Telegram => text(&self.telegram),
            Channel::Whatsapp => {
                let template = || self.template.clone().map(Rendered::Template);
                if window_open { text(&self.whatsapp).or_else(template) } else { template() }
            }
        }
    }

    fn render_email(&self) -> Option<Rendered> {
        let own = self.email.clone().unwrap_or_default();
        let subject = own.subject.or_else(|| self.subject.clone())?;
        let text = own.text.or_else(|| self.text.clone());
        let html = own.html.or_else(|| self.html.clone());
        if text.is_none() && html.is_none() {
            return None;
        }
        Some(Rendered::Email { subject, text, html })
    }
}
