//! Checks of a content: how large its parts are, and whether a channel asked for can carry it.

use crate::api::limits::{bytes, chars, count, distinct, https_url, one_line, text};
use crate::model::{Channel, Content, TemplateButton, TextFormat};
use crate::wire::{FieldPath, Violations, v1};
use v1::telegram_content::File;
use v1::whatsapp_template_button::Action;
use v1::whatsapp_template_header::Value as Header;

/// Bytes of a text part.
const TEXT: usize = 64 << 10;
/// Bytes of a subject: the longest line of RFC 5322, section 2.1.1.
const SUBJECT: usize = 998;
/// Bytes of an HTML part.
const HTML: usize = 512 << 10;
/// Characters of the URL of a file.
const FILE_URL: usize = 2_048;
/// Characters of a template's name.
const TEMPLATE_NAME: usize = 512;
/// Characters of a template's language code.
const TEMPLATE_LANGUAGE: usize = 15;
/// Parameters of a template.
const PARAMETERS: usize = 64;
/// Characters of a parameter: the longest body of a template.
const PARAMETER: usize = 1_024;
/// Characters of the placeholder of a header: the longest text of one (Meta, "Template components").
const HEADER: usize = 60;
/// Characters of a document's name: the most that Infobip takes.
const FILENAME: usize = 240;
/// Buttons of a template.
const BUTTONS: usize = TemplateButton::LAST as usize + 1;
/// Characters at the end of a button's URL: the longest URL of one (Meta, "Template components").
const URL_SUFFIX: usize = 2_000;
/// Characters that come back with a quick reply.
const QUICK_REPLY: usize = 128;
/// Characters of a code to copy (Meta, "Coupon code templates").
const COPY_CODE: usize = 15;

/// Adds violations for the parts of a content that are too large, say nothing, or hold what no text does.
pub fn check_parts(content: &v1::Content, path: &FieldPath<'_>, violations: &mut Violations) {
    check_email(&content.subject, &content.text, &content.html, path, violations);
    if let Some(email) = &content.email {
        check_email(&email.subject, &email.text, &email.html, &path.field("email"), violations);
    }
    if let Some(sms) = &content.sms {
        check_text(&sms.text, Content::MAX_SMS, &path.field("sms").field("text"), violations);
    }
    if let Some(telegram) = &content.telegram {
        check_telegram(telegram, &path.field("telegram"), violations);
    }
    if let Some(whatsapp) = &content.whatsapp {
        let path = path.field("whatsapp");
        check_text(&whatsapp.text, Content::MAX_CHAT, &path.field("text"), violations);
        if let Some(template) = &whatsapp.template {
            check_template(template, &path.field("template"), violations);
        }
    }
}

fn check_text(content: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    chars(content, max, path, violations);
    text(content, path, violations);
}

fn check_email(subject: &str, plain: &str, html: &str, path: &FieldPath<'_>, violations: &mut Violations) {
    let at = path.field("subject");
    bytes(subject, SUBJECT, &at, violations);
    match subject.trim() {
        "" => text(subject, &at, violations),
        // A line break in a header would let the subject's author write headers (RFC 5322, section 2.2).
        _ => one_line(subject, &at, violations),
    }
    for (part, max, name) in [(plain, TEXT, "text"), (html, HTML, "html")] {
        bytes(part, max, &path.field(name), violations);
        text(part, &path.field(name), violations);
    }
}

/// Adds violations for the value of a placeholder that is too long, or that WhatsApp refuses wherever it stands: with a line
/// break, a tab or more than four spaces in a row (Meta's answer, as github.com/netflie/whatsapp-cloud-api/issues/201 has it;
/// Twilio, "Error 63013", which names empty values, too). That it is absent is told elsewhere.
fn placeholder(value: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    line(value, max, path, violations);
    if value.contains("     ") {
        violations.add(path, "must have at most four spaces in a row: WhatsApp refuses more");
    }
}

/// Adds a violation for a text that is too long or not on one line.
fn line(text: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    chars(text, max, path, violations);
    one_line(text, path, violations);
}

