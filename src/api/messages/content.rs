//! How large a content may be, and whether it has something to say on the channels asked for.

use crate::api::limits::{bytes, chars, count, line, one_line};
use crate::model::{Channel, Content};
use crate::wire::{Path, Violations, v1};

/// Bytes of a text part.
const TEXT: usize = 64 << 10;
/// Bytes of a subject: the longest line of RFC 5322, section 2.1.1.
const SUBJECT: usize = 998;
/// Bytes of an HTML part.
const HTML: usize = 512 << 10;
/// Characters in SMS: the most that Twilio takes.
const SMS: usize = 1_600;
/// Characters in Telegram and in WhatsApp.
const CHAT: usize = 4_096;
/// Characters of a template's name.
const TEMPLATE_NAME: usize = 512;
/// Characters of a template's language code.
const TEMPLATE_LANGUAGE: usize = 15;
/// Parameters of a template.
const PARAMETERS: usize = 64;
/// Characters of a parameter: the longest body of a template.
const PARAMETER: usize = 1_024;

/// Notes what is too large.
pub fn check_sizes(content: &v1::Content, path: &Path<'_>, violations: &mut Violations) {
    check_email(&content.subject, &content.text, &content.html, path, violations);
    if let Some(email) = &content.email {
        check_email(&email.subject, &email.text, &email.html, &path.field("email"), violations);
    }
    for (own, name, max) in [(&content.sms, "sms", SMS), (&content.telegram, "telegram", CHAT)] {
        if let Some(own) = own {
            chars(&own.text, max, &path.field(name).field("text"), violations);
        }
    }
    if let Some(whatsapp) = &content.whatsapp {
        let path = path.field("whatsapp");
        chars(&whatsapp.text, CHAT, &path.field("text"), violations);
        if let Some(template) = &whatsapp.template {
            check_template(template, &path.field("template"), violations);
        }
    }
}

fn check_email(subject: &str, text: &str, html: &str, path: &Path<'_>, violations: &mut Violations) {
    let at = path.field("subject");
    bytes(subject, SUBJECT, &at, violations);
    // A line break in a header would let the subject's author write headers (RFC 5322, section 2.2).
    one_line(subject, &at, violations);
    bytes(text, TEXT, &path.field("text"), violations);
    bytes(html, HTML, &path.field("html"), violations);
}

fn check_template(template: &v1::WhatsappTemplate, path: &Path<'_>, violations: &mut Violations) {
    line(&template.name, TEMPLATE_NAME, &path.field("name"), violations);
    line(&template.language, TEMPLATE_LANGUAGE, &path.field("language"), violations);
    let list = path.field("parameters");
    count(template.parameters.len(), PARAMETERS, &list, violations);
    for (index, parameter) in template.parameters.iter().enumerate() {
        chars(parameter, PARAMETER, &list.index(index), violations);
    }
}

/// Notes a content that none of the channels asked for could carry.
pub fn check_reach(content: &Content, channels: &[Channel], path: &Path<'_>, violations: &mut Violations) {
    let asked = if channels.is_empty() { &Channel::ALL[..] } else { channels };
    // Whether WhatsApp's window is open is known when it is sent, not now.
    if !asked.iter().any(|channel| content.render(*channel, true).is_some()) {
        violations.add(
            path,
            "must say something on a channel asked for: a text, and for email a subject with a text or HTML",
        );
    }
}
