//! The body of an email for SES.

use serde_json::{Map, Value, json};

use super::SesSettings;
use crate::adapters::Envelope;
use crate::adapters::email::api::{self, ApiEmail};
use crate::adapters::email::mail;
use crate::model::AttemptRef;

/// The body that carries `email`.
pub(super) fn message(envelope: &Envelope, email: &ApiEmail<'_>, settings: &SesSettings) -> Value {
    let mut body = Map::new();
    for (part, content) in [("Text", email.text), ("Html", email.html)] {
        if let Some(content) = content {
            body.insert(part.to_owned(), utf8(content));
        }
    }
    api::without_nulls(json!({
        "FromEmailAddress": mail::in_header(&email.from),
        "ReplyToAddresses": email.reply_to.map(|mailbox| [mail::in_header(mailbox)]),
        "Destination": { "ToAddresses": [email.to.to_string()] },
        "Content": { "Simple": { "Subject": utf8(&email.subject), "Body": body } },
        "ConfigurationSetName": settings.configuration_set,
        "EmailTags": [{ "Name": "relevo", "Value": tag(&envelope.echo()) }],
    }))
}

fn utf8(text: &str) -> Value {
    json!({ "Data": text, "Charset": "UTF-8" })
}

/// The echo with `_` in place of `/`: a tag holds only ASCII letters, digits, `-` and `_`, at most 256 characters (Amazon
/// SES API v2 reference, "MessageTag"), and no part of an echo holds a `_`.
pub(super) fn tag(echo: &AttemptRef) -> String {
    echo.to_string().replace('/', "_")
}
