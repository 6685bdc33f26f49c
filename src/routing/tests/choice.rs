//! Busy ways: who stands in at once, and what is worth waiting for.

use super::*;

/// What the message waits for if it finds no turn, by name.
fn waits_for(case: &RoutingCase) -> Vec<String> {
    case.decide().wait.providers.iter().map(ToString::to_string).collect()
}

/// The message began to wait for a busy provider now.
fn begin_to_wait(case: &mut RoutingCase, reason: Reason) {
    let why = WaitReason { reason, explanation: String::new() };
    case.history.push(case.now, MessageEventDetail::Waiting { until: case.now, why });
}

fn patience_ends(case: &RoutingCase) -> Option<i64> {
    let ends = case.decide().wait.until?;
    Some(ends.duration_since(start()).as_secs())
}

#[test]
fn providers_of_one_tier_stand_in_for_each_other_at_once() {
    for class in [MessageClass::Transactional, MessageClass::Commercial] {
        let mut case = RoutingCase::new(class);
        case.message.channels = vec![Channel::Sms];
        case.providers.iter_mut().for_each(|provider| provider.tier = 1);
        let first = case.next_provider();
        let (first, second) = if first == "sms-a" { ("sms-a", "sms-b") } else { ("sms-b", "sms-a") };
        for (waits, expected) in
            [([1, 0], first), ([5, 0], second), ([5, 4], second), ([4, 5], first), ([90, 80], second)]
        {
            case.waits = [first, second].into_iter().zip(waits).collect();
            assert_eq!(case.next_provider(), expected, "{waits:?}");
            assert_eq!(waits_for(&case), [first, second], "whichever is free first");
        }
    }
}

#[test]
fn a_better_tier_or_channel_is_waited_for_as_long_as_the_patience_lasts() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.waits = [("wa-meta-1", 20)].into();
    assert_eq!((case.next_provider(), waits_for(&case)), ("wa-meta-1".into(), vec!["wa-meta-1".into()]));
    assert_eq!(patience_ends(&case), Some(30));
    begin_to_wait(&mut case, Reason::Busy);
    case.wait(5);
    assert_eq!((case.next_provider(), patience_ends(&case)), ("wa-meta-1".into(), Some(30)));
    case.wait(6);
    assert_eq!(case.next_provider(), "wa-meta-2", "20 s more are too long");
    assert_eq!(
        waits_for(&case),
        ["wa-meta-1", "wa-meta-2"],
        "the better one, too, if it is sooner than expected"
    );

    case.waits = ["wa-meta-1", "wa-meta-2", "wa-twilio"].map(|name| (name, 600)).into();
    assert_eq!(case.next_provider(), "sms-a", "another channel, too");
}

#[test]
fn once_the_patience_is_over_whoever_is_free_first_has_it() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    let all = ["wa-meta-1", "wa-meta-2", "wa-twilio", "sms-a", "sms-b", "mail"];
    case.waits = all.into_iter().zip([60, 50, 40, 30, 25, 70]).collect();
    begin_to_wait(&mut case, Reason::Throttled);
    case.wait(15);
    begin_to_wait(&mut case, Reason::Busy);
    case.wait(15);
    assert_eq!((case.next_provider(), waits_for(&case)), ("sms-b".into(), all.map(String::from).into()));
    assert_eq!(patience_ends(&case), None);
}

#[test]
fn the_class_and_the_topic_say_how_long_the_patience_lasts() {
    let mut case = RoutingCase::new(MessageClass::Commercial);
    case.message.expire_at = later(start(), Duration::from_secs(7_200));
    case.waits = [("wa-meta-1", 3_000)].into();
    assert_eq!((case.next_provider(), patience_ends(&case)), ("wa-meta-1".into(), Some(3_600)));
    let topic = TopicSettings { patience_seconds: Some(60), priority: Some(7), ..TopicSettings::default() };
    let topics = BTreeMap::from([("offers".to_owned(), topic)]);
    let settings =
        BrandSettings { topics, channels: case.policy.channels.clone(), ..BrandSettings::default() };
    case.policy = BrandPolicy::try_new(&settings).unwrap();
    assert_eq!((case.next_provider(), patience_ends(&case)), ("wa-meta-2".into(), Some(60)));
    let priority = |topic: &str| case.policy.priority(&topic.parse().unwrap());
    assert_eq!((priority("offers.shoes"), priority("orders")), (7, 0));
}

