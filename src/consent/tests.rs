use std::collections::BTreeMap;

use jiff::civil::Time;
use proptest::prelude::*;

use super::*;
use crate::model::{
    ConsentAction, ConsentEntry, ConsentEvidence, Contact, ContactIncarnation, FoldedLedger, Phone,
    Preferences, QuietHours, Suppression, SuppressionReason, TopicPreference, TopicScope,
};

fn timestamp(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    timestamp("2026-06-01T12:00:00Z")
}

fn phone() -> Address {
    Address::Phone(Phone::parse("+34600123456", None).unwrap())
}

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

fn day(number: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + number * 86_400).unwrap()
}

/// An entry for something of that day, recorded long after, as when an old ledger is brought in.
fn entry(sequence: u64, action: ConsentAction, scope: &str, number: i64) -> ConsentEntry {
    let time = day(number);
    ConsentEntry {
        sequence,
        action,
        channel: Channel::Sms,
        scope: scope.parse().unwrap(),
        evidence: ConsentEvidence {
            source: "checkout".into(),
            method: "web_form".into(),
            wording: String::new(),
            time,
            origin: String::new(),
            actor: String::new(),
        },
        recorded_at: day(100),
        recorded_by: "key".into(),
    }
}

#[test]
fn a_revocation_dated_by_the_second_comes_after_what_was_granted_within_it() {
    use ConsentAction::{Grant, Revoke};
    let at = |text: &str| format!("2026-11-22T10:00:{text}Z").parse::<Timestamp>().unwrap();
    let of = |sequence, action, claimed: &str, recorded: &str| {
        let mut entry = entry(sequence, action, "offers", 0);
        (entry.evidence.time, entry.recorded_at) = (at(claimed), at(recorded));
        entry
    };
    let granted = |ledger: [ConsentEntry; 2]| {
        let folded: FoldedLedger = ledger.iter().collect();
        matches!(standing(&folded, Channel::Sms, &topic("offers")), LedgerStanding::Granted(_))
    };
    let grant = of(1, Grant, "05.6", "05.6");
    assert!(!granted([grant.clone(), of(2, Revoke, "05", "05.9")]));
    assert!(granted([grant.clone(), of(2, Revoke, "05.5", "05.9")]), "this one knows the millisecond");
    assert!(granted([grant, of(2, Revoke, "04", "05.9")]));
    assert!(granted([of(1, Revoke, "05", "05.2"), of(2, Grant, "05.6", "05.6")]), "it was recorded by then");
}

/// An entry that claims a day and is recorded on another.
fn recorded(sequence: u64, action: ConsentAction, scope: &str, claimed: i64, on: i64) -> ConsentEntry {
    ConsentEntry { recorded_at: day(on), ..entry(sequence, action, scope, claimed) }
}

#[test]
fn no_claimed_time_counts_beyond_the_time_of_recording() {
    use ConsentAction::{Grant, Revoke};
    let granted = |ledger: &[ConsentEntry]| {
        let folded: FoldedLedger = ledger.iter().collect();
        let by_topic =
            matches!(standing(&folded, Channel::Sms, &topic("offers")), LedgerStanding::Granted(_));
        let all: Vec<_> = standings(&folded)
            .into_iter()
            .map(|(_, scope, granted, _)| (scope.to_string(), granted))
            .collect();
        (by_topic, all)
    };
    let no = |scope: &str| (false, vec![(scope.to_owned(), false)]);
    let yes = |scope: &str| (true, vec![(scope.to_owned(), true)]);
    for scope in ["*", "offers"] {
        // The clock of whoever granted is ahead.
        let ahead = recorded(1, Grant, scope, 9, 5);
        assert_eq!(granted(&[ahead.clone(), recorded(2, Revoke, scope, 6, 6)]), no(scope));
        assert_eq!(
            granted(&[ahead.clone(), recorded(2, Revoke, scope, 5, 5)]),
            no(scope),
            "at the same time"
        );
        assert_eq!(
            granted(&[ahead, recorded(2, Revoke, scope, 3, 6)]),
            yes(scope),
            "it was before the grant"
        );
        // Our own clock was set back.
        let wrong = recorded(1, Grant, scope, 9, 9);
        assert_eq!(granted(&[wrong.clone(), recorded(2, Revoke, scope, 4, 4)]), no(scope));
        let again = [wrong, recorded(2, Revoke, scope, 4, 4), recorded(3, Grant, scope, 5, 5)];
        assert_eq!(granted(&again), yes(scope), "granted again since");
        let revoked = recorded(1, Revoke, scope, 9, 9);
        assert_eq!(
            granted(&[revoked.clone(), recorded(2, Grant, scope, 4, 4)]),
            no(scope),
            "it cannot be ordered"
        );
        let again = [revoked, recorded(2, Grant, scope, 4, 4), recorded(3, Grant, scope, 5, 5)];
        assert_eq!(granted(&again), yes(scope));
    }
}

