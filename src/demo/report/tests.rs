//! The lines and the summary, for messages of every end.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use jiff::tz::TimeZone;

use super::{DeliverySummary, MessageTimeline, ReportContext, message_line};
use crate::wire::v1::{self, event::Detail};
use v1::Channel::{Email, Sms, Telegram, Whatsapp};
use v1::MessageState as S;

fn context() -> ReportContext {
    let tiers = [("wa-main", 1), ("wa-spare", 2), ("tg", 1), ("sms", 1), ("mail", 1)];
    let zone = ("ines".to_owned(), TimeZone::get("Asia/Tokyo").unwrap());
    ReportContext {
        tiers: tiers.into_iter().map(|(name, tier)| (name.to_owned(), tier)).collect(),
        zones: BTreeMap::from([zone]),
    }
}

fn message(contact: &str, state: S, history: Vec<Detail>) -> v1::Message {
    let event = |detail| v1::Event { time: None, state: 0, detail: Some(detail) };
    v1::Message {
        message_id: format!("id-{contact}"),
        contact_id: contact.to_owned(),
        message_class: v1::MessageClass::Transactional.into(),
        topic: "orders".to_owned(),
        state: state.into(),
        history: history.into_iter().map(event).collect(),
        ..v1::Message::default()
    }
}

fn plan(order: &[v1::Channel], left_out: &[(v1::Channel, &str, &str)]) -> Detail {
    let verdict =
        |channel: &v1::Channel| v1::Verdict { channel: (*channel).into(), ..v1::Verdict::default() };
    let left_out = left_out.iter().map(|(channel, provider, reason)| v1::LeftOut {
        channel: (*channel).into(),
        provider: (*provider).to_owned(),
        reason: (*reason).to_owned(),
        ..v1::LeftOut::default()
    });
    Detail::Planned(v1::Plan {
        verdicts: order.iter().map(verdict).collect(),
        left_out: left_out.collect(),
        ..v1::Plan::default()
    })
}

fn attempt(
    number: i32,
    channel: v1::Channel,
    provider: &str,
    kind: v1::OutcomeKind,
    code: &str,
) -> [Detail; 2] {
    let way = v1::Way { channel: channel.into(), provider: provider.to_owned(), ..v1::Way::default() };
    let outcome = v1::Outcome { kind: kind.into(), code: code.to_owned(), ..v1::Outcome::default() };
    [
        Detail::AttemptStarted(v1::AttemptStarted { attempt: number, way: Some(way) }),
        Detail::AttemptFinished(v1::AttemptFinished { attempt: number, outcome: Some(outcome) }),
    ]
}

fn accepted(number: i32, channel: v1::Channel, provider: &str) -> [Detail; 2] {
    attempt(number, channel, provider, v1::OutcomeKind::Sent, "")
}

fn timed_out(number: i32, provider: &str) -> [Detail; 2] {
    attempt(number, Whatsapp, provider, v1::OutcomeKind::Unknown, "timeout")
}

fn waiting(reason: &str) -> Detail {
    // 23:00 in UTC, which is 08:00 in Tokyo.
    let until = prost_types::Timestamp { seconds: 1_800_054_000, nanos: 0 };
    Detail::Waiting(v1::Waiting { until: Some(until), reason: reason.to_owned(), explanation: String::new() })
}

fn receipt(attempt: i32) -> Detail {
    let status = v1::ReceiptStatus::Delivered.into();
    Detail::Receipt(v1::Receipt { attempt, status, ..v1::Receipt::default() })
}

/// A message of every end, and two that are at none.
fn messages() -> Vec<v1::Message> {
    let order = [Whatsapp, Telegram, Sms];
    let main_open = (Whatsapp, "wa-main", "breaker_open");
    let both_open = [main_open, (Whatsapp, "wa-spare", "breaker_open")];
    let fell_back =
        [vec![plan(&order, &[])], timed_out(1, "wa-main").into(), accepted(2, Telegram, "tg").into()];
    let straight = [vec![plan(&order, &both_open)], accepted(1, Sms, "sms").into(), vec![receipt(1)]];
    let waited = [
        vec![plan(&[Whatsapp], &[main_open])],
        timed_out(1, "wa-spare").into(),
        vec![waiting("backoff"), waiting("breaker_open")],
        accepted(2, Whatsapp, "wa-main").into(),
        vec![receipt(2)],
    ];
    // WhatsApp's breaker is open, but this person is reached by email first.
    let past_no_breaker =
        [vec![plan(&[Email, Whatsapp], &both_open)], accepted(1, Email, "mail").into(), vec![receipt(1)]];
    let denied = plan(
        &order,
        &[
            (Whatsapp, "", "no_opt_in"),
            (Sms, "", "no_opt_in"),
            (Email, "", "opt_in_revoked"),
            (Telegram, "", "no_address"),
        ],
    );
    vec![
        message("ana", S::Sent, fell_back.concat()),
        message("bruno", S::Delivered, straight.concat()),
        message("carla", S::Delivered, waited.concat()),
        message("dario", S::Delivered, past_no_breaker.concat()),
        message("elena", S::Suppressed, vec![denied]),
        message("farid", S::Suppressed, vec![plan(&[], &[(Email, "", "no_address")])]),
        message("ines", S::Waiting, vec![waiting("quiet_hours")]),
        message("kira", S::InDoubt, [timed_out(1, "wa-main").into(), vec![waiting("in_doubt")]].concat()),
        message("liam", S::Failed, attempt(1, Sms, "sms", v1::OutcomeKind::Rejected, "").into()),
        message("mia", S::Sent, accepted(1, Sms, "sms").into()),
        message("noel", S::Waiting, vec![waiting("breaker_open")]),
    ]
}

fn outbox(ids: &[&str]) -> Vec<v1::OutboxEntry> {
    let entry = |id: &&str| v1::OutboxEntry { message_id: format!("id-{id}"), ..v1::OutboxEntry::default() };
    ids.iter().map(entry).collect()
}

fn summary(messages: &[v1::Message], outbox: &[v1::OutboxEntry]) -> DeliverySummary {
    DeliverySummary::new(
        messages.iter().map(|message| (message.message_id.as_str(), Some(message))),
        outbox,
        &context(),
    )
}

#[test]
fn every_end_has_its_line() {
    let lines: Vec<_> = messages().iter().map(|message| message_line(message, &context())).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_end_is_counted_in_the_summary() {
    let summary = summary(&messages(), &outbox(&["ana", "bruno", "carla", "dario", "mia", "dario"]));
    assert_snapshot!(summary.text());
}

#[test]
fn a_message_that_is_unknown_or_in_no_outbox_is_lost() {
    let all = messages();
    assert_eq!(summary(&all[..1], &outbox(&["ana"])).lost, Vec::<String>::new());
    assert_eq!(
        summary(&all[..1], &outbox(&["bruno"])).lost,
        ["id-ana"],
        "recorded as sent, but in no outbox"
    );
    assert_eq!(DeliverySummary::new([("id-zoe", None)], &[], &context()).lost, ["id-zoe"]);
}

#[test]
fn a_message_without_a_receipt_is_at_its_end_only_where_none_can_come() {
    let ended = |history: Vec<Detail>| {
        MessageTimeline::read(&message("ana", S::Sent, history), &context()).end.is_some()
    };
    assert!(ended(accepted(1, Telegram, "tg").into()));
    assert!(!ended(accepted(1, Sms, "sms").into()));
}
