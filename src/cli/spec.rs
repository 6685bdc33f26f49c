//! The flags that make up a message, for `send` and `message explain`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments::{self, Channel, Class, numbers};
use super::connection::read;
use super::error::CliError;
use super::times::{self, TimeArgument};
use crate::model::Timestamp;
use crate::wire::v1::{self, address::Value, message_spec::Recipient};

/// A message.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// What consent it needs: transactional needs none, commercial an opt-in
    #[arg(long, value_enum, ignore_case = true, default_value = "transactional")]
    class: Class,
    /// What it is about, such as orders or offers.shoes
    #[arg(long)]
    topic: Option<String>,
    #[command(flatten)]
    recipient: RecipientArgs,
    #[command(flatten)]
    content: ContentArgs,
    #[command(flatten)]
    delivery: DeliveryArgs,
}

/// To whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "To whom (one of these)")]
#[group(id = "recipient", multiple = false)]
struct RecipientArgs {
    /// The brand's id of the contact
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// An email address of the contact; it names the person and does not choose the channel
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A phone number of the contact
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// The id of the contact's private Telegram chat
    #[arg(long, value_name = "CHAT_ID")]
    telegram: Option<i64>,
    /// The contact's user id of WhatsApp, such as shop/ES.13491208655302741918
    #[arg(long, value_name = "BUSINESS/ID", value_parser = arguments::whatsapp_user)]
    whatsapp_user: Option<v1::WhatsappUser>,
}

/// What it says.
#[derive(Debug, Args)]
#[command(next_help_heading = "What it says")]
struct ContentArgs {
    /// The text, for every channel
    #[arg(long)]
    text: Option<String>,
    /// The subject of the email
    #[arg(long)]
    subject: Option<String>,
    /// A file with the HTML part of the email
    #[arg(long, value_name = "FILE")]
    html_file: Option<PathBuf>,
    /// A text for SMS alone
    #[arg(long, value_name = "TEXT")]
    sms_text: Option<String>,
    /// A text for Telegram alone
    #[arg(long, value_name = "TEXT")]
    telegram_text: Option<String>,
    /// A text for WhatsApp alone, inside its 24-hour service window
    #[arg(long, value_name = "TEXT")]
    whatsapp_text: Option<String>,
    /// The approved WhatsApp template to send outside the service window
    #[arg(long, value_name = "NAME", requires = "language")]
    template: Option<String>,
    /// The template's language code, such as es or en_US
    #[arg(long, value_name = "CODE", requires = "template")]
    language: Option<String>,
    /// A value for the template's next placeholder; may be repeated
    #[arg(long = "param", value_name = "TEXT", requires = "template")]
    params: Vec<String>,
}

/// When and how it goes out.
#[derive(Debug, Args)]
#[command(next_help_heading = "When and how it goes out")]
struct DeliveryArgs {
    /// A channel to use; repeated, they are tried in this order, and no other is
    #[arg(long = "channel", value_enum, ignore_case = true, value_name = "CHANNEL")]
    channels: Vec<Channel>,
    /// The same key with the same message sends nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Not before this time, or this long from now: 2026-03-01T09:00:00Z or 2h
    #[arg(long, value_name = "TIME")]
    send_at: Option<TimeArgument>,
    /// Never after this time, or this long from now
    #[arg(long, value_name = "TIME")]
    expire_at: Option<TimeArgument>,
    /// Try the next way when the provider reports that it could not be delivered
    #[arg(long)]
    fallback_on_failed: bool,
    /// Try the next way when nothing says delivered within this time after it was sent
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    fallback_undelivered_after: Option<Duration>,
    /// Try the next way when nothing says read within this time after it was sent
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    fallback_unread_after: Option<Duration>,
    /// A label, KEY=VALUE; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = arguments::label)]
    labels: Vec<(String, String)>,
}

impl SpecArgs {
    /// The message as the API takes it; times are reckoned from `now`.
    ///
    /// # Errors
    /// When there is no recipient or topic, or a file cannot be read.
    pub(super) fn spec(&self, now: Timestamp) -> Result<v1::MessageSpec, CliError> {
        let delivery = &self.delivery;
        let recipient = self.recipient.recipient().ok_or_else(|| {
            CliError::usage(
                "to whom? Give one of --contact, --email, --phone, --telegram and --whatsapp-user",
            )
        })?;
        let topic = self.topic.clone();
        let topic =
            topic.ok_or_else(|| CliError::usage("what is it about? Give a --topic such as orders"))?;
        Ok(v1::MessageSpec {
            recipient: Some(recipient),
            message_class: self.class.into(),
            topic,
            content: Some(self.content.content()?),
            idempotency_key: delivery.idempotency_key.clone().unwrap_or_default(),
            send_time: delivery.send_at.map(|when| when.after(now)),
            expire_time: delivery.expire_at.map(|when| when.after(now)),
            channels: numbers(&delivery.channels),
            fallback: delivery.fallback(),
            labels: arguments::labels(&delivery.labels),
        })
    }
}

impl RecipientArgs {
    fn recipient(&self) -> Option<Recipient> {
        if let Some(id) = &self.contact {
            return Some(Recipient::ContactId(id.clone()));
        }
        let email = self.email.clone().map(Value::Email);
        let phone = || self.phone.clone().map(Value::Phone);
        let telegram = || self.telegram.map(Value::TelegramChatId);
        let whatsapp = || self.whatsapp_user.clone().map(Value::WhatsappUser);
        let value = email.or_else(phone).or_else(telegram).or_else(whatsapp)?;
        Some(Recipient::Address(v1::Address { value: Some(value) }))
    }
}

impl ContentArgs {
    fn content(&self) -> Result<v1::Content, CliError> {
        let html = self.html_file.as_deref().map(read).transpose()?;
        Ok(v1::Content {
            text: self.text.clone().unwrap_or_default(),
            subject: self.subject.clone().unwrap_or_default(),
            html: html.unwrap_or_default(),
            email: None,
            sms: self.sms_text.clone().map(|text| v1::TextContent { text }),
            telegram: self.telegram(),
            whatsapp: self.whatsapp(),
        })
    }

    fn telegram(&self) -> Option<v1::TelegramContent> {
        let text = self.telegram_text.clone()?;
        Some(v1::TelegramContent { text, ..v1::TelegramContent::default() })
    }

    fn whatsapp(&self) -> Option<v1::WhatsappContent> {
        let template = self.template.clone().map(|name| v1::WhatsappTemplate {
            name,
            language: self.language.clone().unwrap_or_default(),
            parameters: self.params.clone(),
            ..v1::WhatsappTemplate::default()
        });
        if template.is_none() && self.whatsapp_text.is_none() {
            return None;
        }
        Some(v1::WhatsappContent { text: self.whatsapp_text.clone().unwrap_or_default(), template })
    }
}

impl DeliveryArgs {
    /// The fallback policy, or `None` for the brand's own.
    fn fallback(&self) -> Option<v1::FallbackPolicy> {
        let given = self.fallback_on_failed
            || self.fallback_undelivered_after.is_some()
            || self.fallback_unread_after.is_some();
        given.then(|| v1::FallbackPolicy {
            on_failed: self.fallback_on_failed,
            undelivered_after: self.fallback_undelivered_after.map(crate::wire::duration),
            unread_after: self.fallback_unread_after.map(crate::wire::duration),
        })
    }
}
