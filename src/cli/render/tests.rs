use prost_types::{Duration, Timestamp};
use v1::address::Value;
use v1::event::Detail;

use super::*;
use crate::wire::v1;

/// 2026-03-01T09:00:00Z and so many milliseconds.
fn at(ms: i64) -> Option<Timestamp> {
    let nanos = i32::try_from(ms % 1_000).unwrap() * 1_000_000;
    Some(Timestamp { seconds: 1_772_355_600 + ms / 1_000, nanos })
}

fn phone() -> Option<v1::Address> {
    Some(v1::Address { value: Some(Value::Phone("+34600123456".into())) })
}

fn email() -> Option<v1::Address> {
    Some(v1::Address { value: Some(Value::Email("ana@example.com".into())) })
}

fn way(channel: v1::Channel, address: Option<v1::Address>, provider: &str, domain: &str) -> v1::Way {
    v1::Way { channel: channel.into(), address, provider: provider.into(), failure_domain: domain.into() }
}

fn verdict(
    channel: v1::Channel,
    address: Option<v1::Address>,
    decision: v1::Decision,
    why: [&str; 2],
) -> v1::Verdict {
    let [reason, explanation] = why.map(str::to_owned);
    let hold_until = (decision == v1::Decision::Hold).then(|| at(3_600_000)).flatten();
    v1::Verdict {
        channel: channel.into(),
        address,
        decision: decision.into(),
        reason,
        explanation,
        hold_until,
    }
}

fn plan() -> v1::Plan {
    v1::Plan {
        verdicts: vec![
            verdict(
                v1::Channel::Whatsapp,
                phone(),
                v1::Decision::Allow,
                ["opt_in_granted", "There is an opt-in for offers on whatsapp."],
            ),
            verdict(
                v1::Channel::Email,
                email(),
                v1::Decision::Hold,
                ["quiet_hours", "The contact's quiet hours hold it."],
            ),
            verdict(
                v1::Channel::Sms,
                phone(),
                v1::Decision::Deny,
                ["no_opt_in", "There is no opt-in for sms."],
            ),
        ],
        ways: vec![
            way(v1::Channel::Whatsapp, phone(), "whatsapp-main", "meta"),
            way(v1::Channel::Email, email(), "email-south", "south"),
        ],
        left_out: vec![
            v1::LeftOut {
                channel: v1::Channel::Telegram.into(),
                reason: "no_address".into(),
                explanation: "The contact has no address for telegram.".into(),
                ..Default::default()
            },
            v1::LeftOut {
                channel: v1::Channel::Whatsapp.into(),
                address: phone(),
                provider: "whatsapp-spare".into(),
                reason: "breaker_open".into(),
                explanation: "Its breaker is open.".into(),
            },
        ],
        order_source: "topic".into(),
    }
}

fn outcome(kind: v1::OutcomeKind, code: &str, text: &str) -> v1::Outcome {
    v1::Outcome { kind: kind.into(), code: code.into(), text: text.into(), ..Default::default() }
}

