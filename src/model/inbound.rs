//! What comes from people and about their addresses, apart from what became of a message.

use std::collections::BTreeSet;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::{Address, Channel, MessageId, Objection, OutcomeEvidence, ProviderName, Timestamp};

/// A text that somebody wrote to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundText {
    /// The provider's id of it: the same text that comes again has the same.
    pub id: String,
    /// Who wrote.
    pub from: Address,
    /// Other addresses of the same person that the provider names beside it.
    pub aliases: Vec<Address>,
    /// Which of our numbers or senders they wrote to, in the provider's spelling, where it says so.
    pub to: Option<String>,
    /// What they wrote. Empty when it was a picture or the like.
    pub text: String,
    /// The provider's id of the message that it answers, where it says so.
    pub reply_to: Option<String>,
    /// When, by the provider's clock.
    pub at: Timestamp,
}

/// What a provider says of an address, and of no message in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressReport {
    /// The provider's id of the report: a report that comes again has the same.
    pub id: String,
    /// The address.
    pub address: Address,
    /// Other addresses of the same person that the provider names beside it.
    pub aliases: Vec<Address>,
    /// Which of our numbers or senders it concerns, in the provider's spelling, where it says so.
    pub to: Option<String>,
    /// What it says.
    pub change: AddressChange,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// The provider's words.
    pub evidence: OutcomeEvidence,
}

/// What became of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChange {
    /// Messages to the address are wanted no more.
    Objected(Objection),
    /// The person lifted their own opt-out at the provider, or unblocked us: the address can be reached again. It is no
    /// opt-in.
    Returned,
    /// The address has changed.
    MovedTo(Address),
}

/// A word that opts a person out of a channel, or in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// Opts out of the channel.
    Stop,
    /// Restores what an earlier stop withdrew.
    Start,
}

impl Keyword {
    /// Every keyword there is.
    pub const ALL: [Self; 2] = [Self::Stop, Self::Start];

    /// A stable word for the keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }
}

/// The keywords of a brand, as [`Keywords::normalized`] writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keywords {
    /// Those for [`Keyword::Stop`].
    pub stop: BTreeSet<String>,
    /// Those for [`Keyword::Start`].
    pub start: BTreeSet<String>,
}

impl Keywords {
    /// A text as keywords are compared: its words in lower case, without what stands around and between them. Letters of other
    /// widths are those of the alphabet, letters are one with their accents (NFKC), and the dot that lower case leaves of a
    /// Turkish İ and characters that nobody sees are left out.
    pub fn normalized(text: &str) -> String {
        const DOT_ABOVE: char = '\u{307}';
        let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(text).to_lowercase();
        let seen: String = composed.chars().filter(|c| *c != DOT_ABOVE && !is_unseen(*c)).collect();
        let words = seen.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Whether it takes no room in a text: soft hyphens, joiners, marks of direction and the like.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// An event of a contact: it wrote, or a provider reported on one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactEvent {
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// The channel.
    pub channel: Channel,
    /// The provider it came through.
    pub provider: ProviderName,
    /// The contact's address.
    pub address: Address,
    /// What it was.
    pub detail: ContactEventDetail,
}

/// What an event of a contact was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactEventDetail {
    /// The person wrote.
    Wrote {
        /// What they wrote; empty when it was a picture or the like.
        text: String,
        /// Which of the brand's senders they wrote to, in the provider's spelling.
        to: Option<String>,
        /// The message that it answers.
        answers: Option<MessageId>,
        /// How it was understood.
        keyword: Option<Keyword>,
    },
    /// The address, or commercial messages to it, are wanted no more.
    Objected {
        /// What is wanted no more, and why.
        objection: Objection,
        /// The provider's words.
        evidence: OutcomeEvidence,
    },
    /// The address can be reached again.
    Returned,
    /// The address is another one now.
    Moved {
        /// The new one.
        to: Address,
    },
}
