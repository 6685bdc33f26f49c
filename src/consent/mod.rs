//! PURE. Whether a message may go to an address now, and why.
//!
//! A commercial message needs the person's explicit opt-in for the channel and topic; a transactional one does not. No
//! class passes a suppressed address or a channel the person excluded. Quiet hours hold commercial messages, and
//! transactional ones only when the person asked for it.

mod keywords;
mod ledger;
mod quiet;

use jiff::tz::TimeZone;

use crate::model::{
    Address, Channel, ConsentDecision, MessageClass, Reason, Recipient, Suppression, Timestamp, Topic,
    Verdict,
};

pub use keywords::{keyword, scopes_restored_by_start};
pub use ledger::{LedgerStanding, standing, standings};
pub use quiet::held_until;

/// The question that [`decide`] answers.
#[derive(Debug, Clone, Copy)]
pub struct ConsentQuery<'a> {
    /// The class of the message.
    pub class: MessageClass,
    /// Its topic.
    pub topic: &'a Topic,
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: &'a Address,
}

/// Decides whether a message may go to an address at `now`. `default_zone` is the time zone of contacts who set none.
///
/// The first rule that applies decides, from the strictest to the mildest: suppression, exclusion, opt-in, quiet hours.
pub fn decide(
    question: &ConsentQuery<'_>,
    recipient: &Recipient,
    default_zone: &TimeZone,
    now: Timestamp,
) -> Verdict {
    let (decision, reason, explanation) = suppressed(question, recipient)
        .or_else(|| excluded(question, recipient))
        .or_else(|| not_opted_in(question, recipient))
        .or_else(|| quiet_now(question, recipient, default_zone, now))
        .unwrap_or_else(|| allowed(question, recipient));
    Verdict { channel: question.channel, address: question.address.clone(), decision, reason, explanation }
}

/// A decision, its reason for programs, and its explanation for people.
type ConsentRuling = (ConsentDecision, Reason, String);

fn suppressed(question: &ConsentQuery<'_>, recipient: &Recipient) -> Option<ConsentRuling> {
    let is_of_address = |suppression: &&Suppression| {
        suppression.channel == question.channel && suppression.address == *question.address
    };
    let since = |found: &Suppression| {
        format!("since {} ({}: {})", found.created_at, found.reason.as_str(), found.explanation)
    };
    let reasons: Vec<String> = recipient.suppressions.iter().filter(is_of_address).map(since).collect();
    let why = || format!("The address is suppressed on {} {}.", question.channel, reasons.join(" and "));
    (!reasons.is_empty()).then(|| (ConsentDecision::Deny, Reason::AddressSuppressed, why()))
}

fn excluded(question: &ConsentQuery<'_>, recipient: &Recipient) -> Option<ConsentRuling> {
    let excluded = recipient.preferences.excluded_channels.contains(&question.channel);
    let why = || format!("The contact asked never to be reached by {}.", question.channel);
    excluded.then(|| (ConsentDecision::Deny, Reason::ChannelExcluded, why()))
}

fn not_opted_in(question: &ConsentQuery<'_>, recipient: &Recipient) -> Option<ConsentRuling> {
    if question.class == MessageClass::Transactional {
        return None;
    }
    if let Some(muted) = recipient.preferences.muted_by(question.topic) {
        let why = format!("The contact muted the topic {muted}.");
        return Some((ConsentDecision::Deny, Reason::TopicMuted, why));
    }
    let (channel, topic) = (question.channel, question.topic);
    match standing(&recipient.ledger, channel, topic) {
        LedgerStanding::Granted(_) => None,
        LedgerStanding::Revoked(entry) => {
            let why = format!(
                "The contact withdrew the opt-in for {} by {channel} on {} (ledger entry {}).",
                entry.scope, entry.time, entry.sequence
            );
            Some((ConsentDecision::Deny, Reason::OptInRevoked, why))
        }
        LedgerStanding::Silent => {
            let why =
                format!("There is no opt-in for {topic} by {channel}, and a commercial message needs one.");
            Some((ConsentDecision::Deny, Reason::NoOptIn, why))
        }
    }
}

fn quiet_now(
    question: &ConsentQuery<'_>,
    recipient: &Recipient,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<ConsentRuling> {
    let hours = recipient.preferences.quiet_hours.as_ref()?;
    if question.class == MessageClass::Transactional && !hours.include_transactional {
        return None;
    }
    let contact_zone = recipient.preferences.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let zone = contact_zone.as_ref().unwrap_or(zone);
    let until = held_until(hours, zone, now)?;
    let why = format!(
        "The contact's quiet hours ({:.5} to {:.5}, {}) end at {until}.",
        hours.start.to_string(),
        hours.end.to_string(),
        zone.iana_name().unwrap_or("UTC")
    );
    Some((ConsentDecision::Hold { until }, Reason::QuietHours, why))
}

fn allowed(question: &ConsentQuery<'_>, recipient: &Recipient) -> ConsentRuling {
    if question.class == MessageClass::Transactional {
        return (
            ConsentDecision::Allow,
            Reason::Transactional,
            "A transactional message needs no opt-in.".to_owned(),
        );
    }
    let why = match standing(&recipient.ledger, question.channel, question.topic) {
        LedgerStanding::Granted(entry) => format!(
            "The contact opted in to {} by {} on {} (ledger entry {}, {}, {}).",
            entry.scope, entry.channel, entry.time, entry.sequence, entry.method, entry.source
        ),
        LedgerStanding::Revoked(_) | LedgerStanding::Silent => String::new(),
    };
    (ConsentDecision::Allow, Reason::OptInGranted, why)
}

#[cfg(test)]
mod tests;