fn recipient(ledger: Vec<ConsentEntry>) -> Recipient {
    Recipient {
        contact: Contact {
            id: "ana".parse().unwrap(),
            addresses: Vec::new(),
            labels: BTreeMap::new(),
            created_at: noon(),
            updated_at: noon(),
            incarnation: ContactIncarnation::default(),
            changes: 1,
        },
        ledger: ledger.iter().collect(),
        preferences: Preferences::default(),
        suppressions: Vec::new(),
        lifted_suppressions: Vec::new(),
    }
}

fn decision_and_reason(
    class: MessageClass,
    about: &str,
    recipient: &Recipient,
    now: Timestamp,
) -> (ConsentDecision, Reason) {
    let question = ConsentQuery { class, topic: &topic(about), channel: Channel::Sms, address: &phone() };
    let verdict = decide(&question, recipient, &TimeZone::UTC, now);
    assert!(verdict.explanation.ends_with('.'), "{}", verdict.explanation);
    (verdict.decision, verdict.reason)
}

fn reason_for_commercial(recipient: &Recipient) -> Reason {
    decision_and_reason(MessageClass::Commercial, "offers.shoes", recipient, noon()).1
}

#[test]
fn a_commercial_message_needs_an_opt_in_and_a_transactional_one_does_not() {
    let silent = recipient(vec![]);
    assert_eq!(
        decision_and_reason(MessageClass::Commercial, "offers", &silent, noon()),
        (ConsentDecision::Deny, Reason::NoOptIn)
    );
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "orders", &silent, noon()),
        (ConsentDecision::Allow, Reason::Transactional)
    );
}

#[test]
fn grants_and_revocations_of_every_width() {
    use ConsentAction::{Grant, Revoke};
    type Case = (&'static [(ConsentAction, &'static str, i64)], Reason);
    let cases: [Case; 10] = [
        (&[(Grant, "*", 1)], Reason::OptInGranted),
        (&[(Grant, "offers", 1)], Reason::OptInGranted),
        (&[(Grant, "offers.hats", 1)], Reason::NoOptIn),
        (&[(Grant, "*", 1), (Revoke, "offers", 2)], Reason::OptInRevoked),
        // A revocation of a topic beats a grant for all topics, even a later one.
        (&[(Revoke, "offers", 1), (Grant, "*", 2)], Reason::OptInRevoked),
        // "Stop everything" ends the narrower grants before it, and not those after it.
        (&[(Grant, "offers", 1), (Revoke, "*", 2)], Reason::OptInRevoked),
        (&[(Revoke, "*", 1), (Grant, "offers", 2)], Reason::OptInGranted),
        (&[(Grant, "offers", 1), (Revoke, "offers", 2), (Grant, "offers", 3)], Reason::OptInGranted),
        (&[(Grant, "offers", 1), (Revoke, "offers", 1)], Reason::OptInRevoked),
        (&[(Revoke, "offers", 1), (Grant, "offers.shoes", 2)], Reason::OptInGranted),
    ];
    for (ledger, reason) in cases {
        let entries = ledger.iter().enumerate();
        let entries =
            entries.map(|(i, (action, scope, day))| entry(i as u64 + 1, *action, scope, *day)).collect();
        assert_eq!(reason_for_commercial(&recipient(entries)), reason, "{ledger:?}");
    }
}

