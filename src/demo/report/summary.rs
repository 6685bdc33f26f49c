//! What became of all messages, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::context::ReportContext;
use super::timeline::{MessageTimeline, TimelineEnd};
use super::words::{channel_word, local_time, reason_words, state_word};
use crate::wire::v1;

/// How many messages came to which end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DeliverySummary {
    /// How many the gateway acknowledged.
    pub accepted: usize,
    /// How many were sent, by channel.
    pub by_channel: BTreeMap<String, usize>,
    /// How many were sent and reported as delivered or read.
    pub delivered: usize,
    /// How many were sent another way after an attempt failed.
    pub after_failure: usize,
    /// How many were sent another way because a breaker was open, without a failed attempt.
    pub past_open_breaker: usize,
    /// How many were sent after waiting on disk for a way to open.
    pub waited: usize,
    /// How many were not permitted, by the reason that comes first in [`REASONS`].
    pub suppressed: BTreeMap<String, usize>,
    /// How many are held by quiet hours, by the time at which these end.
    pub held: BTreeMap<String, usize>,
    /// How many may or may not have been sent.
    pub in_doubt: usize,
    /// How many ended unsent for another reason, by state.
    pub unsent: BTreeMap<String, usize>,
    /// How many were accepted by providers more than once.
    pub sent_twice: usize,
    /// The ids of messages that were acknowledged, and are unknown now, or at no end, or recorded as sent while no
    /// provider accepted them.
    pub lost: Vec<String>,
}

/// The reasons against a message, the most telling first: an act of the contact comes before the lack of one.
const REASONS: [&str; 5] =
    ["address_suppressed", "opt_in_revoked", "topic_muted", "channel_excluded", "no_opt_in"];

impl DeliverySummary {
    /// Counts what became of the messages with these ids, by what the gateway knows of them (`None` when it does not)
    /// and by the outboxes of its providers.
    pub(crate) fn new<'a>(
        messages: impl IntoIterator<Item = (&'a str, Option<&'a v1::Message>)>,
        outbox: &[v1::OutboxEntry],
        context: &ReportContext,
    ) -> Self {
        let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in outbox {
            *copies.entry(&entry.message_id).or_default() += 1;
        }
        let mut summary =
            Self { sent_twice: copies.values().filter(|count| **count > 1).count(), ..Self::default() };
        let in_outbox: BTreeSet<&str> = copies.into_keys().collect();
        for (id, message) in messages {
            summary.accepted += 1;
            if !message.is_some_and(|message| summary.count(message, in_outbox.contains(id), context)) {
                summary.lost.push(id.to_owned());
            }
        }
        summary
    }

    /// Counts one message, and returns whether it is accounted for. `in_outbox` says whether a provider accepted it.
    fn count(&mut self, message: &v1::Message, in_outbox: bool, context: &ReportContext) -> bool {
        let timeline = MessageTimeline::read(message, context);
        match &timeline.end {
            None => return false,
            Some(TimelineEnd::Sent { .. }) if !in_outbox => return false,
            Some(TimelineEnd::Sent { channel, state, .. }) => {
                *self.by_channel.entry(channel_word(*channel)).or_default() += 1;
                self.delivered += usize::from(*state != i32::from(v1::MessageState::Sent));
                self.after_failure += usize::from(timeline.fell_back_after_failure());
                self.past_open_breaker += usize::from(
                    timeline.fell_back_past_open_breaker() && !timeline.fell_back_after_failure(),
                );
                self.waited += usize::from(timeline.waited());
            }
            Some(TimelineEnd::Suppressed(left_out)) => {
                *self.suppressed.entry(first_reason(left_out)).or_default() += 1;
            }
            Some(TimelineEnd::Held(until)) => {
                let until = local_time(until, context.zones.get(&message.contact_id));
                *self.held.entry(until).or_default() += 1;
            }
            Some(TimelineEnd::InDoubt) => self.in_doubt += 1,
            Some(TimelineEnd::Unsent(state)) => *self.unsent.entry(state_word(*state)).or_default() += 1,
        }
        true
    }

    /// How many were sent.
    pub(crate) fn sent(&self) -> usize {
        self.by_channel.values().sum()
    }

    /// How many were sent another way than the first.
    pub(crate) fn fell_back(&self) -> usize {
        self.after_failure + self.past_open_breaker
    }

    /// The summary, one fact a line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let held_until: Vec<_> = self.held.keys().map(|time| format!("until {time}")).collect();
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
            self.after_failure, self.past_open_breaker
        );
        fact("accepted:", self.accepted, "each answered once it was on disk");
        fact("sent:", self.sent(), &listed(&self.by_channel));
        fact("  delivered:", self.delivered, "as providers report; Telegram reports no deliveries");
        fact("  fell back:", self.fell_back(), &fell_back);
        fact("  waited:", self.waited, "on disk, until a way opened");
        fact("suppressed:", total(&self.suppressed), &listed(&self.suppressed));
        fact("held:", total(&self.held), &held_until.join(", "));
        fact(
            "in doubt:",
            self.in_doubt,
            "commercial, and may have arrived: one copy too few beats one too many",
        );
        fact("unsent:", total(&self.unsent), &listed(&self.unsent));
        fact("sent twice:", self.sent_twice, "by what the providers were given");
        fact("lost:", self.lost.len(), &self.lost.join(", "));
        text
    }
}

fn total(counts: &BTreeMap<String, usize>) -> usize {
    counts.values().sum()
}

/// The counts with their names, the largest first.
fn listed(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1));
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// The first of [`REASONS`] for which a channel was left out, or else whichever reason there is.
fn first_reason(left_out: &[v1::LeftOut]) -> String {
    let listed = REASONS.into_iter().find(|reason| left_out.iter().any(|entry| entry.reason == *reason));
    let any = left_out.first().map(|entry| entry.reason.as_str());
    reason_words(listed.or(any).unwrap_or("no_address"))
}
