//! What a message says, and what of it a channel carries.

mod formatting;

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
    pub telegram: Option<TelegramContent>,
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

/// What Telegram carries: a text, or a file with a text below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TelegramContent {
    /// The text, or the caption of the file; the common text when absent.
    pub text: Option<String>,
    /// How the text is written. The common text is always plain.
    pub format: TextFormat,
    /// The file.
    pub file: Option<TelegramFile>,
}

/// How a text for Telegram is written (core.telegram.org/bots/api#formatting-options).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextFormat {
    /// As it is to be read: nothing needs escaping.
    #[default]
    Plain,
    /// In Telegram's MarkdownV2.
    MarkdownV2,
    /// In Telegram's few tags of HTML.
    Html,
}

/// A file that Telegram fetches from a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelegramFile {
    /// A photo, shown in the chat.
    Photo(String),
    /// A file to be opened.
    Document(String),
}

/// A template approved by WhatsApp, with what is to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// Its name, as approved.
    pub name: String,
    /// Its language code.
    pub language: String,
    /// The values of the body's placeholders, in order.
    pub parameters: Vec<String>,
    /// What stands in its header, where that is to be filled in.
    pub header: Option<TemplateHeader>,
    /// What its buttons do, where that is to be filled in; each place once.
    pub buttons: Vec<TemplateButton>,
    /// Whether it is of the category for authentication, which WhatsApp carries to phone numbers alone.
    pub authentication: bool,
}

/// What stands in the header of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateHeader {
    /// The value of the one placeholder of its text.
    Text(String),
    /// An image, by its URL.
    Image(String),
    /// A document.
    Document {
        /// Its URL.
        url: String,
        /// The name under which it is shown.
        filename: String,
    },
    /// A video, by its URL.
    Video(String),
}

/// What a button of a template does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateButton {
    /// Its place among the template's buttons, from 0.
    pub index: u8,
    /// What it does.
    pub action: ButtonAction,
}

impl TemplateButton {
    /// The last place that a button can have: a template has at most ten (Meta, "Template components").
    pub const LAST: u8 = 9;
}

/// What a button does when somebody taps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ButtonAction {
    /// The button opens the template's URL with this at its end.
    Url(String),
    /// The button answers, and this comes back with the answer.
    QuickReply(String),
    /// The button copies this code.
    CopyCode(String),
}

/// What one channel carries of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderedContent {
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
    /// What Telegram carries beyond a plain text.
    Telegram(TelegramContent),
    /// An approved template.
    Template(Template),
}

/// Why a channel carries nothing of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderError {
    /// The message has nothing for it.
    NoContent,
    /// The text has more characters than this, the most that the channel carries.
    TooLong(usize),
}

impl Content {
    /// The most characters of a text in SMS: what Twilio and Amazon SNS take.
    pub const MAX_SMS: usize = 1_600;
    /// The most characters of a text in Telegram, as [`TextFormat::counted_chars`] counts them, and in WhatsApp.
    pub const MAX_CHAT: usize = 4_096;
    /// The most characters of the text below a file in Telegram, counted alike.
    pub const MAX_CAPTION: usize = 1_024;
    /// The most bytes of a text for Telegram with its formatting (github.com/tdlib/telegram-bot-api, `Client.cpp`: "Text is too
    /// long").
    pub const MAX_TELEGRAM_BYTES: usize = 32 << 10;

    /// What `channel` would carry. `window_open` says whether WhatsApp's 24-hour service window is open; outside it only
    /// templates may be sent (Meta's error 131047).
    ///
    /// # Errors
    /// Why it carries nothing. A common text may be too long for a channel, since it is written for all of them.
    pub fn render(&self, channel: Channel, window_open: bool) -> Result<RenderedContent, RenderError> {
        match channel {
            Channel::Email => self.render_email(),
            Channel::Sms => self.render_text(self.sms.as_ref(), Self::MAX_SMS),
            Channel::Telegram => self.render_telegram(),
            Channel::Whatsapp if window_open => {
                let text = self.render_text(self.whatsapp.as_ref(), Self::MAX_CHAT);
                text.or_else(|unfit| self.render_template().map_err(|_| unfit))
            }
            Channel::Whatsapp => self.render_template(),
        }
    }

    fn render_text(&self, specific: Option<&String>, max: usize) -> Result<RenderedContent, RenderError> {
        let text = specific.or(self.text.as_ref()).ok_or(RenderError::NoContent)?;
        fits(text, max)?;
        Ok(RenderedContent::Text(text.clone()))
    }

    fn render_template(&self) -> Result<RenderedContent, RenderError> {
        self.template.clone().map(RenderedContent::Template).ok_or(RenderError::NoContent)
    }