#[test]
fn an_opt_in_is_for_its_channel_only() {
    let by_email = ConsentEntry { channel: Channel::Email, ..entry(1, ConsentAction::Grant, "*", 1) };
    let ana = recipient(vec![by_email]);
    assert_eq!(reason_for_commercial(&ana), Reason::NoOptIn);
}

#[test]
fn no_class_passes_a_suppressed_address_or_an_excluded_channel() {
    let mut ana = recipient(vec![entry(1, ConsentAction::Grant, "*", 1)]);
    ana.preferences.excluded_channels = vec![Channel::Sms];
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "orders", &ana, noon()),
        (ConsentDecision::Deny, Reason::ChannelExcluded)
    );
    ana.suppressions = vec![Suppression {
        channel: Channel::Sms,
        address: phone(),
        reason: SuppressionReason::BadAddress,
        explanation: "21614".into(),
        created_at: noon(),
        last_reported_at: noon(),
        recorded_by: "twilio-eu".into(),
    }];
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "orders", &ana, noon()),
        (ConsentDecision::Deny, Reason::AddressSuppressed)
    );
    let court = Suppression {
        reason: SuppressionReason::Manual,
        explanation: "court order".into(),
        ..ana.suppressions[0].clone()
    };
    ana.suppressions.push(court);
    let question = ConsentQuery {
        class: MessageClass::Transactional,
        topic: &topic("orders"),
        channel: Channel::Sms,
        address: &phone(),
    };
    assert_eq!(
        decide(&question, &ana, &TimeZone::UTC, noon()).explanation,
        "The address is suppressed on sms since 2026-06-01T12:00:00Z (bad_address: 21614) and since \
         2026-06-01T12:00:00Z (manual: court order)."
    );
    ana.suppressions.remove(0);
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "orders", &ana, noon()),
        (ConsentDecision::Deny, Reason::AddressSuppressed)
    );
    ana.suppressions[0].channel = Channel::Whatsapp;
    ana.preferences.excluded_channels.clear();
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "orders", &ana, noon()).0,
        ConsentDecision::Allow
    );
}

#[test]
fn a_muted_topic_stops_commercial_messages_only() {
    let mut ana = recipient(vec![entry(1, ConsentAction::Grant, "*", 1)]);
    let muted = TopicPreference { topic: topic("offers"), muted: true, channel_order: vec![] };
    let shoes =
        TopicPreference { topic: topic("offers.shoes"), muted: false, channel_order: vec![Channel::Sms] };
    ana.preferences.topics = vec![muted.clone()];
    assert_eq!(reason_for_commercial(&ana), Reason::TopicMuted);
    ana.preferences.topics = vec![muted, shoes.clone()];
    assert_eq!(reason_for_commercial(&ana), Reason::TopicMuted, "what is said of shoes says nothing of this");
    ana.preferences.topics = vec![shoes.clone()];
    assert_eq!(reason_for_commercial(&ana), Reason::OptInGranted);
    ana.preferences.topics = vec![TopicPreference { muted: true, ..shoes }];
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "offers.shoes", &ana, noon()).0,
        ConsentDecision::Allow
    );
}

fn quiet(start: &str, end: &str, include_transactional: bool) -> QuietHours {
    let time = |text: &str| text.parse::<Time>().unwrap();
    QuietHours { start: time(start), end: time(end), include_transactional }
}

