//! What can be wrong with a provider, and with whose messages.

use std::time::Duration;

/// A trouble: what happens, and to whose messages. Everybody else's are taken as usual.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// What happens.
    pub effect: Effect,
    /// To whom.
    pub scope: Scope,
}

impl Trouble {
    /// One that all messages have.
    pub const fn of_all(effect: Effect) -> Self {
        Self { effect, scope: Scope::All }
    }

    /// One that a share of the messages has, by chance.
    pub const fn of_share(effect: Effect, share: f64) -> Self {
        Self { effect, scope: Scope::Share(share) }
    }
}

/// What happens to a message.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// Nothing listens: connections are refused.
    Down,
    /// It is taken after so long.
    Slow(Duration),
    /// It is never answered.
    Hangs,
    /// It is refused.
    Refuses(Refusal),
    /// More than so many a second are refused as too many.
    Limits(f64),
    /// It is taken and delivered, and the answer has this HTTP status.
    TakesThenFails(u16),
    /// It is taken and delivered, and the connection is closed without an answer.
    TakesThenCloses,
    /// It is taken, and nothing is ever heard of it.
    DeliversNothing,
    /// It is taken, and reported as filtered by the carrier.
    Filters,
}

/// Why a message is refused. Each kind of provider has words of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The provider is down for the moment (503).
    Unavailable,
    /// The sender is not registered.
    Sender,
    /// The account sends too fast (429).
    TooFast,
    /// A code that is in no table (400).
    Undocumented,
}

/// Whose messages have the trouble.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// All.
    All,
    /// This share of them, by chance: from 0 to 1.
    Share(f64),
    /// Those to numbers that begin so.
    Prefix(&'static str),
    /// Those of this sender.
    Sender(&'static str),
}

impl Scope {
    /// Whether it covers a message. `chance` is a random number from 0 to 1.
    pub fn covers(self, recipient: &str, sender: &str, chance: f64) -> bool {
        match self {
            Self::All => true,
            Self::Share(share) => chance < share,
            Self::Prefix(prefix) => recipient.trim_start_matches('+').starts_with(prefix),
            Self::Sender(troubled) => sender == troubled,
        }
    }
}
