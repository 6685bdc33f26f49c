//! The body of a message for a receiver.

use serde_json::{Value, json};

use crate::adapters::Envelope;
use crate::model::{
    ButtonAction, RenderedContent, TelegramContent, TelegramFile, Template, TemplateHeader, TextFormat,
};

/// The body that carries `envelope`, from `from` unless the brand has a sender of its own.
pub(super) fn message(envelope: &Envelope, from: Option<&str>) -> Value {
    json!({
        "message_id": envelope.message_id.to_string(),
        "attempt": envelope.attempt,
        "brand": envelope.brand.to_string(),
        "class": envelope.class.as_str(),
        "topic": envelope.topic.as_str(),
        "channel": envelope.channel.as_str(),
        "from": envelope.from.as_deref().or(from),
        "to": envelope.address.to_string(),
        "content": content(&envelope.content),
        "sent_at": envelope.now.to_string(),
    })
}

fn content(content: &RenderedContent) -> Value {
    match content {
        RenderedContent::Email { subject, text, html } => {
            json!({ "type": "email", "subject": subject, "text": text, "html": html })
        }
        RenderedContent::Text(text) => json!({ "type": "text", "text": text }),
        RenderedContent::Telegram(content) => telegram(content),
        RenderedContent::Template(content) => template(content),
    }
}

fn telegram(content: &TelegramContent) -> Value {
    let format = match content.format {
        TextFormat::Plain => "plain",
        TextFormat::MarkdownV2 => "markdown_v2",
        TextFormat::Html => "html",
    };
    let file = content.file.as_ref().map(|file| match file {
        TelegramFile::Photo(url) => json!({ "type": "photo", "url": url }),
        TelegramFile::Document(url) => json!({ "type": "document", "url": url }),
    });
    json!({ "type": "telegram", "text": content.text, "format": format, "file": file })
}

fn template(template: &Template) -> Value {
    let header = template.header.as_ref().map(|header| match header {
        TemplateHeader::Text(text) => json!({ "type": "text", "text": text }),
        TemplateHeader::Image(url) => json!({ "type": "image", "url": url }),
        TemplateHeader::Document { url, filename } => {
            json!({ "type": "document", "url": url, "filename": filename })
        }
        TemplateHeader::Video(url) => json!({ "type": "video", "url": url }),
    });
    let buttons = template.buttons.iter().map(|button| {
        let (kind, value) = match &button.action {
            ButtonAction::Url(suffix) => ("url", suffix),
            ButtonAction::QuickReply(payload) => ("quick_reply", payload),
            ButtonAction::CopyCode(code) => ("copy_code", code),
        };
        json!({ "type": kind, "index": button.index, "value": value })
    });
    json!({
        "type": "template",
        "name": template.name,
        "language": template.language,
        "parameters": template.parameters,
        "header": header,
        "buttons": buttons.collect::<Vec<_>>(),
    })
}