#[test]
fn quiet_hours_hold_commercial_messages_and_others_on_request() {
    let mut ana = recipient(vec![entry(1, ConsentAction::Grant, "*", 1)]);
    ana.preferences.quiet_hours = Some(quiet("22:00:00", "08:00:00", false));
    ana.preferences.time_zone = Some("Europe/Madrid".into());
    // 23:30 in Madrid.
    let night = timestamp("2026-06-01T21:30:00Z");
    let held = ConsentDecision::Hold { until: timestamp("2026-06-02T06:00:00Z") };
    assert_eq!(
        decision_and_reason(MessageClass::Commercial, "offers", &ana, night),
        (held, Reason::QuietHours)
    );
    assert_eq!(
        decision_and_reason(MessageClass::Transactional, "orders", &ana, night).0,
        ConsentDecision::Allow
    );
    ana.preferences.quiet_hours = Some(quiet("22:00:00", "08:00:00", true));
    assert_eq!(decision_and_reason(MessageClass::Transactional, "orders", &ana, night).0, held);
}

#[test]
fn quiet_hours_are_right_when_the_clocks_change() {
    let madrid = TimeZone::get("Europe/Madrid").unwrap();
    let until =
        |hours: &QuietHours, now| held_until(hours, &madrid, timestamp(now)).map(|end| end.to_string());
    // In the night of 28 to 29 March 2026 clocks jump from 02:00 to 03:00: the night is an hour shorter.
    let night = quiet("22:00:00", "08:00:00", false);
    assert_eq!(until(&night, "2026-03-28T21:30:00Z").as_deref(), Some("2026-03-29T06:00:00Z"));
    // An end that is skipped: 02:30 does not exist, so quiet ends when the clocks jump.
    let skipped = quiet("22:00:00", "02:30:00", false);
    assert_eq!(until(&skipped, "2026-03-28T23:00:00Z").as_deref(), Some("2026-03-29T01:00:00Z"));
    let short = quiet("01:30:00", "02:30:00", false);
    assert_eq!(until(&short, "2027-03-28T00:45:00Z").as_deref(), Some("2027-03-28T01:00:00Z"));
    assert_eq!(until(&short, "2027-03-28T01:00:00Z"), None);
    // On 25 October clocks go from 03:00 back to 02:00: 02:30 comes twice, and both times quiet ends there.
    let doubled = quiet("22:00:00", "02:30:00", false);
    assert_eq!(until(&doubled, "2026-10-25T00:15:00Z").as_deref(), Some("2026-10-25T00:30:00Z"));
    assert_eq!(until(&doubled, "2026-10-25T00:45:00Z"), None);
    assert_eq!(until(&doubled, "2026-10-25T01:15:00Z").as_deref(), Some("2026-10-25T01:30:00Z"));
}

