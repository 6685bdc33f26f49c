//! What became of all messages, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::journey::{End, journey};
use super::line::local;
use super::{Roster, channel, reason, state};
use crate::wire::v1;

/// What became of all messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::demo) struct Summary {
    /// How many the gateway said it has.
    pub accepted: usize,
    /// How many each channel took.
    pub by_channel: BTreeMap<String, usize>,
    /// Sent, and reported as delivered.
    pub delivered: usize,
    /// Sent another way after an attempt failed.
    pub failed_first: usize,
    /// Sent another way straight past an open breaker.
    pub passed_first: usize,
    /// Sent after waiting on disk for a way to open.
    pub waited: usize,
    /// Not permitted, by the ruling that weighs most.
    pub suppressed: BTreeMap<String, usize>,
    /// Held by quiet hours, by when they end.
    pub held: BTreeMap<String, usize>,
    /// Neither known to be sent nor unsent.
    pub in_doubt: usize,
    /// Ended unsent for another reason, by state.
    pub unsent: BTreeMap<String, usize>,
    /// Given to providers more than once.
    pub sent_twice: usize,
    /// The ids of messages that were acknowledged and are unknown, or at no end, or said to be sent while no provider
    /// was given them.
    pub lost: Vec<String>,
}

/// The rulings on a message, the weightiest first: what somebody did counts more than what nobody did.
const WEIGHT: [&str; 5] =
    ["address_suppressed", "opt_in_revoked", "topic_muted", "channel_excluded", "no_opt_in"];

impl Summary {
    /// Counts what became of the messages with these ids, by what the gateway knows of them (`None` when it does not)
    /// and what its providers were given.
    pub(in crate::demo) fn new<'a>(
        messages: impl IntoIterator<Item = (&'a str, Option<&'a v1::Message>)>,
        outbox: &[v1::OutboxEntry],
        roster: &Roster,
    ) -> Self {
        let mut given: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in outbox {
            *given.entry(&entry.message_id).or_default() += 1;
        }
        let mut summary =
            Self { sent_twice: given.values().filter(|times| **times > 1).count(), ..Self::default() };
        let given: BTreeSet<&str> = given.into_keys().collect();
        for (id, message) in messages {
            summary.accepted += 1;
            if !message.is_some_and(|own| summary.count(own, given.contains(id), roster)) {
                summary.lost.push(id.to_owned());
            }
        }
        summary
    }

    /// Counts one message, and returns whether it is accounted for.
    fn count(&mut self, message: &v1::Message, given: bool, roster: &Roster) -> bool {
        let journey = journey(message, roster);
        match &journey.end {
            None => return false,
            Some(End::Sent { .. }) if !given => return false,
            Some(End::Sent { channel: own, state, .. }) => {
                *self.by_channel.entry(channel(*own)).or_default() += 1;
                self.delivered += usize::from(*state != i32::from(v1::MessageState::Sent));
                self.failed_first += usize::from(journey.failed_first());
                self.passed_first += usize::from(journey.passed_first() && !journey.failed_first());
                self.waited += usize::from(journey.waited());
            }
            Some(End::Suppressed(left_out)) => {
                *self.suppressed.entry(weightiest(left_out)).or_default() += 1;
            }
            Some(End::Held(until)) => {
                let until = local(until, roster.zones.get(&message.contact_id));
                *self.held.entry(until).or_default() += 1;
            }
            Some(End::InDoubt) => self.in_doubt += 1,
            Some(End::Unsent(own)) => *self.unsent.entry(state(*own)).or_default() += 1,
        }
        true
    }

    /// How many were sent.
    pub(in crate::demo) fn sent(&self) -> usize {
        self.by_channel.values().sum()
    }

    /// How many were sent another way than the first.
    pub(in crate::demo) fn fell_back(&self) -> usize {
        self.failed_first + self.passed_first
    }

    /// The summary, one fact a line.
    pub(in crate::demo) fn text(&self) -> String {
        let mut text = String::new();
        let until: Vec<_> = self.held.keys().map(|time| format!("until {time}")).collect();
        let until = until.join(", ");
        let mut fact = |name: &str, number: usize, words: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "   {name:<14} {number:>4}{}{words}",
                if words.is_empty() { "" } else { "   " }
            );
        };
        let fell_back = format!(
            "{} after an attempt failed, {} straight past an open breaker",
            self.failed_first, self.passed_first
        );
        fact("accepted:", self.accepted, "each answered once it was on disk");
        fact("sent:", self.sent(), &listed(&self.by_channel));
        fact("  delivered:", self.delivered, "as providers report; Telegram reports no deliveries");
        fact("  fell back:", self.fell_back(), &fell_back);
        fact("  waited:", self.waited, "on disk, until a way opened");
        fact("suppressed:", sum(&self.suppressed), &listed(&self.suppressed));
        fact("held:", sum(&self.held), &until);
        fact(
            "in doubt:",
            self.in_doubt,
            "commercial, and may have arrived: one copy too few beats one too many",
        );
        fact("unsent:", sum(&self.unsent), &listed(&self.unsent));
        fact("sent twice:", self.sent_twice, "by what the providers were given");
        fact("lost:", self.lost.len(), &self.lost.join(", "));
        text
    }
}

fn sum(counts: &BTreeMap<String, usize>) -> usize {
    counts.values().sum()
}

/// The counts with their names, the largest first.
fn listed(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1));
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

fn weightiest(left_out: &[v1::LeftOut]) -> String {
    let weighty = WEIGHT.into_iter().find(|word| left_out.iter().any(|own| own.reason == *word));
    reason(weighty.or(left_out.first().map(|own| own.reason.as_str())).unwrap_or("no_address"))
}
