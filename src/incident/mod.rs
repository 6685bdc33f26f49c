//! PURE. Incidents: since when a provider, or a cell of it, is not well, what was seen and done, and what that meant for
//! messages.
//!
//! # Why
//!
//! A breaker, a live weight and a throttle each say how a provider is now. Whoever is called at three in the morning asks since
//! when, what was done about it, which messages went another way, and what is still to be done.
//!
//! # How it works
//!
//! [`IncidentBook`] is told how each provider is ([`ObservedHealth`]) whenever that changed, and now and then. It opens one
//! incident for a provider, and one for each cell, adds what comes while it is open, and ends it after all was well for the
//! quiet time. Which ways a message did not take for the sake of a provider follows from its history ([`stood_in_for`],
//! [`blocked_ways`]).
//!
//! # How it recovers
//!
//! What is open is in memory, and recorded now and then by whoever asks for what [`IncidentBook::due_records`] gives. After a
//! restart all breakers are closed: what is not well is noticed again, and is another incident.

mod avoided_way;
mod book;
mod observed_health;
mod open_incident;
mod pause_statistics;
#[cfg(test)]
mod tests;

pub use avoided_way::{AvoidedWay, FailedAttempt, blocked_ways, stood_in_for, tried_in_vain};
pub use book::IncidentBook;
pub use observed_health::{ObservedBreaker, ObservedHealth, ObservedShift};