/// A message that lost a reply on WhatsApp, waited, was sent by email, delivered and read.
fn message() -> v1::Message {
    use v1::MessageState as State;
    let finished = |attempt, outcome| v1::AttemptFinished { attempt, outcome: Some(outcome) };
    let started = |attempt, way| v1::AttemptStarted { attempt, way: Some(way) };
    let sent = v1::Outcome { reference: "m-1@example.com".into(), ..outcome(v1::OutcomeKind::Sent, "", "") };
    let receipt =
        |status: v1::ReceiptStatus| v1::Receipt { attempt: 2, status: status.into(), ..Default::default() };
    let waiting = v1::Waiting {
        until: at(4_500),
        reason: "backoff".into(),
        explanation: "The provider is tried again after a pause.".into(),
    };
    let fell = v1::FellBack { attempt: 1, explanation: "Nothing said delivered within 5 minutes.".into() };
    let end = v1::Finished { reason: "sent".into(), explanation: "A provider took it.".into() };
    let history = [
        (0, State::Accepted, Detail::Accepted(v1::Accepted {})),
        (4, State::Waiting, Detail::Planned(plan())),
        (5, State::Sending, Detail::AttemptStarted(started(1, plan().ways[0].clone()))),
        (
            2_005,
            State::Waiting,
            Detail::AttemptFinished(finished(
                1,
                outcome(v1::OutcomeKind::Unknown, "timeout", "no answer in 2 s"),
            )),
        ),
        (2_006, State::Waiting, Detail::Waiting(waiting)),
        (4_500, State::Waiting, Detail::FellBack(fell)),
        (4_501, State::Sending, Detail::AttemptStarted(started(2, plan().ways[1].clone()))),
        (4_550, State::Sent, Detail::AttemptFinished(finished(2, sent))),
        (4_551, State::Sent, Detail::Finished(end)),
        (9_000, State::Delivered, Detail::Receipt(receipt(v1::ReceiptStatus::Delivered))),
        (65_000, State::Read, Detail::Receipt(receipt(v1::ReceiptStatus::Read))),
    ];
    let event = |(ms, state, detail): (i64, State, Detail)| v1::Event {
        time: at(ms),
        state: state.into(),
        detail: Some(detail),
    };
    v1::Message {
        message_id: "019ca8b0-1c00-7000-8000-000000000001".into(),
        contact_id: "ana".into(),
        message_class: v1::MessageClass::Commercial.into(),
        topic: "offers.shoes".into(),
        content: Some(v1::Content {
            text: "20 % off\nuntil Sunday".into(),
            subject: "Shoes".into(),
            ..Default::default()
        }),
        idempotency_key: "spring-42".into(),
        accept_time: at(0),
        send_time: at(0),
        expire_time: at(86_400_000),
        channels: vec![v1::Channel::Whatsapp.into(), v1::Channel::Email.into()],
        fallback: Some(v1::FallbackPolicy {
            on_failed: true,
            undelivered_after: Some(Duration { seconds: 300, nanos: 0 }),
            unread_after: None,
        }),
        labels: [("campaign".to_owned(), "spring".to_owned())].into(),
        state: State::Read.into(),
        update_time: at(65_000),
        next_time: None,
        history: history.into_iter().map(event).collect(),
    }
}

#[test]
fn a_message_tells_its_story() {
    insta::assert_snapshot!(history(&message(), TextWidth::UNLIMITED));
}

#[test]
fn a_waiting_message_says_when_it_is_looked_at_again() {
    let mut message = message();
    message.history.truncate(5);
    message.state = v1::MessageState::Waiting.into();
    message.next_time = at(4_500);
    let text = history(&message, TextWidth::UNLIMITED);
    assert!(text.ends_with("2026-03-01 09:00:04.500Z  it is looked at again\n"), "{text}");
}

#[test]
fn outcomes_say_their_consequences() {
    let rejected = v1::Outcome {
        rejection_cause: v1::RejectionCause::Address.into(),
        suppress: true,
        ..outcome(v1::OutcomeKind::Rejected, "550 5.1.1", "no such user")
    };
    let throttled = v1::Outcome {
        retry_after: Some(Duration { seconds: 1, nanos: 500_000_000 }),
        recipient_only: true,
        ..outcome(v1::OutcomeKind::Throttled, "429", "")
    };
    let line = |outcome| {
        let finished = v1::AttemptFinished { attempt: 1, outcome: Some(outcome) };
        history::event_text(&Detail::AttemptFinished(finished))
    };
    insta::assert_snapshot!(line(rejected), @"attempt 1: rejected because of the address, so the address is suppressed (550 5.1.1: no such user)");
    insta::assert_snapshot!(line(throttled), @"attempt 1: throttled for this recipient, to be retried after 1.500 s (429)");
}

#[test]
fn an_explanation_says_that_nothing_was_sent() {
    let answer = v1::ExplainRouteResponse {
        plan: Some(plan()),
        next: "wait".into(),
        explanation: "The contact's quiet hours hold it.".into(),
        wait_until: at(3_600_000),
        final_state: 0,
        sms: Some(v1::SmsSize { encoding: v1::SmsEncoding::Gsm7.into(), units: 161, segments: 2 }),
    };
    insta::assert_snapshot!(explanation(&answer, TextWidth::UNLIMITED));
}

#[test]
fn messages_are_listed_and_watched() {
    insta::assert_snapshot!(messages(&[message()], TextWidth::UNLIMITED));
    assert_eq!(messages(&[], TextWidth::UNLIMITED), "No message matches.\n");
    let event = v1::WatchMessagesResponse {
        cursor: "7".into(),
        message_id: message().message_id,
        contact_id: "ana".into(),
        event: Some(message().history[1].clone()),
        ..Default::default()
    };
    insta::assert_snapshot!(watched_event(&event), @"2026-03-01 09:00:00.004Z  019ca8b0-1c00-7000-8000-000000000001  ana  planned: 2 ways to try  7");
}

