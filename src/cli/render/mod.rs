//! PURE. The gateway's answers as text for people.

mod consent;
mod contact;
mod fold;
mod format;
mod history;
mod incident;
mod key;
mod message;
mod plan;
mod provider;
mod table;
#[cfg(test)]
mod tests;

pub(super) use consent::{consent, entry, lift, preferences, suppressions, verdicts};
pub(super) use contact::{contact, contact_events, contacts, telegram_link};
pub(super) use history::history;
pub(super) use incident::{incident, incidents};
pub(super) use key::{created_key, keys};
pub(super) use message::{WATCH_GAP, accepted, cancelled, messages, stream_answer, watched_event};
pub(super) use plan::explanation;
pub(super) use provider::{behavior_answer, control_changes, outbox, provider_line, providers};
pub(super) use table::{Table, TextWidth};
