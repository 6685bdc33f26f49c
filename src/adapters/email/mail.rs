//! Writes an envelope as an internet message (RFC 5322) with MIME parts.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lettre::message::dkim::DkimConfig;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::addresses::{SenderMailbox, recipient_address};
use super::bounces::BounceAddresses;
use super::dkim;
use super::settings::SmtpSettings;
use crate::adapters::{Envelope, ProviderBuildError, rejected_outcome};
use crate::model::{Outcome, Rejection, RenderedContent};

/// A line may have 998 characters (RFC 5322, section 2.1.1), which leaves ample room for the header's name.
const MAX_WORD_BYTES: usize = 500;

/// A message ready to be handed to a server.
#[derive(Debug)]
pub(super) struct PreparedMail {
    /// Its `Message-ID`, by which answers speak of it: the same in all attempts at a message.
    pub(super) id: String,
    /// What reports on it may name it by (RFC 3461, section 4.4).
    pub(super) envelope_id: String,
    /// Whom reports on it go to.
    pub(super) from: Address,
    /// Who receives it.
    pub(super) to: Address,
    /// All of it, with CRLF at the end of each line; ASCII unless an address is not.
    pub(super) bytes: Vec<u8>,
}

/// Writes messages of one provider.
pub(super) struct MailWriter {
    sender: SenderMailbox,
    /// The envelope senders, where reports are to come back.
    pub(super) bounces: Option<BounceAddresses>,
    dkim: Option<DkimConfig>,
}

impl MailWriter {
    pub(super) fn new(settings: &SmtpSettings) -> Result<Self, ProviderBuildError> {
        Ok(Self {
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            bounces: settings.bounces()?,
            dkim: settings.dkim.as_ref().map(dkim::signer).transpose()?,
        })
    }

    /// Writes the message, or says why it cannot be written.
    pub(super) fn write(&self, envelope: &Envelope) -> Result<PreparedMail, Outcome> {
        let from = self.sender.mailbox_for(envelope)?;
        let to = recipient_address(&envelope.address)?;
        let envelope_id = format!("{}.{}", envelope.message_id, envelope.attempt);
        // The message's own, whatever the attempt: a mailbox that gets two copies can tell that they are one (RFC 5322, section
        // 3.6.4). Reports find the attempt by its envelope sender.
        let id = format!("<{}@{}>", envelope.message_id, from.email.domain());
        let mut builder = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            // Given, because it is read back from the header otherwise, and not every address that may be written there is read.
            .envelope(
                lettre::address::Envelope::new(Some(from.email.clone()), vec![to.clone()])
                    .map_err(|error| unwritable(&error))?,
            )
            .date(SystemTime::from(envelope.now))
            .message_id(Some(id.clone()));
        if let Some(reply_to) = self.sender.reply_to() {
            builder = builder.reply_to(reply_to.clone());
        }
        let mut message = body(builder, envelope)?;
        if let Some(dkim) = &self.dkim {
            message.sign(dkim);
        }
        let from = self.bounces.as_ref().map_or(from.email, |bounces| bounces.address_for(&envelope.echo()));
        Ok(PreparedMail { id, envelope_id, from, to, bytes: message.formatted() })
    }
}

fn unwritable(error: &lettre::error::Error) -> Outcome {
    rejected_outcome(Rejection::Content, &error.to_string())
}

fn body(builder: MessageBuilder, envelope: &Envelope) -> Result<Message, Outcome> {
    let RenderedContent::Email { subject, text, html } = &envelope.content else {
        return Err(rejected_outcome(Rejection::Content, "the content is not an email"));
    };
    let builder = builder.raw_header(subject_header(&one_line(subject)));
    let plain = |text: &String| SinglePart::plain(with_crlf(text));
    let rich = |html: &String| SinglePart::html(with_crlf(html));
    let message = match (text, html) {
        (Some(text), Some(html)) => {
            // No text of ours contains an id that was drawn after it was written.
            let boundary = format!("relevo-{}", envelope.message_id);
            let parts = MultiPart::alternative().boundary(boundary);
            builder.multipart(parts.singlepart(plain(text)).singlepart(rich(html)))
        }
        (Some(text), None) => builder.singlepart(plain(text)),
        (None, Some(html)) => builder.singlepart(rich(html)),
        (None, None) => {
            return Err(rejected_outcome(Rejection::Content, "the email has neither text nor HTML"));
        }
    };
    message.map_err(|error| unwritable(&error))
}

/// A header is one line; a line break in a subject would begin a header of the caller's own. Runs of spaces go too,
/// because folding does not keep them.
pub(super) fn one_line(subject: &str) -> String {
    let spaced = subject.replace(char::is_control, " ");
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// lettre encodes words beyond ASCII and folds between words; a line of one word may still be too long for it, and what seems
/// encoded is not encoded again.
fn subject_header(subject: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Subject");
    if subject.split(' ').all(|word| word.len() <= MAX_WORD_BYTES) && !seems_encoded(subject) {
        return HeaderValue::new(name, subject.to_owned());
    }
    HeaderValue::dangerous_new_pre_encoded(name, subject.to_owned(), encoded_words(subject))
}

/// Whether a reader might take a part of the text for an encoded word, and show something else (RFC 2047, section 2). Where
/// one has to stand apart from what is before and after it, not all readers ask for that.
fn seems_encoded(text: &str) -> bool {
    text.contains("=?")
}

/// The mailbox in ASCII, as it stands in a header. In the headers that lettre writes itself it encodes every such name.
pub(super) fn in_header(mailbox: &Mailbox) -> String {
    match &mailbox.name {
        Some(name) if !name.is_ascii() || seems_encoded(name) => {
            format!("{} <{}>", encoded_words(name).replace("\r\n", ""), mailbox.email)
        }
        _ => mailbox.to_string(),
    }
}

/// The text as encoded words short enough for a line of their own (RFC 2047, section 2).
fn encoded_words(text: &str) -> String {
    let mut words = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > 42) {
            words.push(String::new());
        }
        words.last_mut().expect("there is a first word").push(c);
    }
    let encoded = words.iter().map(|word| format!("=?utf-8?b?{}?=", BASE64_STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

/// Lone carriage returns and line feeds are no line ends to some servers and line ends to others, which is how messages
/// are smuggled (RFC 5321, section 2.3.8). lettre would mind line feeds only, in time that grows with their square.
fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n").replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests;
