//! The body of a message for the Cloud API.

use serde_json::{Value, json};

use crate::adapters::whatsapp::components::components;
use crate::adapters::{Envelope, rejected_outcome};
use crate::model::{Address, Outcome, Rejection, RenderedContent, Template};

/// The body that carries `envelope`.
///
/// # Errors
/// The outcome, when the envelope holds what WhatsApp does not carry.
pub(super) fn message(envelope: &Envelope) -> Result<Value, Outcome> {
    let (kind, content) = match &envelope.content {
        RenderedContent::Text(text) => ("text", json!({ "body": text, "preview_url": false })),
        RenderedContent::Template(template) => ("template", self::template(template)),
        RenderedContent::Email { .. } | RenderedContent::Telegram(_) => {
            return Err(rejected_outcome(Rejection::Content, "the content is neither a text nor a template"));
        }
    };
    // In `to` a user id would be taken for a number.
    let (recipient, id) = match &envelope.address {
        Address::WhatsappUser(user) => ("recipient", user.id()),
        _ => ("to", envelope.phone()?.digits()),
    };
    Ok(json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        recipient: id,
        "type": kind,
        kind: content,
        // At most 512 characters.
        "biz_opaque_callback_data": envelope.echo().to_string(),
    }))
}

fn template(template: &Template) -> Value {
    let mut value = json!({ "name": template.name, "language": { "code": template.language } });
    let components = components(template);
    if !components.is_empty() {
        value["components"] = components.into();
    }
    value
}