proptest! {
    /// Whatever the hours, the zone and the moment: a hold ends later, within a day and the change of an hour.
    #[test]
    fn a_hold_always_ends(start in 0..1440_i32, end in 0..1440_i32, zone in 0..5_usize, second in 1_760_000_000_i64..1_800_000_000) {
        prop_assume!(start != end);
        let time = |minute: i32| Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).unwrap();
        let zones = ["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
        let zone = TimeZone::get(zones[zone]).unwrap();
        let hours = QuietHours { start: time(start), end: time(end), include_transactional: false };
        let now = Timestamp::from_second(second).unwrap();
        if let Some(until) = held_until(&hours, &zone, now) {
            prop_assert!(until > now);
            prop_assert!(until.duration_since(now).as_hours() <= 25);
        }
    }

    /// The order in which a ledger is read changes nothing, and adding a revocation never turns a no into a yes.
    #[test]
    fn a_revocation_never_opens_anything(entries in prop::collection::vec((any::<bool>(), 0..4_usize, 0..5_i64), 0..8), width in 0..4_usize, day in 0..5_i64) {
        let scopes = ["*", "offers", "offers.shoes", "news"];
        let make = |(i, (grant, scope, day)): (usize, &(bool, usize, i64))| {
            entry(i as u64 + 1, if *grant { ConsentAction::Grant } else { ConsentAction::Revoke }, scopes[*scope], *day)
        };
        let mut ledger: Vec<ConsentEntry> = entries.iter().enumerate().map(make).collect();
        let granted = |ledger: &[ConsentEntry]| matches!(standing(&ledger.iter().collect(), Channel::Sms, &topic("offers.shoes")), LedgerStanding::Granted(_));
        let before = granted(&ledger);
        ledger.reverse();
        prop_assert_eq!(granted(&ledger), before);
        ledger.push(entry(99, ConsentAction::Revoke, scopes[width], day));
        prop_assert!(before || !granted(&ledger));
    }

    /// The fold decides what the whole ledger decides, by the rule as it is documented: whatever a grant, it counts unless a
    /// revocation beats it.
    #[test]
    fn a_fold_decides_as_the_whole_ledger_does(entries in prop::collection::vec((any::<bool>(), 0..4_usize, 0..5_i64), 0..12)) {
        let scopes = ["*", "offers", "offers.shoes", "news"];
        let make = |(i, (grant, scope, day)): (usize, &(bool, usize, i64))| {
            entry(i as u64 + 1, if *grant { ConsentAction::Grant } else { ConsentAction::Revoke }, scopes[*scope], *day)
        };
        let ledger: Vec<ConsentEntry> = entries.iter().enumerate().map(make).collect();
        for about in ["offers", "offers.shoes", "news", "other"].map(topic) {
            let covering = |action| {
                let about = &about;
                ledger.iter().filter(move |entry| entry.action == action && entry.scope.covers(about))
            };
            let beats = |revocation: &ConsentEntry, grant: &ConsentEntry| {
                revocation.scope.depth() > grant.scope.depth() || revocation.evidence.time >= grant.evidence.time
            };
            let age = |entry: &ConsentEntry| (entry.evidence.time, entry.sequence);
            let granted = covering(ConsentAction::Grant)
                .filter(|grant| !covering(ConsentAction::Revoke).any(|revocation| beats(revocation, grant)))
                .max_by_key(|grant| (grant.scope.depth(), age(grant)));
            let revoked = covering(ConsentAction::Revoke).max_by_key(|entry| age(entry));
            let expected = granted.map(|entry| (true, entry.sequence)).or(revoked.map(|entry| (false, entry.sequence)));
            let folded: FoldedLedger = ledger.iter().collect();
            let actual = match standing(&folded, Channel::Sms, &about) {
                LedgerStanding::Granted(entry) => Some((true, entry.sequence)),
                LedgerStanding::Revoked(entry) => Some((false, entry.sequence)),
                LedgerStanding::Silent => None,
            };
            prop_assert_eq!(actual, expected, "{}", about);
        }
    }

    /// A "stop everything" said last stops everything.
    #[test]
    fn stop_everything_stops_everything(entries in prop::collection::vec((any::<bool>(), 0..4_usize, 0..5_i64), 0..8)) {
        let scopes = ["*", "offers", "offers.shoes", "news"];
        let make = |(i, (grant, scope, day)): (usize, &(bool, usize, i64))| {
            entry(i as u64 + 1, if *grant { ConsentAction::Grant } else { ConsentAction::Revoke }, scopes[*scope], *day)
        };
        let mut ledger: Vec<ConsentEntry> = entries.iter().enumerate().map(make).collect();
        ledger.push(entry(99, ConsentAction::Revoke, "*", 9));
        let ledger: FoldedLedger = ledger.iter().collect();
        for (channel, _, is_granted, _) in standings(&ledger) {
            prop_assert!(!is_granted, "{channel}");
        }
        let scope: TopicScope = "offers.shoes".parse().unwrap();
        prop_assert!(scope.covers(&topic("offers.shoes")));
        prop_assert!(!matches!(standing(&ledger, Channel::Sms, &topic("offers.shoes")), LedgerStanding::Granted(_)));
    }
}
