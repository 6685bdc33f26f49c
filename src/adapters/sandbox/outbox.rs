//! The last messages that a sandbox provider accepted.

use std::collections::VecDeque;

use crate::adapters::envelope::Envelope;
use crate::model::{Address, BrandId, Channel, MessageId, RenderedContent, TelegramFile, Timestamp};

/// How many entries each provider keeps.
pub const MAX_ENTRIES: usize = 1_000;

/// How many characters of a text an entry keeps.
const MAX_TEXT_CHARS: usize = 10_000;

/// One message that a sandbox provider accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The time of the attempt.
    pub time: Timestamp,
    /// The channel.
    pub channel: Channel,
    /// The brand that sent it.
    pub brand: BrandId,
    /// The message.
    pub message_id: MessageId,
    /// Where to.
    pub address: Address,
    /// The subject of an email.
    pub subject: Option<String>,
    /// The text (an email's HTML when it has no text) after the URL of a file, or the template's name with its parameters;
    /// at most 10,000 characters.
    pub text: String,
}

impl OutboxEntry {
    pub(super) fn new(envelope: &Envelope) -> Self {
        let (subject, text) = subject_and_text(&envelope.content);
        Self {
            time: envelope.now,
            channel: envelope.channel,
            brand: envelope.brand.clone(),
            message_id: envelope.message_id,
            address: envelope.address.clone(),
            subject,
            text: text.chars().take(MAX_TEXT_CHARS).collect(),
        }
    }
}

fn subject_and_text(content: &RenderedContent) -> (Option<String>, String) {
    match content {
        RenderedContent::Email { subject, text, html } => {
            (Some(subject.clone()), text.clone().or_else(|| html.clone()).unwrap_or_default())
        }
        RenderedContent::Text(text) => (None, text.clone()),
        RenderedContent::Telegram(content) => {
            let file = content
                .file
                .as_ref()
                .map(|(TelegramFile::Photo(url) | TelegramFile::Document(url))| url.as_str());
            (None, [file, content.text.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("\n"))
        }
        RenderedContent::Template(template) => {
            (None, format!("{}({})", template.name, template.parameters.join(", ")))
        }
    }
}

/// The last [`MAX_ENTRIES`] entries of one provider.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<OutboxEntry>);

impl Outbox {
    pub(super) fn push(&mut self, entry: OutboxEntry) {
        if self.0.len() == MAX_ENTRIES {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    /// At most `limit` entries of `brand`, or of all, the last kept first.
    pub(super) fn newest(&self, brand: Option<&BrandId>, limit: usize) -> impl Iterator<Item = OutboxEntry> {
        let is_of_brand = move |entry: &&OutboxEntry| brand.is_none_or(|brand| entry.brand == *brand);
        self.0.iter().rev().filter(is_of_brand).take(limit).cloned()
    }
}
