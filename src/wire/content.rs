//! What a message says.

use super::{Path, Violations, optional_text, v1};
use crate::model::{Content, EmailContent, Template};

impl From<&Content> for v1::Content {
    fn from(content: &Content) -> Self {
        let text = |own: &Option<String>| own.clone().map(|text| v1::TextContent { text });
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
            sms: text(&content.sms),
            telegram: text(&content.telegram),
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

impl From<&Template> for v1::WhatsappTemplate {
    fn from(template: &Template) -> Self {
        Self {
            name: template.name.clone(),
            language: template.language.clone(),
            parameters: template.parameters.clone(),
        }
    }
}

/// Reads the required content of a message.
pub fn read_content(
    content: Option<v1::Content>,
    path: &Path<'_>,
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
        sms: content.sms.and_then(|own| optional_text(own.text)),
        telegram: content.telegram.and_then(|own| optional_text(own.text)),
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

fn read_template(
    template: Option<v1::WhatsappTemplate>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<Template> {
    let template = template?;
    let name = violations.required_text(template.name, &path.field("name"));
    let language = violations.required_text(template.language, &path.field("language"));
    Some(Template { name: name?, language: language?, parameters: template.parameters })
}
