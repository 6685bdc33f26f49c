//! The requests that carry a message to a chat. They are teloxide's.

use reqwest::RequestBuilder;
use serde::Serialize;
use teloxide::payloads::{
    SendDocument, SendDocumentSetters as _, SendMessage, SendMessageSetters as _, SendPhoto,
    SendPhotoSetters as _,
};
use teloxide::types::{ChatId, InputFile, ParseMode};
use url::Url;

use super::TelegramBot;
use crate::adapters::{http, rejected_outcome};
use crate::model::{Outcome, Rejection, RenderedContent, TelegramContent, TelegramFile, TextFormat};

impl TelegramBot {
    /// The request that carries `content` to `chat`.
    ///
    /// # Errors
    /// The outcome, when it holds what Telegram does not carry.
    pub(super) fn message(&self, chat: ChatId, content: &RenderedContent) -> Result<RequestBuilder, Outcome> {
        match content {
            RenderedContent::Text(text) => Ok(self.text(chat, text, None)),
            RenderedContent::Telegram(content) => self.rich(chat, content),
            _ => Err(rejected_outcome(Rejection::Content, "the content is not one for Telegram")),
        }
    }

    fn rich(&self, chat: ChatId, content: &TelegramContent) -> Result<RequestBuilder, Outcome> {
        let silent = self.settings.disable_notification;
        let (text, format) = (content.text.as_deref(), parse_mode(content.format));
        Ok(match &content.file {
            None => self.text(chat, text.unwrap_or_default(), format),
            Some(TelegramFile::Photo(url)) => {
                let mut photo = SendPhoto::new(chat, file(url)?).disable_notification(silent);
                (photo.caption, photo.parse_mode) = (text.map(str::to_owned), format);
                self.request("sendPhoto", &photo)
            }
            Some(TelegramFile::Document(url)) => {
                let mut document = SendDocument::new(chat, file(url)?).disable_notification(silent);
                (document.caption, document.parse_mode) = (text.map(str::to_owned), format);
                self.request("sendDocument", &document)
            }
        })
    }

    fn text(&self, chat: ChatId, text: &str, format: Option<ParseMode>) -> RequestBuilder {
        let mut message =
            SendMessage::new(chat, text).disable_notification(self.settings.disable_notification);
        message.parse_mode = format;
        self.request("sendMessage", &message)
    }

    /// A call of a method of the Bot API.
    pub(super) fn request(&self, method: &str, payload: &impl Serialize) -> RequestBuilder {
        let token = format!("bot{}", self.settings.token.expose());
        self.client.post(http::endpoint(&self.base, &[&token, method])).json(payload)
    }
}

/// A plain text goes without a mode, so that nothing in it is taken for formatting.
fn parse_mode(format: TextFormat) -> Option<ParseMode> {
    match format {
        TextFormat::Plain => None,
        TextFormat::MarkdownV2 => Some(ParseMode::MarkdownV2),
        TextFormat::Html => Some(ParseMode::Html),
    }
}

fn file(url: &str) -> Result<InputFile, Outcome> {
    let url =
        Url::parse(url).map_err(|_| rejected_outcome(Rejection::Content, "the file's URL cannot be read"))?;
    Ok(InputFile::url(url))
}
