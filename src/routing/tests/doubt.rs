//! Doubt: repeats, receipts, and then the class's policy.

use super::*;

/// How long the first account knows the keys of calls.
const WINDOW: Duration = Duration::from_secs(900);

/// A case whose first account for WhatsApp knows repeated calls.
fn idempotent(class: MessageClass) -> RoutingCase {
    let mut case = RoutingCase::new(class);
    case.providers[0].repeat_window = Some(WINDOW);
    case
}

fn breaker_open() -> AdmissionRefusal {
    AdmissionRefusal::BreakerOpen { wait: Duration::from_secs(30) }
}

/// Waits as long as routing says, and for the reason that it gives.
fn wait_it_out(case: &mut RoutingCase) -> Reason {
    let (until, reason) = expect_wait(&case.step());
    assert!(until > case.now);
    case.now = until;
    reason
}

#[test]
fn doubt_is_settled_by_the_class() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    assert_eq!(case.attempt(unknown()), "wa-meta-1");
    assert_eq!(case.next_provider(), "wa-twilio");

    let mut case = RoutingCase::new(MessageClass::Commercial);
    case.attempt(unknown());
    assert_eq!(expect_wait(&case.step()).1, Reason::InDoubt);
    case.wait(600);
    assert_eq!(expect_finish(&case.step()), (MessageState::InDoubt, Reason::InDoubt));
    case.receipt(1, ReceiptStatus::Failed);
    assert_eq!(
        case.next_provider(),
        "wa-twilio",
        "a failure report ends the doubt, and leaves out its domain"
    );
    let mut case = RoutingCase::new(MessageClass::Commercial);
    case.attempt(unknown());
    case.receipt(1, ReceiptStatus::Delivered);
    assert_eq!((case.step(), case.history.state()), (RoutingStep::Idle, MessageState::Delivered));
}

#[test]
fn a_call_in_doubt_is_repeated_under_its_key_before_anything_else_whatever_the_class() {
    for (class, while_waiting) in
        [(MessageClass::Transactional, Reason::Backoff), (MessageClass::Commercial, Reason::InDoubt)]
    {
        let mut case = idempotent(class);
        assert_eq!(case.attempt(unknown()), "wa-meta-1");
        for repeat in 2..=4 {
            assert_eq!(wait_it_out(&mut case), while_waiting);
            let decision = case.decide();
            assert_eq!(decision.plan.unwrap().ways[0].provider.as_str(), "wa-meta-1");
            assert_eq!(case.attempt(unknown()), "wa-meta-1");
            let way = case.history.attempts()[0].way.clone();
            assert_eq!(repeated_attempt(&case.history, &way, Some(WINDOW), case.now), Some(1), "{repeat}");
        }
        assert!(case.now < later(start(), Duration::from_secs(10)), "the first steps of the backoff");
        match class {
            MessageClass::Transactional => assert_eq!(case.next_provider(), "wa-twilio"),
            MessageClass::Commercial => {
                assert_eq!(wait_it_out(&mut case), Reason::InDoubt);
                assert_eq!(expect_finish(&case.step()), (MessageState::InDoubt, Reason::InDoubt));
            }
        }
    }
}

#[test]
fn a_repeat_that_is_answered_settles_the_doubt() {
    for class in [MessageClass::Transactional, MessageClass::Commercial] {
        let mut case = idempotent(class);
        case.attempt(unknown());
        wait_it_out(&mut case);
        assert_eq!(case.attempt(sent()), "wa-meta-1");
        assert_eq!((case.step(), case.history.state()), (RoutingStep::Idle, MessageState::Sent));
    }
}

