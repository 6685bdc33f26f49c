//! The history of a message.

use super::format::{
    address, cause, channel, channels, class, excerpt, labels, outcome_kind, receipt_status, seconds, state,
    time,
};
use super::{TextWidth, plan};
use crate::wire::v1::{self, event::Detail};

/// Characters of a message's text that are shown.
pub(super) const EXCERPT_CHARS: usize = 72;

/// A message with its history, an event a line.
pub(crate) fn history(message: &v1::Message, within: TextWidth) -> String {
    let mut text = format!("message {}: {}\n\n", message.message_id, state(message.state).to_uppercase());
    for (name, value) in facts(message) {
        text += &format!("  {name:<12} {value}\n");
    }
    text.push('\n');
    for event in &message.history {
        text += &event_line(event, within);
    }
    if message.next_time.is_some() {
        text += &format!("{}  it is looked at again\n", time(message.next_time.as_ref()));
    }
    text
}

fn facts(message: &v1::Message) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("contact", message.contact_id.clone()),
        ("class", class(message.message_class)),
        ("topic", message.topic.clone()),
        ("says", message.content.as_ref().map(summary).unwrap_or_default()),
    ];
    if !message.channels.is_empty() {
        facts.push(("channels", channels(&message.channels)));
    }
    if let Some(policy) = message.fallback.as_ref().and_then(fallback) {
        facts.push(("falls back", policy));
    }
    if !message.idempotency_key.is_empty() {
        facts.push(("key", message.idempotency_key.clone()));
    }
    if !message.labels.is_empty() {
        facts.push(("labels", labels(&message.labels)));
    }
    if message.send_time != message.accept_time {
        facts.push(("not before", time(message.send_time.as_ref())));
    }
    facts.push(("expires", time(message.expire_time.as_ref())));
    facts
}

/// The content in a line: subject and text, or the template.
fn summary(content: &v1::Content) -> String {
    let template = content.whatsapp.as_ref().and_then(|whatsapp| whatsapp.template.as_ref());
    match (content.subject.as_str(), content.text.as_str(), template) {
        ("", "", Some(template)) => format!("the template {} ({})", template.name, template.language),
        ("", text, _) => excerpt(text, EXCERPT_CHARS),
        (subject, "", _) => excerpt(subject, EXCERPT_CHARS),
        (subject, text, _) => excerpt(&format!("{subject} | {text}"), EXCERPT_CHARS),
    }
}

fn fallback(policy: &v1::FallbackPolicy) -> Option<String> {
    let on_failed = policy.on_failed.then(|| "when reported as failed".to_owned());
    let after = |what: &str, time: &Option<prost_types::Duration>| {
        time.as_ref().map(|time| format!("when not {what} within {}", seconds(time)))
    };
    let delivered = after("delivered", &policy.undelivered_after);
    let read = after("read", &policy.unread_after);
    let all: Vec<_> = [on_failed, delivered, read].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// One event on a line; a plan on several.
pub(super) fn event_line(event: &v1::Event, within: TextWidth) -> String {
    let at = time(event.time.as_ref());
    match &event.detail {
        Some(Detail::Planned(planned)) => format!("{at}  planned\n{}", plan::plan(planned, "    ", within)),
        Some(detail) => format!("{at}  {}\n", event_text(detail)),
        None => format!("{at}  something that this version does not know\n"),
    }
}

/// What happened, in a sentence.
pub(super) fn event_text(detail: &Detail) -> String {
    match detail {
        Detail::Accepted(_) => "accepted: the gateway has it on disk".to_owned(),
        Detail::Planned(planned) => format!("planned: {} to try", ways(planned.ways.len())),
        Detail::AttemptStarted(started) => {
            let way = started.way.clone().unwrap_or_default();
            let (channel, address) = (channel(way.channel), address(way.address.as_ref()));
            let (provider, domain) = (way.provider, way.failure_domain);
            format!("attempt {}: calling {provider} ({domain}) by {channel} for {address}", started.attempt)
        }
        Detail::AttemptFinished(finished) => {
            let outcome = finished.outcome.clone().unwrap_or_default();
            format!("attempt {}: {}", finished.attempt, self::outcome(&outcome))
        }
        Detail::Receipt(receipt) => {
            let evidence = evidence(&receipt.code, &receipt.text);
            format!(
                "attempt {}: the provider reports {}{evidence}",
                receipt.attempt,
                receipt_status(receipt.status)
            )
        }
        Detail::Waiting(waiting) => format!(
            "waiting until {}: {} [{}]",
            time(waiting.until.as_ref()),
            waiting.explanation,
            waiting.reason
        ),
        Detail::FellBack(fell) => format!("attempt {} is given up: {}", fell.attempt, fell.explanation),
        Detail::CancelRequested(cancel) => format!("cancel requested by {}", cancel.actor),
        Detail::Finished(finished) => format!("finished: {} [{}]", finished.explanation, finished.reason),
    }
}

fn ways(count: usize) -> String {
    match count {
        0 => "no way".to_owned(),
        1 => "1 way".to_owned(),
        more => format!("{more} ways"),
    }
}

fn outcome(outcome: &v1::Outcome) -> String {
    let mut text = outcome_kind(outcome.kind);
    if outcome.rejection_cause != 0 {
        text += &format!(" because of the {}", cause(outcome.rejection_cause));
    }
    if outcome.suppress {
        text += ", so the address is suppressed";
    }
    if outcome.recipient_only {
        text += " for this recipient";
    }
    if let Some(wait) = &outcome.retry_after {
        text += &format!(", to be retried after {}", seconds(wait));
    }
    if !outcome.reference.is_empty() {
        text += &format!(", known there as {}", outcome.reference);
    }
    text + &evidence(&outcome.code, &outcome.text)
}

/// The provider's evidence: its code and its text.
pub(super) fn evidence(code: &str, text: &str) -> String {
    match (code, text) {
        ("", "") => String::new(),
        (code, "") => format!(" ({code})"),
        ("", text) => format!(" ({text})"),
        (code, text) => format!(" ({code}: {text})"),
    }
}
