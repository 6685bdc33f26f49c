//! The body of a message for a receiver.

use serde_json::{Value, json};

use crate::adapters::Envelope;
use crate::model::Rendered;

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

fn content(content: &Rendered) -> Value {
    match content {
        Rendered::Email { subject, text, html } => {
            json!({ "type": "email", "subject": subject, "text": text, "html": html })
        }
        Rendered::Text(text) => json!({ "type": "text", "text": text }),
        Rendered::Template(template) => json!({
            "type": "template",
            "name": template.name,
            "language": template.language,
            "parameters": template.parameters,
        }),
    }
}
