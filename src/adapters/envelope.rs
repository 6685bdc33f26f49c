//! One message as one provider is to carry it to one address.

use crate::model::{
    Address, AttemptRef, BrandId, Channel, MessageClass, MessageId, Outcome, OutcomeEvidence, Phone,
    Rejection, RenderedContent, Timestamp, Topic,
};

/// One message as one provider is to carry it to one address.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The message.
    pub message_id: MessageId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The number of the attempt whose idempotency key this one uses: that of the first one by the same way whose outcome
    /// nobody knows, which this one repeats. The attempt's own number when it repeats none.
    pub idempotency_attempt: u32,
    /// The brand that sends.
    pub brand: BrandId,
    /// The class.
    pub class: MessageClass,
    /// The topic.
    pub topic: Topic,
    /// The channel.
    pub channel: Channel,
    /// The brand's own sender for this channel; the provider's when `None`.
    pub from: Option<String>,
    /// Where to.
    pub address: Address,
    /// What it says.
    pub content: RenderedContent,
    /// The time of the attempt.
    pub now: Timestamp,
}

/// Routing never hands an adapter what its channel does not carry. Should it happen, it is a refusal like any other,
/// so that the message goes its next way.
impl Envelope {
    /// The echo that a provider is asked to give back with its reports, so that a report finds its attempt even when the
    /// answer that would have named the provider's own reference was lost.
    pub(super) fn echo(&self) -> AttemptRef {
        AttemptRef { brand: self.brand.clone(), message: self.message_id, attempt: self.attempt }
    }

    /// The idempotency key of the call: the provider carries it out once, however often it is made. A call that repeats one
    /// in doubt has the key of that one, and where the key stands in place of the echo, its echo: the provider either knows
    /// the key, and sends no second copy, or does not, and the first call had come to nothing. Any other call has a key of
    /// its own, so that no refusal is given to it that was meant for another.
    pub(super) fn provider_idempotency_key(&self) -> AttemptRef {
        AttemptRef { attempt: self.idempotency_attempt, ..self.echo() }
    }

    /// The phone number to send to.
    ///
    /// # Errors
    /// A rejection when the address is not a phone number.
    pub(super) fn phone(&self) -> Result<&Phone, Outcome> {
        match &self.address {
            Address::Phone(phone) => Ok(phone),
            _ => Err(rejected_outcome(
                Rejection::Address { certain: false },
                "the address is not a phone number",
            )),
        }
    }

    /// The plain text to send.
    ///
    /// # Errors
    /// A rejection when the content is not a plain text.
    pub(super) fn text(&self) -> Result<&str, Outcome> {
        match &self.content {
            RenderedContent::Text(text) => Ok(text),
            _ => Err(rejected_outcome(Rejection::Content, "the content is not a plain text")),
        }
    }
}

/// The outcome of a message that the adapter itself refuses, before the provider is called.
pub(super) fn rejected_outcome(cause: Rejection, text: &str) -> Outcome {
    Outcome::Rejected { cause, evidence: OutcomeEvidence::new("", text) }
}