#[test]
fn what_would_take_the_message_too_late_is_not_waited_for() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.expire_at = later(start(), Duration::from_secs(10));
    case.waits = [("wa-meta-1", 20)].into();
    assert_eq!(case.next_provider(), "wa-meta-2");
}

#[test]
fn an_attempt_that_failed_otherwise_begins_the_patience_anew() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.waits = [("wa-meta-1", 20)].into();
    begin_to_wait(&mut case, Reason::Busy);
    case.wait(20);
    case.waits.clear();
    case.attempt(unavailable());
    case.waits = [("wa-twilio", 20)].into();
    case.providers.retain(|provider| provider.failure_domain != "meta");
    assert_eq!((case.next_provider(), patience_ends(&case)), ("wa-twilio".into(), Some(50)));
}

#[test]
fn what_is_blocked_waits_for_the_providers_that_block_it_and_for_no_time_of_its_own() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.channels = vec![Channel::Sms, Channel::Email];
    case.attempt(unavailable());
    let open = AdmissionRefusal::BreakerOpen { wait: Duration::from_secs(9) };
    case.refusals = ["sms-b", "mail"].map(|name| (name.to_owned(), open)).into();
    assert_eq!(expect_wait(&case.step()).1, Reason::Backoff);
    assert_eq!(waits_for(&case), ["sms-b", "mail"], "its own failure at sms-a ends by the clock");
    assert_eq!(case.decide().wait.until, Some(expect_wait(&case.step()).0));
    case.waits = [("mail", 600)].into();
    case.refusals.remove("mail");
    begin_to_wait(&mut case, Reason::Busy);
    let own = case.decide().wait.until.unwrap();
    assert!(
        own < later(case.now, Duration::from_secs(2)),
        "and is looked at then, however patient it is: {own}"
    );
}

#[test]
fn a_short_throttle_is_waited_for_and_a_long_one_is_not() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.providers
        .retain(|provider| provider.name.as_str() != "wa-twilio" && provider.name.as_str() != "wa-meta-2");
    case.attempt(throttled(5));
    assert_eq!(expect_wait(&case.step()), (later(start(), Duration::from_secs(5)), Reason::Throttled));
    case.wait(5);
    assert_eq!(case.next_provider(), "wa-meta-1");
    case.attempt(throttled(600));
    assert_eq!(case.next_provider(), "sms-a");
}

#[test]
fn a_throttle_without_a_wait_is_not_retried_at_once() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.channels = vec![Channel::Email];
    case.attempt(throttled(0));
    let step = case.step();
    let (until, reason) = expect_wait(&step);
    assert!(reason == Reason::Throttled && until >= later(start(), Duration::from_millis(500)), "{until}");
}

#[test]
fn patience_with_a_throttled_channel_ends() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.providers.retain(|provider| ["wa-meta-1", "sms-a"].contains(&provider.name.as_str()));
    let throttle = AdmissionRefusal::Throttled { wait: Duration::from_secs(2) };
    for _ in 0..5 {
        // Others use up the provider's allowance each time.
        case.refusals.insert("wa-meta-1".into(), throttle);
        let step = case.step();
        let (until, reason) = expect_wait(&step);
        let why = WaitReason { reason, explanation: "Too fast.".into() };
        if case.history.state() != MessageState::Waiting {
            case.history.push(case.now, MessageEventDetail::Waiting { until, why });
        }
        case.wait(5);
    }
    case.wait(10);
    case.refusals.insert("wa-meta-1".into(), throttle);
    assert_eq!(case.next_provider(), "sms-a");
}
