//! The body of an email for SES.

use serde_json::{Map, Value, json};

use super::{Parties, Ses};
use crate::adapters::email::mail;
use crate::adapters::{Envelope, refused};
use crate::model::{Echo, Outcome, Rejection, Rendered};

/// The body that carries `envelope`.
///
/// # Errors
/// The outcome, when the envelope holds what an email does not carry.
pub(super) fn message(envelope: &Envelope, parties: &Parties, ses: &Ses) -> Result<Value, Outcome> {
    let mut message = json!({
        "FromEmailAddress": mail::in_header(&parties.from),
        "Destination": { "ToAddresses": [parties.to] },
        "Content": { "Simple": simple(&envelope.content)? },
        "EmailTags": [{ "Name": "relevo", "Value": tag(&envelope.echo()) }],
    });
    if let Some(reply_to) = &ses.reply_to {
        message["ReplyToAddresses"] = json!([mail::in_header(reply_to)]);
    }
    if let Some(set) = &ses.settings.configuration_set {
        message["ConfigurationSetName"] = json!(set);
    }
    Ok(message)
}

fn simple(content: &Rendered) -> Result<Value, Outcome> {
    let Rendered::Email { subject, text, html } = content else {
        return Err(refused(Rejection::Content, "the content is not an email"));
    };
    let mut body = Map::new();
    for (part, content) in [("Text", text), ("Html", html)] {
        if let Some(content) = content {
            body.insert(part.to_owned(), utf8(content));
        }
    }
    if body.is_empty() {
        return Err(refused(Rejection::Content, "the email has neither text nor HTML"));
    }
    Ok(json!({ "Subject": utf8(&mail::one_line(subject)), "Body": body }))
}

fn utf8(text: &str) -> Value {
    json!({ "Data": text, "Charset": "UTF-8" })
}

/// The echo with `_` in place of `/`: a tag holds only ASCII letters, digits, `-` and `_`, at most 256 characters (Amazon
/// SES API v2 reference, "MessageTag"), and no part of an echo holds a `_`.
pub(super) fn tag(echo: &Echo) -> String {
    echo.to_string().replace('/', "_")
}