#[test]
fn a_provider_that_may_not_be_called_is_asked_again_by_who_waits_and_by_nobody_else() {
    let mut case = idempotent(MessageClass::Transactional);
    case.attempt(unknown());
    case.refusals.insert("wa-meta-1".into(), breaker_open());
    assert_eq!(case.next_provider(), "wa-twilio");
    // A throttle that ends soon is waited for; another way would be a second copy.
    let throttled = |seconds| AdmissionRefusal::Throttled { wait: Duration::from_secs(seconds) };
    case.refusals.insert("wa-meta-1".into(), throttled(20));
    assert_eq!(expect_wait(&case.step()), (later(start(), Duration::from_secs(20)), Reason::Throttled));
    case.refusals.insert("wa-meta-1".into(), throttled(40));
    assert_eq!(case.next_provider(), "wa-twilio");

    let mut case = idempotent(MessageClass::Commercial);
    case.attempt(unknown());
    case.refusals.insert("wa-meta-1".into(), breaker_open());
    assert_eq!(expect_wait(&case.step()), (later(start(), Duration::from_secs(30)), Reason::InDoubt));
    case.wait(700);
    assert_eq!(
        expect_wait(&case.step()).1,
        Reason::InDoubt,
        "longer than for a receipt: it can be settled yet"
    );
    case.refusals.clear();
    // What certainly was not taken is no repeat that left it in doubt.
    for _ in 0..4 {
        assert_eq!(case.attempt(unavailable()), "wa-meta-1");
        wait_it_out(&mut case);
    }
    assert_eq!(case.attempt(sent()), "wa-meta-1");
}

#[test]
fn nothing_is_repeated_once_the_provider_may_have_forgotten_the_key() {
    let mut case = idempotent(MessageClass::Commercial);
    case.attempt(unknown());
    let way = case.history.attempts()[0].way.clone();
    let known = |case: &RoutingCase| repeated_attempt(&case.history, &way, Some(WINDOW), case.now);
    case.wait(839);
    assert_eq!((case.next_provider().as_str(), known(&case)), ("wa-meta-1", Some(1)));
    case.wait(1);
    assert_eq!(known(&case), None);
    assert_eq!(expect_finish(&case.step()), (MessageState::InDoubt, Reason::InDoubt));
    assert_eq!(repeated_attempt(&case.history, &way, None, case.now), Some(1), "who knows for how long");

    // Nor when the message is too old, or consent has ended.
    let mut case = idempotent(MessageClass::Commercial);
    case.message.expire_at = later(start(), Duration::from_secs(60));
    case.attempt(unknown());
    case.wait(60);
    assert_eq!(expect_wait(&case.step()), (later(start(), Duration::from_secs(600)), Reason::InDoubt));
    let mut case = idempotent(MessageClass::Commercial);
    case.attempt(unknown());
    case.wait(1);
    case.verdicts[0] = address_verdict(Channel::Whatsapp, ConsentDecision::Deny);
    assert_eq!(expect_wait(&case.step()), (later(start(), Duration::from_secs(600)), Reason::InDoubt));
}

#[test]
fn a_message_has_at_most_so_many_unknown_copies_whatever_its_class() {
    let mut case = idempotent(MessageClass::Transactional);
    case.retry.max_repeats = 1;
    case.attempt(unknown());
    wait_it_out(&mut case);
    assert_eq!(case.attempt(unknown()), "wa-meta-1");
    assert_eq!(case.attempt(unknown()), "wa-twilio", "what was repeated under its key is one copy");
    assert_eq!(wait_it_out(&mut case), Reason::InDoubt);
    assert_eq!(expect_finish(&case.step()), (MessageState::InDoubt, Reason::InDoubt));

    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.attempt(unknown());
    case.attempt(unavailable());
    case.attempt(unknown());
    assert_eq!(expect_wait(&case.step()).1, Reason::InDoubt);
    case.receipt(1, ReceiptStatus::Failed);
    assert!(matches!(case.step(), RoutingStep::Try { .. }), "a report ends one doubt: {:?}", case.step());
    case.retry.max_unknown_copies = 1;
    assert_eq!(expect_wait(&case.step()).1, Reason::InDoubt);
}

#[test]
fn what_a_receipt_says_is_no_doubt_any_more() {
    let mut case = RoutingCase::new(MessageClass::Commercial);
    case.message.fallback.undelivered_after = Some(Duration::from_secs(60));
    case.attempt(unknown());
    case.receipt(1, ReceiptStatus::Sent);
    case.wait(60);
    let RoutingStep::FallBack { attempt, explanation } = case.step() else { panic!("{:?}", case.step()) };
    case.history.push(case.now, MessageEventDetail::FellBack { attempt, explanation });
    assert_eq!(case.next_provider(), "wa-twilio", "it was sent, and the message asks for another way");
}
