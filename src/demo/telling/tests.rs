//! How ways and sums are told.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use jiff::tz::TimeZone;

use super::journey::journey;
use super::{Roster, Summary, line};
use crate::wire::v1::{self, event::Detail};
use v1::Channel::{Email, Sms, Telegram, Whatsapp};
use v1::MessageState as S;

fn roster() -> Roster {
    let tiers = [("wa-main", 1), ("wa-spare", 2), ("tg", 1), ("sms", 1), ("mail", 1)];
    let zone = ("ines".to_owned(), TimeZone::get("Asia/Tokyo").unwrap());
    Roster {
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

fn tried(
    attempt: i32,
    channel: v1::Channel,
    provider: &str,
    kind: v1::OutcomeKind,
    code: &str,
) -> [Detail; 2] {
    let way = v1::Way { channel: channel.into(), provider: provider.to_owned(), ..v1::Way::default() };
    let outcome = v1::Outcome { kind: kind.into(), code: code.to_owned(), ..v1::Outcome::default() };
    [
        Detail::AttemptStarted(v1::AttemptStarted { attempt, way: Some(way) }),
        Detail::AttemptFinished(v1::AttemptFinished { attempt, outcome: Some(outcome) }),
    ]
}

fn took(attempt: i32, channel: v1::Channel, provider: &str) -> [Detail; 2] {
    tried(attempt, channel, provider, v1::OutcomeKind::Sent, "")
}

fn hung(attempt: i32, provider: &str) -> [Detail; 2] {
    tried(attempt, Whatsapp, provider, v1::OutcomeKind::Unknown, "timeout")
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

/// One of every end that there is, and two messages at none.
fn messages() -> Vec<v1::Message> {
    let order = [Whatsapp, Telegram, Sms];
    let main_open = (Whatsapp, "wa-main", "breaker_open");
    let both_open = [main_open, (Whatsapp, "wa-spare", "breaker_open")];
    let fell_back = [vec![plan(&order, &[])], hung(1, "wa-main").into(), took(2, Telegram, "tg").into()];
    let straight = [vec![plan(&order, &both_open)], took(1, Sms, "sms").into(), vec![receipt(1)]];
    let waited = [
        vec![plan(&[Whatsapp], &[main_open])],
        hung(1, "wa-spare").into(),
        vec![waiting("backoff"), waiting("breaker_open")],
        took(2, Whatsapp, "wa-main").into(),
        vec![receipt(2)],
    ];
    // WhatsApp's breaker is open, but this person is reached by email first.
    let not_passed =
        [vec![plan(&[Email, Whatsapp], &both_open)], took(1, Email, "mail").into(), vec![receipt(1)]];
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
        message("dario", S::Delivered, not_passed.concat()),
        message("elena", S::Suppressed, vec![denied]),
        message("farid", S::Suppressed, vec![plan(&[], &[(Email, "", "no_address")])]),
        message("ines", S::Waiting, vec![waiting("quiet_hours")]),
        message("kira", S::InDoubt, [hung(1, "wa-main").into(), vec![waiting("in_doubt")]].concat()),
        message("liam", S::Failed, tried(1, Sms, "sms", v1::OutcomeKind::Rejected, "").into()),
        message("mia", S::Sent, took(1, Sms, "sms").into()),
        message("noel", S::Waiting, vec![waiting("breaker_open")]),
    ]
}

fn given(ids: &[&str]) -> Vec<v1::OutboxEntry> {
    let entry = |id: &&str| v1::OutboxEntry { message_id: format!("id-{id}"), ..v1::OutboxEntry::default() };
    ids.iter().map(entry).collect()
}

fn sum(messages: &[v1::Message], outbox: &[v1::OutboxEntry]) -> Summary {
    Summary::new(messages.iter().map(|own| (own.message_id.as_str(), Some(own))), outbox, &roster())
}

#[test]
fn each_way_is_told_on_a_line() {
    let lines: Vec<_> = messages().iter().map(|own| line(own, &roster())).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn all_ways_are_summed_up() {
    let summary = sum(&messages(), &given(&["ana", "bruno", "carla", "dario", "mia", "dario"]));
    assert_snapshot!(summary.text());
}

#[test]
fn a_message_that_is_unknown_or_given_to_nobody_is_lost() {
    let all = messages();
    assert_eq!(sum(&all[..1], &given(&["ana"])).lost, Vec::<String>::new());
    assert_eq!(sum(&all[..1], &given(&["bruno"])).lost, ["id-ana"], "said to be sent, but given to nobody");
    assert_eq!(Summary::new([("id-zoe", None)], &[], &roster()).lost, ["id-zoe"]);
}

#[test]
fn a_message_without_a_receipt_is_at_its_end_only_where_none_can_come() {
    let ended = |history: Vec<Detail>| journey(&message("ana", S::Sent, history), &roster()).end.is_some();
    assert!(ended(took(1, Telegram, "tg").into()));
    assert!(!ended(took(1, Sms, "sms").into()));
}
