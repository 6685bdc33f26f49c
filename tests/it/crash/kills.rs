//! A gateway that is killed again and again in the middle of its work loses nothing that it acknowledged, and sends
//! nothing twice of which it does not say that it is in doubt.

use std::collections::{BTreeMap, BTreeSet};

use relevo::wire::v1::{self, MessageClass, MessageState, OutcomeKind};

use crate::gateway::history::{Attempt, attempts};
use crate::gateway::load::{Load, ObservedSends, ReceivingServers};
use crate::gateway::process::{GatewayDirectory, PATIENCE};

/// How often a gateway is killed before what it did is held against what was asked.
const KILLS: usize = 20;

/// How many gateways are killed so often, one after the other: `RELEVO_KILLS` kills take as many as needed; else one.
fn gateways() -> usize {
    let kills = std::env::var("RELEVO_KILLS").map(|kills| kills.parse().expect("RELEVO_KILLS is a number"));
    kills.unwrap_or(KILLS).div_ceil(KILLS)
}

/// Settings by which doubt is settled quickly and little of the disk is kept free.
const QUICK: &str =
    "min_free_bytes = 1048576\n\n[retry]\nbackoff_ms = 50\nmax_backoff_ms = 500\ndoubt_wait_ms = 100\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_twenty_times_under_load_loses_nothing_and_repeats_nothing() {
    for number in 0..gateways() {
        println!("gateway {number}, after {} kills", number * KILLS);
        kill_again_and_again(number).await;
    }
}

/// `number` tells the servers of a gateway from those of the others.
async fn kill_again_and_again(number: usize) {
    let name = |server| -> &'static str { format!("crash-{server}-{number}").leak() };
    let servers = ReceivingServers::start(name("mail"), name("sms"), name("whatsapp"), 30).await;
    let directory = GatewayDirectory::new(&format!("{QUICK}{}", servers.providers())).await;
    let load = Load::default();
    for crash in 0..KILLS {
        let gateway = directory.start().await;
        if crash == 0 {
            Load::prepare(&gateway).await;
        }
        load.ask_again();
        let (callers, mut acknowledged) = load.start(&gateway, 40);
        // At another moment of the work each time; the first ones while it is still starting.
        let enough = crash * 29 % 120;
        let reached = acknowledged.wait_for(|count| *count >= enough);
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(
            matches!(reached, Ok(Ok(_))),
            "the load stopped before kill {crash}: {:#?}",
            gateway.log.lines()
        );
        drop(reached);
        gateway.kill().await;
        callers.join_all().await;
    }

    let gateway = directory.start().await;
    let asked = load.asked();
    let acknowledged: Vec<String> = asked.values().flatten().cloned().collect();
    gateway.wait_until_ended(&acknowledged).await;
    let ids = assert_keys_hold(&load, &asked, &gateway).await;
    let all: Vec<String> = ids.values().cloned().collect();
    assert_eq!(
        gateway.all_ids().await,
        all.iter().cloned().collect::<BTreeSet<_>>(),
        "one message for each key"
    );

    let messages = gateway.wait_until_ended(&all).await;
    let mut effects = servers.effects(|key| ids[key].clone()).await;
    let mut interrupted = 0;
    for message in &messages {
        let seen = effects.remove(&message.message_id).unwrap_or_default();
        assert_agrees(message, &seen);
        interrupted += attempts(message).iter().filter(|attempt| attempt.code() == "interrupted").count();
    }
    assert!(effects.is_empty(), "nothing was sent that is not on record: {effects:?}");
    assert!(acknowledged.len() < asked.len(), "some calls were cut off");
    assert!(interrupted > 0, "some calls to providers were cut off");
    println!("{} asked, {} acknowledged, {interrupted} interrupted", asked.len(), acknowledged.len());
    gateway.stop().await;
    servers.forget().await;
}

/// Repeats every message that was ever asked for, and asserts that an acknowledged one is answered with the same message, and
/// any other becomes one message at most. Returns the ids by key.
async fn assert_keys_hold(
    load: &Load,
    asked: &BTreeMap<String, Option<String>>,
    gateway: &crate::gateway::process::Gateway,
) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for (key, answer) in load.repeat(gateway).await {
        if let Some(id) = &asked[&key] {
            assert!(answer.duplicate && answer.message_id == *id, "{key} was {id}: {answer:?}");
        }
        ids.insert(key, answer.message_id);
    }
    for (key, answer) in load.repeat(gateway).await {
        assert!(answer.duplicate && answer.message_id == ids[&key], "{key} was {}: {answer:?}", ids[&key]);
    }
    ids
}

/// Asserts that a message's history agrees with the sends that the servers observed.
fn assert_agrees(message: &v1::Message, seen: &ObservedSends) {
    let attempts = attempts(message);
    let context = || format!("{seen:?} {message:#?}");
    let (last, others) = attempts.split_last().unwrap_or_else(|| panic!("nothing was tried: {}", context()));
    // An attempt that took too long to record was never made; `possible_sends` counts it as not sent.
    let made: Vec<_> = others.iter().filter(|attempt| attempt.code() != "not_called").collect();
    assert!(
        made.iter().all(|attempt| attempt.outcome() == OutcomeKind::Unknown),
        "tried again without doubt: {}",
        context()
    );
    match message.message_class() {
        MessageClass::Commercial => {
            let states = [MessageState::Sent, MessageState::InDoubt];
            assert!(made.is_empty() && states.contains(&message.state()), "{}", context());
        }
        // Two copies in doubt are the most that there may be.
        _ => {
            let unknown = attempts.iter().filter(|attempt| attempt.outcome() == OutcomeKind::Unknown).count();
            let states: &[_] = match unknown {
                0 | 1 => &[MessageState::Sent],
                _ => &[MessageState::Sent, MessageState::InDoubt],
            };
            assert!(unknown <= 2 && states.contains(&message.state()), "{}", context());
        }
    }
    let is_sent = last.outcome() == OutcomeKind::Sent;
    assert_eq!(is_sent, message.state() == MessageState::Sent, "{}", context());
    let (by_sms, others): (Vec<_>, Vec<_>) =
        attempts.iter().partition(|attempt| attempt.way.channel() == v1::Channel::Sms);
    for attempt in &others {
        let count = seen.attempts.get(&attempt.number).copied().unwrap_or_default();
        assert!(
            possible_sends(&[attempt]).contains(&count),
            "attempt {} was seen {count} times: {}",
            attempt.number,
            context()
        );
    }
    assert!(possible_sends(&by_sms).contains(&seen.sms), "{}", context());
    let known = |number: &i32| others.iter().any(|attempt| attempt.number == *number);
    assert!(seen.attempts.keys().all(known), "an attempt is not on record: {}", context());
}

/// How often these attempts may have been observed: once each that was sent, and at most once each that is in doubt.
fn possible_sends(attempts: &[&Attempt]) -> std::ops::RangeInclusive<usize> {
    let count = |kind| attempts.iter().filter(|attempt| attempt.outcome() == kind).count();
    let sent = count(OutcomeKind::Sent);
    sent..=sent + count(OutcomeKind::Unknown)
}