#[test]
fn answers_of_a_stream_name_their_line() {
    use v1::send_stream_response::Result as Answer;
    let fields = vec![v1::FieldError { field: "message.topic".into(), description: "is required".into() }];
    let error = v1::SendError { code: 3, message: "correct the request".into(), fields };
    let refused = v1::SendStreamResponse { sequence: 3, result: Some(Answer::Error(error)) };
    insta::assert_snapshot!(stream_answer(&refused), @r"
    line 3: refused (INVALID_ARGUMENT): correct the request
      message.topic is required
    ");
    let known = v1::SendResponse {
        message_id: "019c".into(),
        state: v1::MessageState::InDoubt.into(),
        duplicate: true,
    };
    let known = v1::SendStreamResponse { sequence: 4, result: Some(Answer::Accepted(known)) };
    insta::assert_snapshot!(stream_answer(&known), @"line 4: 019c  in doubt (the key was known: this is its first message, and nothing new was stored)");
}

#[test]
fn contacts_and_their_consent_are_shown() {
    let user = v1::WhatsappUser { business: "shop".into(), user_id: "ES.1349".into() };
    let own = v1::Contact {
        contact_id: "ana".into(),
        addresses: vec![
            v1::ContactAddress { address: email(), ..Default::default() },
            v1::ContactAddress {
                address: phone(),
                whatsapp_inbound_time: at(0),
                aliases: vec![v1::Address { value: Some(Value::WhatsappUser(user)) }],
                ..Default::default()
            },
        ],
        labels: [("tier".to_owned(), "gold".to_owned())].into(),
        create_time: at(0),
        update_time: at(1),
        etag: "2".into(),
    };
    insta::assert_snapshot!(contact(&own, TextWidth::UNLIMITED));
    insta::assert_snapshot!(contacts(&[own], TextWidth::UNLIMITED));
    let evidence = v1::Evidence {
        source: "checkout".into(),
        method: "web_form".into(),
        wording: "Send me\noffers".into(),
        time: at(0),
        origin: "203.0.113.7".into(),
        actor: "eva".into(),
    };
    let entry = v1::ConsentEntry {
        sequence: 1,
        action: v1::ConsentAction::Grant.into(),
        channel: v1::Channel::Email.into(),
        topic: "offers".into(),
        evidence: Some(evidence.clone()),
        record_time: at(1),
        recorded_by: "abcd".into(),
    };
    let state = v1::ConsentState {
        channel: v1::Channel::Email.into(),
        topic: "offers".into(),
        granted: true,
        decided_by: 1,
    };
    let suppression = v1::Suppression {
        channel: v1::Channel::Sms.into(),
        address: phone(),
        reason: "opted_out".into(),
        explanation: "STOP".into(),
        create_time: at(5),
        recorded_by: "sms-north".into(),
        last_report_time: at(5),
        lift: None,
    };
    let evidence = v1::Evidence { wording: "the mailbox was repaired".into(), ..evidence };
    let end = v1::SuppressionLift { lift_time: at(6), recorded_by: "abcd".into(), evidence: Some(evidence) };
    let lifted = v1::Suppression {
        channel: v1::Channel::Email.into(),
        address: email(),
        reason: "bad_address".into(),
        lift: Some(end),
        ..suppression.clone()
    };
    let answer = v1::GetConsentResponse {
        states: vec![state],
        ledger: vec![entry],
        suppressions: vec![suppression.clone()],
        lifted_suppressions: vec![lifted.clone()],
        next_page_token: String::new(),
    };
    insta::assert_snapshot!(consent(&answer, TextWidth::UNLIMITED));
    let mut answer = v1::LiftSuppressionResponse { lifted: vec![lifted], remaining: vec![suppression] };
    insta::assert_snapshot!(lift(&answer, TextWidth::UNLIMITED));
    answer.remaining.clear();
    assert!(lift(&answer, TextWidth::UNLIMITED).ends_with("\nThe address is not suppressed any more.\n"));
}

#[test]
fn preferences_are_shown() {
    let topic = v1::TopicPreference {
        topic: "offers".into(),
        muted: true,
        channel_order: vec![v1::Channel::Email.into()],
    };
    let quiet = v1::QuietHours { start: "22:00".into(), end: "08:00".into(), include_transactional: true };
    let own = v1::Preferences {
        channel_order: vec![v1::Channel::Telegram.into(), v1::Channel::Email.into()],
        excluded_channels: vec![],
        topics: vec![topic],
        quiet_hours: Some(quiet),
        time_zone: "Europe/Madrid".into(),
        language: "es".into(),
        etag: "p7-2".into(),
    };
    insta::assert_snapshot!(preferences(&own, TextWidth::UNLIMITED));
}

fn provider() -> v1::Provider {
    let control = v1::ProviderControl {
        mode: v1::ControlMode::OutOfService.into(),
        reason: "billing dispute".into(),
        actor: "eva (abcd)".into(),
        update_time: at(0),
        expire_time: at(60_000),
    };
    v1::Provider {
        provider: "sms-north".into(),
        channel: v1::Channel::Sms.into(),
        kind: "twilio".into(),
        failure_domain: "north".into(),
        tier: 1,
        weight: 75,
        control: Some(control),
        breaker: v1::BreakerState::HalfOpen.into(),
        probe_time: at(5_000),
        throttled_until: None,
        in_flight: 2,
        recent_calls: 40,
        recent_failures: 21,
        last_failure: "unavailable: 503".into(),
        trip: Some(v1::BreakerTrip {
            reason: v1::TripReason::FailureRatio.into(),
            failures: 21,
            calls: 40,
            time: at(0),
        }),
        learned_rate_per_second: Some(4.75),
        live_weight_percent: 20.4,
        last_weight_shift: Some(v1::WeightShift {
            time: at(0),
            from_percent: 100.0,
            to_percent: 24.0,
            reason: "its calls take 800 ms, others 80 ms".into(),
        }),
        calls_per_second: 12.34,
        median_duration: Some(prost_types::Duration { seconds: 0, nanos: 80_000_000 }),
        p99_duration: Some(prost_types::Duration { seconds: 1, nanos: 250_000_000 }),
        failing_cells: vec![v1::ProviderCell {
            dimension: v1::CellDimension::Country.into(),
            name: "+34".into(),
            breaker: v1::BreakerState::Open.into(),
            probe_time: at(5_000),
            trip: Some(v1::BreakerTrip {
                reason: v1::TripReason::ConsecutiveFailures.into(),
                failures: 5,
                calls: 0,
                time: at(0),
            }),
        }],
    }
}

#[test]
fn providers_and_who_changed_them_are_shown() {
    insta::assert_snapshot!(providers(&[provider()], TextWidth::UNLIMITED));
    let change = v1::ProviderControlChange { provider: "sms-north".into(), control: provider().control };
    insta::assert_snapshot!(control_changes(&[change], TextWidth::UNLIMITED));
}

fn update(detail: v1::incident_update::Detail) -> v1::IncidentUpdate {
    v1::IncidentUpdate { first_time: at(0), last_time: at(0), count: 1, detail: Some(detail) }
}

fn open_incident() -> v1::Incident {
    use v1::incident_update::Detail;
    let change = |state: v1::BreakerState, reason: &str, failure_text: &str| {
        Detail::Breaker(v1::IncidentBreakerChange {
            state: state.into(),
            reason: reason.into(),
            failure: "unavailable: 503".into(),
            failure_text: failure_text.into(),
        })
    };
    let half_open =
        v1::IncidentBreakerChange { state: v1::BreakerState::HalfOpen.into(), ..Default::default() };
    let weight =
        v1::IncidentWeightChange { from_percent: 10.0, to_percent: 76.4, reason: "its calls go well".into() };
    let control = v1::IncidentControlChange {
        mode: v1::ControlMode::Draining.into(),
        reason: "until the provider answers our ticket".into(),
        actor: "abcd (eva)".into(),
    };
    let impact = |brand: &str, rescued: &[(&str, u64)], [doubled, expired, waiting]: [u64; 3]| {
        let rescued = rescued.iter().map(|(provider, count)| ((*provider).to_owned(), *count)).collect();
        v1::IncidentImpact { brand: brand.into(), rescued, doubled, expired, waiting }
    };
    let mut updates = vec![
        update(change(v1::BreakerState::Open, "5 failures in a row", "unavailable: 503 try again later")),
        update(Detail::Breaker(half_open)),
        update(change(v1::BreakerState::Open, "a probe failed", "")),
        update(Detail::Weight(weight)),
        update(Detail::Throttled(Duration { seconds: 61, nanos: 0 })),
        update(Detail::Control(control)),
    ];
    (updates[1].count, updates[1].last_time) = (7, at(90_000));
    v1::Incident {
        incident_id: "019ca8b0-1c00-7000-8000-000000000001".into(),
        provider: "sms-north".into(),
        cell: Some(v1::IncidentCell {
            dimension: v1::CellDimension::Country.into(),
            name: "+34".into(),
            of_other_brand: false,
        }),
        cause: v1::IncidentCause::BreakerOpened.into(),
        begin_time: at(0),
        end_time: None,
        end: v1::IncidentEnd::Unspecified.into(),
        update_time: at(125_000),
        updates,
        forgotten_updates: 4,
        impacts: vec![
            impact("acme", &[("sms-south", 39), ("mail", 1)], [1, 2, 7]),
            impact("globex", &[("sms-south", 2)], [0, 0, 0]),
        ],
    }
}

#[test]
fn incidents_are_shown_on_a_terminal_and_in_a_pipe() {
    let goes_on = open_incident();
    let sender = v1::IncidentCell {
        dimension: v1::CellDimension::Sender.into(),
        name: String::new(),
        of_other_brand: true,
    };
    let ended = v1::Incident {
        cell: Some(sender),
        end_time: at(125_000),
        end: v1::IncidentEnd::Recovered.into(),
        updates: vec![],
        forgotten_updates: 0,
        impacts: vec![],
        ..open_incident()
    };
    let stopped = v1::Incident {
        cell: None,
        cause: v1::IncidentCause::Throttled.into(),
        end_time: at(7_400_000),
        end: v1::IncidentEnd::GatewayStopped.into(),
        ..ended.clone()
    };
    let all = [goes_on.clone(), ended.clone(), stopped.clone()];
    for within in [TextWidth::of(80), TextWidth::UNLIMITED] {
        insta::assert_snapshot!(incidents(&all, within));
    }
    insta::assert_snapshot!(incident(&goes_on, TextWidth::of(80)));
    insta::assert_snapshot!(incident(&ended, TextWidth::of(80)));
    insta::assert_snapshot!(incident(&stopped, TextWidth::of(80)));
    assert_eq!(incidents(&[], TextWidth::UNLIMITED), "There are no incidents.\n");
}

#[test]
fn why_a_breaker_opened_is_shown_in_words() {
    use v1::TripReason::*;
    for (reason, words) in [
        (ConsecutiveFailures, "opened: 5 failures in a row"),
        (FailureRatio, "opened: 5 of 9 calls failed"),
        (Misconfigured, "opened: misconfigured"),
        (ProbeFailed, "opened: a probe failed"),
        (Hanging, "opened: 9 calls hang"),
    ] {
        let trip = v1::BreakerTrip { reason: reason.into(), failures: 5, calls: 9, time: at(0) };
        let table = providers(&[v1::Provider { trip: Some(trip), ..provider() }], TextWidth::UNLIMITED);
        assert!(table.contains(words), "{table}");
    }
    assert!(
        !providers(&[v1::Provider { trip: None, ..provider() }], TextWidth::UNLIMITED).contains("opened")
    );
}

#[test]
fn a_new_key_is_shown_with_what_to_do() {
    let key = v1::Key {
        key_id: "abcd".into(),
        brand: String::new(),
        scopes: vec![v1::Scope::Operate.into(), v1::Scope::Admin.into()],
        label: "first".into(),
        create_time: at(0),
        revoke_time: None,
    };
    insta::assert_snapshot!(created_key(
        &v1::CreateKeyResponse { key: Some(key), secret: "rlv_abcd_0".into() },
        TextWidth::UNLIMITED
    ));
}

#[test]
fn what_came_from_outside_cannot_steer_the_terminal() {
    let entry = v1::OutboxEntry { text: "\u{1b}[2Jgone\r\n".into(), ..Default::default() };
    let shown = outbox(&[entry], TextWidth::UNLIMITED);
    assert!(shown.contains("gone") && !shown.contains('\u{1b}') && !shown.contains('\r'), "{shown:?}");
}