fn check_telegram(content: &v1::TelegramContent, path: &FieldPath<'_>, violations: &mut Violations) {
    let max = if content.file.is_some() { Content::MAX_CAPTION } else { Content::MAX_CHAT };
    let at = path.field("text");
    let format = match content.format() {
        v1::TelegramFormat::Unspecified => TextFormat::Plain,
        v1::TelegramFormat::MarkdownV2 => TextFormat::MarkdownV2,
        v1::TelegramFormat::Html => TextFormat::Html,
    };
    if format == TextFormat::Plain {
        chars(&content.text, max, &at, violations);
    } else if content.text.len() > Content::MAX_TELEGRAM_BYTES {
        bytes(&content.text, Content::MAX_TELEGRAM_BYTES, &at, violations);
    } else if format.counted_chars(&content.text) > max {
        violations.add(&at, format_args!("must be at most {max} characters without its formatting"));
    }
    text(&content.text, &at, violations);
    match &content.file {
        None => {}
        Some(File::PhotoUrl(url)) => https_url(url, FILE_URL, &path.field("photo_url"), violations),
        Some(File::DocumentUrl(url)) => https_url(url, FILE_URL, &path.field("document_url"), violations),
    }
    if content.text.is_empty() && content.format() != v1::TelegramFormat::Unspecified {
        violations
            .add(&path.field("format"), "must be left out where there is no text: the common text is plain");
    }
}

fn check_template(template: &v1::WhatsappTemplate, path: &FieldPath<'_>, violations: &mut Violations) {
    line(&template.name, TEMPLATE_NAME, &path.field("name"), violations);
    line(&template.language, TEMPLATE_LANGUAGE, &path.field("language"), violations);
    let list = path.field("parameters");
    count(template.parameters.len(), PARAMETERS, &list, violations);
    for (index, parameter) in template.parameters.iter().enumerate() {
        let path = list.index(index);
        if parameter.is_empty() {
            violations.add(&path, "is required: WhatsApp refuses an empty value");
        }
        placeholder(parameter, PARAMETER, &path, violations);
    }
    if let Some(header) = &template.header {
        check_header(header, &path.field("header"), violations);
    }
    check_buttons(&template.buttons, &path.field("buttons"), violations);
}

fn check_header(header: &v1::WhatsappTemplateHeader, path: &FieldPath<'_>, violations: &mut Violations) {
    let mut url = |url: &str, path| https_url(url, FILE_URL, &path, violations);
    match &header.value {
        None => {}
        Some(Header::Text(text)) => placeholder(text, HEADER, &path.field("text"), violations),
        Some(Header::ImageUrl(image)) => url(image, path.field("image_url")),
        Some(Header::VideoUrl(video)) => url(video, path.field("video_url")),
        Some(Header::Document(document)) => {
            let path = path.field("document");
            url(&document.url, path.field("url"));
            line(&document.filename, FILENAME, &path.field("filename"), violations);
        }
    }
}

fn check_buttons(buttons: &[v1::WhatsappTemplateButton], list: &FieldPath<'_>, violations: &mut Violations) {
    count(buttons.len(), BUTTONS, list, violations);
    distinct(buttons.iter().map(|button| button.index), list, violations);
    for (index, button) in buttons.iter().enumerate() {
        let path = list.index(index);
        match &button.action {
            None => {}
            Some(Action::UrlSuffix(suffix)) => {
                placeholder(suffix, URL_SUFFIX, &path.field("url_suffix"), violations)
            }
            Some(Action::QuickReply(payload)) => {
                line(payload, QUICK_REPLY, &path.field("quick_reply"), violations)
            }
            Some(Action::CopyCode(code)) => line(code, COPY_CODE, &path.field("copy_code"), violations),
        }
    }
}

/// Adds a violation for a content that none of the channels asked for could carry.
pub fn check_renderable(
    content: &Content,
    channels: &[Channel],
    path: &FieldPath<'_>,
    violations: &mut Violations,
) {
    let asked = if channels.is_empty() { &Channel::ALL[..] } else { channels };
    // Whether WhatsApp's service window is open is known only when the message is sent.
    if !asked.iter().any(|channel| content.render(*channel, true).is_ok()) {
        violations.add(
            path,
            "must say something on a channel asked for: a text that is not too long for it, and for email a subject with \
             a text or HTML",
        );
    }
}
