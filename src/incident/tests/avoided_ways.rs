//! Which ways a message did not take, by its history.

use super::super::*;
use super::{at, name, spain};
use crate::model::{
    Address, Channel, ConsentDecision, History, LeftOut, MessageEventDetail, OrderSource, Outcome,
    OutcomeEvidence, Plan, ProviderName, Reason, Receipt, ReceiptStatus, Rejection, Verdict, Way,
};

fn mail() -> Address {
    Address::Email("ana@example.com".parse().unwrap())
}

fn by(provider: &str, channel: Channel, address: Address) -> Way {
    Way { channel, address, provider: name(provider), failure_domain: provider.to_owned() }
}

/// A plan by SMS and then by mail, without these providers.
fn plan(left_out: &[(&str, Channel, Address, Reason)]) -> Plan {
    let verdict = |channel, address| Verdict {
        channel,
        address,
        decision: ConsentDecision::Allow,
        reason: Reason::Transactional,
        explanation: String::new(),
    };
    let left_out = left_out.iter().map(|(provider, channel, address, reason)| LeftOut {
        channel: *channel,
        address: Some(address.clone()),
        provider: Some(name(provider)),
        reason: reason.clone(),
        explanation: String::new(),
    });
    Plan {
        verdicts: vec![verdict(Channel::Sms, spain()), verdict(Channel::Email, mail())],
        ways: Vec::new(),
        left_out: left_out.collect(),
        order_source: OrderSource::Brand,
    }
}

fn evidence() -> OutcomeEvidence {
    OutcomeEvidence::new("503", "down")
}

/// Adds an attempt to `history` that begins and ends at `second`.
fn attempt(history: &mut History, number: u32, way: Way, outcome: Outcome, second: u64) {
    let at = at(second).calendar;
    history.push(at, MessageEventDetail::AttemptStarted { attempt: number, way });
    history.push(at, MessageEventDetail::AttemptFinished { attempt: number, outcome });
}

/// The providers that attempt `number` stands in for, with `?` where one may have taken the message; of two providers of a
/// channel the first by name comes first.
fn stands_in_for(history: &History, number: u32, is_repeat: bool) -> Vec<String> {
    let comes_first = |one: &ProviderName, other: &ProviderName| one < other;
    let avoided = stood_in_for(history, number, is_repeat, comes_first);
    let text = |way: &AvoidedWay<'_>| {
        let doubt = way.failed.is_some_and(|failed| failed.is_in_doubt);
        format!("{}{}", way.provider, if doubt { "?" } else { "" })
    };
    avoided.iter().map(text).collect()
}

#[test]
fn only_a_way_that_would_have_come_first_is_stood_in_for() {
    let open = Reason::BreakerOpen;
    let left_out = [
        ("a", Channel::Sms, spain(), open.clone()),
        ("c", Channel::Sms, spain(), Reason::Throttled),
        ("z", Channel::Sms, spain(), open.clone()),
        ("d", Channel::Sms, spain(), Reason::OutOfService),
        ("m", Channel::Email, mail(), open),
    ];
    for (taken, expected) in [
        (by("e", Channel::Sms, spain()), vec!["a", "c"]),
        (by("b", Channel::Sms, spain()), vec!["a"]),
        (by("n", Channel::Email, mail()), vec!["a", "c", "z", "m"]),
        (by("l", Channel::Email, mail()), vec!["a", "c", "z"]),
    ] {
        let mut history = History::accepted(at(0).calendar);
        history.push(at(0).calendar, MessageEventDetail::Planned(plan(&left_out)));
        attempt(&mut history, 1, taken, Outcome::sent("1"), 1);
        assert_eq!(stands_in_for(&history, 1, false), expected);
    }
}

#[test]
fn a_way_that_was_put_behind_for_its_weight_is_stood_in_for() {
    let mut history = History::accepted(at(0).calendar);
    let ways = ["b", "c", "a"].map(|provider| by(provider, Channel::Sms, spain())).to_vec();
    history.push(at(0).calendar, MessageEventDetail::Planned(Plan { ways, ..plan(&[]) }));
    attempt(&mut history, 1, by("b", Channel::Sms, spain()), Outcome::sent("1"), 1);
    assert_eq!(stands_in_for(&history, 1, false), ["a"]);
}