    fn render_telegram(&self) -> Result<RenderedContent, RenderError> {
        let mut telegram = self.telegram.clone().unwrap_or_default();
        if telegram.text.is_none() {
            telegram.text = self.text.clone();
            telegram.format = TextFormat::Plain;
        }
        let max = if telegram.file.is_some() { Self::MAX_CAPTION } else { Self::MAX_CHAT };
        let text = telegram.text.as_deref().unwrap_or_default();
        // A character has at least a byte.
        if text.len() > max && telegram.format.counted_chars(text) > max {
            return Err(RenderError::TooLong(max));
        }
        match telegram {
            TelegramContent { text: None, file: None, .. } => Err(RenderError::NoContent),
            TelegramContent { text: Some(text), format: TextFormat::Plain, file: None } => {
                Ok(RenderedContent::Text(text))
            }
            telegram => Ok(RenderedContent::Telegram(telegram)),
        }
    }

    fn render_email(&self) -> Result<RenderedContent, RenderError> {
        let email = self.email.clone().unwrap_or_default();
        let subject = email.subject.or_else(|| self.subject.clone()).ok_or(RenderError::NoContent)?;
        let text = email.text.or_else(|| self.text.clone());
        let html = email.html.or_else(|| self.html.clone());
        if text.is_none() && html.is_none() {
            return Err(RenderError::NoContent);
        }
        Ok(RenderedContent::Email { subject, text, html })
    }
}

fn fits(text: &str, max: usize) -> Result<(), RenderError> {
    // A character has at least a byte.
    let fits = text.len() <= max || text.chars().nth(max).is_none();
    if fits { Ok(()) } else { Err(RenderError::TooLong(max)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telegram_falls_back_to_the_common_text_which_is_plain() {
        let rendered = |text: Option<&str>, telegram: TelegramContent| {
            let text = text.map(str::to_owned);
            Content { text, telegram: Some(telegram), ..Content::default() }.render(Channel::Telegram, true)
        };
        let telegram = |text: Option<&str>, format, file: Option<&str>| TelegramContent {
            text: text.map(str::to_owned),
            format,
            file: file.map(|url| TelegramFile::Photo(url.to_owned())),
        };
        let (plain, html) = (TextFormat::Plain, TextFormat::Html);
        for (common, telegram, expected) in [
            (Some("*hi*"), telegram(None, html, None), Some(RenderedContent::Text("*hi*".to_owned()))),
            (Some("hi"), telegram(Some("oi"), plain, None), Some(RenderedContent::Text("oi".to_owned()))),
            (
                Some("hi"),
                telegram(Some("<b>oi</b>"), html, None),
                Some(RenderedContent::Telegram(telegram(Some("<b>oi</b>"), html, None))),
            ),
            (
                Some("hi"),
                telegram(None, plain, Some("u")),
                Some(RenderedContent::Telegram(telegram(Some("hi"), plain, Some("u")))),
            ),
            (
                None,
                telegram(None, plain, Some("u")),
                Some(RenderedContent::Telegram(telegram(None, plain, Some("u")))),
            ),
            (None, telegram(None, plain, None), None),
        ] {
            assert_eq!(
                rendered(common, telegram.clone()),
                expected.ok_or(RenderError::NoContent),
                "{common:?} {telegram:?}"
            );
        }
    }

    #[test]
    fn a_common_text_goes_where_it_is_not_too_long() {
        let content = |chars: usize| Content {
            text: Some("ñ".repeat(chars)),
            subject: Some("Hello".to_owned()),
            ..Content::default()
        };
        for (channel, max) in [(Channel::Sms, 1_600), (Channel::Telegram, 4_096), (Channel::Whatsapp, 4_096)]
        {
            assert!(content(max).render(channel, true).is_ok(), "{channel}");
            assert_eq!(content(max + 1).render(channel, true), Err(RenderError::TooLong(max)), "{channel}");
        }
        assert!(content(10_000).render(Channel::Email, true).is_ok());
        let template = Some(Template { name: "hello".to_owned(), ..Template::default() });
        let both = Content { template, ..content(5_000) };
        assert!(matches!(both.render(Channel::Whatsapp, true), Ok(RenderedContent::Template(_))));
    }

    #[test]
    fn telegram_counts_code_points_and_no_formatting() {
        let fits = |text: String, format| {
            let telegram = Some(TelegramContent { text: Some(text), format, file: None });
            Content { telegram, ..Content::default() }.render(Channel::Telegram, true).is_ok()
        };
        assert!(fits("😀".repeat(4_096), TextFormat::Plain), "each is two units of UTF-16");
        assert!(!fits("😀".repeat(4_097), TextFormat::Plain));
        let link = r#"<a href="https://example.com/">a</a>"#;
        assert!(fits(link.repeat(800), TextFormat::Html));
        assert!(!fits(link.repeat(800), TextFormat::Plain));
        assert!(fits(r"\.".repeat(4_096), TextFormat::MarkdownV2));
        assert!(!fits(r"\.".repeat(4_097), TextFormat::MarkdownV2));
    }

    #[test]
    fn a_caption_is_shorter_than_a_text() {
        let photo = |chars: usize| {
            let file = Some(TelegramFile::Photo("u".to_owned()));
            let telegram = Some(TelegramContent { file, ..TelegramContent::default() });
            Content { text: Some("a".repeat(chars)), telegram, ..Content::default() }
        };
        assert!(photo(1_024).render(Channel::Telegram, true).is_ok());
        assert_eq!(photo(1_025).render(Channel::Telegram, true), Err(RenderError::TooLong(1_024)));
    }
}
