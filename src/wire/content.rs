//! The contents of messages.

use super::enums::read_text_format;
use super::{FieldPath, Violations, optional_text, v1};
use crate::model::{
    ButtonAction, Content, EmailContent, TelegramContent, TelegramFile, Template, TemplateButton,
    TemplateHeader,
};
use v1::telegram_content::File;
use v1::whatsapp_template_button::Action;
use v1::whatsapp_template_header::Value as Header;

impl From<&Content> for v1::Content {
    fn from(content: &Content) -> Self {
        let whatsapp =
            (content.whatsapp.is_some() || content.template.is_some()).then(|| v1::WhatsappContent {
                text: content.whatsapp.clone().unwrap_or_default(),
                template: content.template.as_ref().map(Into::into),
            });
        Self {
            text: content.text.clone().unwrap_or_default(),
            subject: content.subject.clone().unwrap_or_default(),
            html: content.html.clone().unwrap_or_default(),
            email: content.email.as_ref().map(Into::into),
            sms: content.sms.clone().map(|text| v1::TextContent { text }),
            telegram: content.telegram.as_ref().map(Into::into),
            whatsapp,
        }
    }
}

impl From<&EmailContent> for v1::EmailContent {
    fn from(email: &EmailContent) -> Self {
        Self {
            subject: email.subject.clone().unwrap_or_default(),
            text: email.text.clone().unwrap_or_default(),
            html: email.html.clone().unwrap_or_default(),
        }
    }
}

impl From<&TelegramContent> for v1::TelegramContent {
    fn from(content: &TelegramContent) -> Self {
        let file = content.file.clone().map(|file| match file {
            TelegramFile::Photo(url) => File::PhotoUrl(url),
            TelegramFile::Document(url) => File::DocumentUrl(url),
        });
        let format = v1::TelegramFormat::from(content.format).into();
        Self { text: content.text.clone().unwrap_or_default(), format, file }
    }
}

impl From<&Template> for v1::WhatsappTemplate {
    fn from(template: &Template) -> Self {
        Self {
            name: template.name.clone(),
            language: template.language.clone(),
            parameters: template.parameters.clone(),
            header: template.header.as_ref().map(Into::into),
            buttons: template.buttons.iter().map(Into::into).collect(),
            authentication: template.authentication,
        }
    }
}

impl From<&TemplateHeader> for v1::WhatsappTemplateHeader {
    fn from(header: &TemplateHeader) -> Self {
        let value = match header.clone() {
            TemplateHeader::Text(text) => Header::Text(text),
            TemplateHeader::Image(url) => Header::ImageUrl(url),
            TemplateHeader::Document { url, filename } => {
                Header::Document(v1::WhatsappDocument { url, filename })
            }
            TemplateHeader::Video(url) => Header::VideoUrl(url),
        };
        Self { value: Some(value) }
    }
}

impl From<&TemplateButton> for v1::WhatsappTemplateButton {
    fn from(button: &TemplateButton) -> Self {
        let action = match button.action.clone() {
            ButtonAction::Url(suffix) => Action::UrlSuffix(suffix),
            ButtonAction::QuickReply(payload) => Action::QuickReply(payload),
            ButtonAction::CopyCode(code) => Action::CopyCode(code),
        };
        Self { index: button.index.into(), action: Some(action) }
    }
}

/// Reads the required content of a message.
pub fn read_content(
    content: Option<v1::Content>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Content> {
    let content = violations.required(content, path)?;
    let whatsapp = content.whatsapp.unwrap_or_default();
    let template_path = path.field("whatsapp");
    Some(Content {
        text: optional_text(content.text),
        subject: optional_text(content.subject),
        html: optional_text(content.html),
        email: content.email.map(read_email),
        sms: content.sms.and_then(|sms| optional_text(sms.text)),
        telegram: content
            .telegram
            .and_then(|telegram| read_telegram(telegram, &path.field("telegram"), violations)),
        whatsapp: optional_text(whatsapp.text),
        template: read_template(whatsapp.template, &template_path.field("template"), violations),
    })
}

fn read_email(email: v1::EmailContent) -> EmailContent {
    EmailContent {
        subject: optional_text(email.subject),
        text: optional_text(email.text),
        html: optional_text(email.html),
    }
}

fn read_telegram(
    content: v1::TelegramContent,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<TelegramContent> {
    let format = read_text_format(content.format, &path.field("format"), violations)?;
    let file = match content.file {
        None => None,
        Some(File::PhotoUrl(url)) => {
            Some(TelegramFile::Photo(violations.required_text(url, &path.field("photo_url"))?))
        }
        Some(File::DocumentUrl(url)) => {
            Some(TelegramFile::Document(violations.required_text(url, &path.field("document_url"))?))
        }
    };
    let content = TelegramContent { text: optional_text(content.text), format, file };
    (content != TelegramContent::default()).then_some(content)
}

fn read_template(
    template: Option<v1::WhatsappTemplate>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Template> {
    let template = template?;
    let name = violations.required_text(template.name, &path.field("name"));
    let language = violations.required_text(template.language, &path.field("language"));
    let header = template.header.map(|header| read_header(header, &path.field("header"), violations));
    let list = path.field("buttons");
    let buttons = template.buttons.into_iter().enumerate();
    let buttons: Vec<_> =
        buttons.map(|(index, button)| read_button(button, &list.index(index), violations)).collect();
    Some(Template {
        name: name?,
        language: language?,
        parameters: template.parameters,
        header: header.map_or(Some(None), |header| header.map(Some))?,
        buttons: buttons.into_iter().collect::<Option<_>>()?,
        authentication: template.authentication,
    })
}

fn read_header(
    header: v1::WhatsappTemplateHeader,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<TemplateHeader> {
    let mut text = |text, name| violations.required_text(text, &path.field(name));
    match header.value {
        Some(Header::Text(value)) => text(value, "text").map(TemplateHeader::Text),
        Some(Header::ImageUrl(url)) => text(url, "image_url").map(TemplateHeader::Image),
        Some(Header::VideoUrl(url)) => text(url, "video_url").map(TemplateHeader::Video),
        Some(Header::Document(v1::WhatsappDocument { url, filename })) => {
            let path = path.field("document");
            let url = violations.required_text(url, &path.field("url"));
            let filename = violations.required_text(filename, &path.field("filename"));
            Some(TemplateHeader::Document { url: url?, filename: filename? })
        }
        None => {
            violations.add(path, "must have one of text, image_url, document and video_url");
            None
        }
    }
}

fn read_button(
    button: v1::WhatsappTemplateButton,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<TemplateButton> {
    let index = u8::try_from(button.index).ok().filter(|index| *index <= TemplateButton::LAST);
    if index.is_none() {
        violations.add(&path.field("index"), "must be from 0 to 9");
    }
    let mut text = |text, name| violations.required_text(text, &path.field(name));
    let action = match button.action {
        Some(Action::UrlSuffix(suffix)) => text(suffix, "url_suffix").map(ButtonAction::Url),
        Some(Action::QuickReply(payload)) => text(payload, "quick_reply").map(ButtonAction::QuickReply),
        Some(Action::CopyCode(code)) => text(code, "copy_code").map(ButtonAction::CopyCode),
        None => {
            violations.add(path, "must have one of url_suffix, quick_reply and copy_code");
            None
        }
    };
    Some(TemplateButton { index: index?, action: action? })
}