#[test]
fn attempts_in_vain_are_stood_in_for_where_the_provider_is_to_blame() {
    let rejected = Outcome::Rejected { cause: Rejection::Address { certain: true }, evidence: evidence() };
    for (outcome, expected) in [
        (Outcome::Unavailable { evidence: evidence() }, vec!["a"]),
        (Outcome::Misconfigured { evidence: evidence() }, vec!["a"]),
        (Outcome::unknown(evidence()), vec!["a?"]),
        (Outcome::LocalFailure { evidence: evidence() }, vec![]),
        (rejected, vec![]),
    ] {
        let mut history = History::accepted(at(0).calendar);
        attempt(&mut history, 1, by("a", Channel::Sms, spain()), outcome.clone(), 1);
        attempt(&mut history, 2, by("m", Channel::Email, mail()), Outcome::sent("1"), 2);
        assert_eq!(stands_in_for(&history, 2, false), expected, "{outcome:?}");
    }
}

#[test]
fn a_second_call_at_one_provider_is_a_copy_unless_it_repeats_the_first() {
    let mut history = History::accepted(at(0).calendar);
    let way = || by("a", Channel::Sms, spain());
    attempt(&mut history, 1, way(), Outcome::unknown(evidence()), 1);
    attempt(&mut history, 2, way(), Outcome::sent("1"), 2);
    assert_eq!(stands_in_for(&history, 2, false), ["a?"]);
    assert!(stands_in_for(&history, 2, true).is_empty());
    let mut failed = History::accepted(at(0).calendar);
    attempt(&mut failed, 1, way(), Outcome::Unavailable { evidence: evidence() }, 1);
    attempt(&mut failed, 2, way(), Outcome::sent("1"), 2);
    assert!(stands_in_for(&failed, 2, false).is_empty(), "it took it itself in the end");
}

#[test]
fn a_receipt_settles_the_doubt() {
    for (status, expected) in [(ReceiptStatus::Delivered, vec![]), (ReceiptStatus::Failed, vec!["a"])] {
        let mut history = History::accepted(at(0).calendar);
        attempt(&mut history, 1, by("a", Channel::Sms, spain()), Outcome::unknown(evidence()), 1);
        let receipt = Receipt {
            attempt: 1,
            status,
            reported_at: at(1).calendar,
            evidence: OutcomeEvidence::default(),
            objection: None,
        };
        history.push(at(2).calendar, MessageEventDetail::Receipt(receipt));
        attempt(&mut history, 2, by("b", Channel::Sms, spain()), Outcome::sent("1"), 3);
        assert_eq!(stands_in_for(&history, 2, false), expected);
    }
}

#[test]
fn after_a_fallback_only_what_was_given_up_is_stood_in_for() {
    let mut history = History::accepted(at(0).calendar);
    let left_out = [("a", Channel::Sms, spain(), Reason::BreakerOpen)];
    history.push(at(0).calendar, MessageEventDetail::Planned(plan(&left_out)));
    attempt(&mut history, 1, by("b", Channel::Sms, spain()), Outcome::sent("1"), 1);
    history.push(
        at(60).calendar,
        MessageEventDetail::FellBack { attempt: 1, explanation: "It did not arrive.".into() },
    );
    attempt(&mut history, 2, by("c", Channel::Sms, spain()), Outcome::sent("1"), 61);
    assert_eq!(stands_in_for(&history, 1, false), ["a"]);
    assert_eq!(stands_in_for(&history, 2, false), ["b"], "the message was rescued from a before");
}

#[test]
fn a_message_waits_for_the_providers_whose_health_blocks_it() {
    let reasons = [Reason::BreakerOpen, Reason::Throttled, Reason::Backoff, Reason::QuietHours, Reason::Busy];
    let left_out: Vec<_> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .zip(reasons)
        .map(|(provider, reason)| (provider, Channel::Sms, spain(), reason))
        .collect();
    let plan = plan(&left_out);
    let blocked: Vec<&str> = blocked_ways(&plan).map(|way| way.provider.as_str()).collect();
    assert_eq!(blocked, ["a", "b", "c"]);
}
