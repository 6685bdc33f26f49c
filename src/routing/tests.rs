use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::model::{
    Address, AdmissionRefusal, Channel, Class, Content, Decision, EventDetail, FallbackPolicy, MessageId,
    MessageState, OrderSource, Outcome, OutcomeEvidence, Phone, Reason, Receipt, ReceiptStatus, Rejection,
    ServiceWindow, Template, ThrottleScope, TopicPreference, WaitReason, Way, later,
};

/// A brand with two WhatsApp accounts in one domain and a third elsewhere, two SMS accounts and one email server.
struct World {
    message: Message,
    history: History,
    preferences: Preferences,
    judged: Vec<AddressVerdict>,
    policy: BrandPolicy,
    providers: Vec<Provider>,
    refusals: BTreeMap<String, AdmissionRefusal>,
    retry: RetrySettings,
    now: Timestamp,
}

fn start() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn provider(name: &str, channel: Channel, failure_domain: &str, tier: u32) -> Provider {
    Provider {
        name: name.parse().unwrap(),
        channel,
        kind: "sandbox".into(),
        failure_domain: failure_domain.into(),
        tier,
        weight: 100,
        brands: vec![],
        senders: BTreeMap::new(),
    }
}

fn address(channel: Channel) -> Address {
    match channel {
        Channel::Email => Address::Email("ana@example.com".parse().unwrap()),
        Channel::Sms | Channel::Whatsapp => Address::Phone(Phone::parse("+34600123456", None).unwrap()),
        Channel::Telegram => Address::TelegramChat(7),
    }
}

fn judged(channel: Channel, decision: Decision) -> AddressVerdict {
    let verdict = Verdict {
        channel,
        address: address(channel),
        decision,
        reason: Reason::Other("test_reason".into()),
        explanation: "Because.".into(),
    };
    AddressVerdict { verdict, window: ServiceWindow::Everywhere }
}

impl World {
    fn new(class: Class) -> Self {
        let message = Message {
            id: MessageId::new(1, &[7; 10]),
            brand: "acme".parse().unwrap(),
            contact: "ana".parse().unwrap(),
            class,
            topic: "offers.shoes".parse().unwrap(),
            content: Content { text: Some("Hi".into()), subject: Some("Hi".into()), ..Content::default() },
            idempotency_key: None,
            accepted_at: start(),
            send_at: start(),
            expire_at: later(start(), Duration::from_secs(3_600)),
            channels: vec![],
            fallback: FallbackPolicy::default(),
            labels: BTreeMap::new(),
        };
        let channels = vec![Channel::Whatsapp, Channel::Sms, Channel::Email];
        let settings = BrandSettings { channels: channels.clone(), ..BrandSettings::default() };
        Self {
            message,
            history: History::accepted(start()),
            preferences: Preferences::default(),
            judged: channels.iter().map(|channel| judged(*channel, Decision::Allow)).collect(),
            policy: BrandPolicy::try_new(&settings).unwrap(),
            providers: vec![
                provider("wa-meta-1", Channel::Whatsapp, "meta", 1),
                provider("wa-meta-2", Channel::Whatsapp, "meta", 2),
                provider("wa-twilio", Channel::Whatsapp, "twilio", 3),
                provider("sms-a", Channel::Sms, "carrier-a", 1),
                provider("sms-b", Channel::Sms, "carrier-b", 2),
                provider("mail", Channel::Email, "mail", 1),
            ],
            refusals: BTreeMap::new(),
            retry: RetrySettings::default(),
            now: start(),
        }
    }

    fn decide(&self) -> RoutingDecision {
        let admission = |provider: &Provider| match self.refusals.get(provider.name.as_str()) {
            Some(refusal) => Err(*refusal),
            None => Ok(()),
        };
        let offers: Vec<ProviderOffer<'_>> = self
            .providers
            .iter()
            .map(|provider| ProviderOffer { provider, admission: admission(provider) })
            .collect();
        decide(&RoutingContext {
            message: &self.message,
            history: &self.history,
            recipient: Some(RecipientView { preferences: &self.preferences, verdicts: &self.judged }),
            policy: &self.policy,
            providers: &offers,
            retry: &self.retry,
            now: self.now,
        })
    }

    fn step(&self) -> RoutingStep {
        self.decide().step
    }

    /// The provider tried next.
    fn tries(&self) -> String {
        match self.step() {
            RoutingStep::Try { way, .. } => way.provider.to_string(),
            other => panic!("expected an attempt: {other:?}"),
        }
    }

    /// Takes the next way and lets it end in `outcome`.
    fn attempt(&mut self, outcome: Outcome) -> String {
        let RoutingStep::Try { way, .. } = self.step() else { panic!("no attempt: {:?}", self.step()) };
        let attempt = self.history.attempts().len() as u32 + 1;
        let name = way.provider.to_string();
        self.history.push(self.now, EventDetail::AttemptStarted { attempt, way });
        self.history.push(self.now, EventDetail::AttemptFinished { attempt, outcome });
        name
    }

    fn receipt(&mut self, attempt: u32, status: ReceiptStatus) {
        let evidence = OutcomeEvidence::default();
        self.history.push(
            self.now,
            EventDetail::Receipt(Receipt {
                attempt,
                status,
                reported_at: self.now,
                evidence,
                objection: None,
            }),
        );
    }

    fn wait(&mut self, seconds: u64) {
        self.now = later(self.now, Duration::from_secs(seconds));
    }

    fn left_out(&self) -> Vec<(String, Reason)> {
        let plan = self.decide().plan.unwrap();
        let name = |own: &crate::model::LeftOut| match &own.provider {
            Some(provider) => provider.to_string(),
            None => own.channel.to_string(),
        };
        plan.left_out.iter().map(|own| (name(own), own.reason.clone())).collect()
    }
}

fn evidence() -> OutcomeEvidence {
    OutcomeEvidence::default()
}

fn unavailable() -> Outcome {
    Outcome::Unavailable { evidence: evidence() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { evidence: evidence() }
}

fn sent() -> Outcome {
    Outcome::Sent { reference: "ref".into() }
}

fn rejected(cause: Rejection) -> Outcome {
    Outcome::Rejected { cause, evidence: evidence() }
}

fn throttled(seconds: u64) -> Outcome {
    let retry_after = Some(Duration::from_secs(seconds));
    Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence: evidence() }
}

fn finished(step: &RoutingStep) -> (MessageState, Reason) {
    match step {
        RoutingStep::Finish { state, reason, .. } => (*state, reason.clone()),
        other => panic!("not finished: {other:?}"),
    }
}

fn waits(step: &RoutingStep) -> (Timestamp, Reason) {
    match step {
        RoutingStep::Wait { until, why } => (*until, why.reason.clone()),
        other => panic!("not waiting: {other:?}"),
    }
}

#[test]
fn the_message_else_the_contact_else_the_topic_else_the_brand_orders_the_channels() {
    use Channel::{Email, Sms, Telegram, Whatsapp};
    let mut world = World::new(Class::Transactional);
    let order = |world: &World| channel_order(&world.message, &world.preferences, &world.policy);
    assert_eq!(order(&world), (vec![Whatsapp, Sms, Email], OrderSource::Brand));

    let topic = TopicSettings { channels: vec![Email, Sms], ttl_minutes: None };
    let topics = BTreeMap::from([("offers".to_owned(), topic)]);
    world.policy = BrandPolicy::try_new(&BrandSettings { topics, ..BrandSettings::default() }).unwrap();
    assert_eq!(order(&world), (vec![Email, Sms], OrderSource::Topic));

    world.preferences.channel_order = vec![Telegram, Sms];
    assert_eq!(order(&world), (vec![Telegram, Sms, Email], OrderSource::Contact));

    let topic = "offers.shoes".parse().unwrap();
    world.preferences.topics = vec![TopicPreference { topic, muted: false, channel_order: vec![Sms] }];
    assert_eq!(order(&world), (vec![Sms, Email], OrderSource::Contact));

    world.message.channels = vec![Whatsapp];
    assert_eq!(order(&world), (vec![Whatsapp], OrderSource::Message));
}

#[test]
fn within_a_tier_weight_decides_the_share_and_a_message_keeps_its_order() {
    let (mut light, mut heavy) = (provider("a", Channel::Sms, "a", 1), provider("b", Channel::Sms, "b", 1));
    (light.weight, heavy.weight) = (100, 300);
    let last = provider("c", Channel::Sms, "c", 2);
    let first = |seed: u32| {
        let mut random = [0; 10];
        random[..4].copy_from_slice(&seed.to_be_bytes());
        let message = MessageId::new(1, &random);
        let mut providers = vec![&last, &light, &heavy];
        provider_order(message, &mut providers, |own| own);
        assert_eq!(providers[2].name.as_str(), "c");
        providers[0].name.as_str().to_owned()
    };
    let heavy_first = (0..10_000).filter(|seed| first(*seed) == "b").count();
    assert!((7_300..7_700).contains(&heavy_first), "{heavy_first} of 10,000 where 7,500 are expected");
    assert_eq!(first(3), first(3));
}

#[test]
fn after_a_failure_another_domain_of_the_channel_then_the_next_channel_then_the_failed_domain() {
    let mut world = World::new(Class::Transactional);
    let mut tried = Vec::new();
    for _ in 0..6 {
        tried.push(world.attempt(unavailable()));
    }
    assert_eq!(tried, ["wa-meta-1", "wa-twilio", "sms-a", "sms-b", "mail", "wa-meta-2"]);
    let step = world.step();
    let (until, reason) = waits(&step);
    assert_eq!(reason, Reason::Backoff);
    assert!(until > world.now && until <= later(world.now, Duration::from_secs(1)), "{until}");
}

#[test]
fn what_is_refused_is_left_out_with_its_reason_and_waited_for_when_nothing_else_is_left() {
    let mut world = World::new(Class::Transactional);
    let until = later(start(), Duration::from_secs(5));
    world.refusals.insert("wa-meta-1".into(), AdmissionRefusal::BreakerOpen { until });
    world.refusals.insert("wa-meta-2".into(), AdmissionRefusal::OutOfService { until: None });
    assert_eq!(world.tries(), "wa-twilio");
    let left_out = world.left_out();
    assert!(left_out.contains(&("wa-meta-1".into(), Reason::BreakerOpen)), "{left_out:?}");
    assert!(left_out.contains(&("wa-meta-2".into(), Reason::OutOfService)), "{left_out:?}");
    for name in ["wa-twilio", "sms-a", "sms-b", "mail"] {
        world.refusals.insert(name.into(), AdmissionRefusal::OutOfService { until: None });
    }
    assert_eq!(waits(&world.step()), (until, Reason::BreakerOpen));
}

#[test]
fn doubt_is_settled_by_the_class() {
    let mut world = World::new(Class::Transactional);
    assert_eq!(world.attempt(unknown()), "wa-meta-1");
    assert_eq!(world.tries(), "wa-twilio");

    let mut world = World::new(Class::Commercial);
    world.attempt(unknown());
    assert_eq!(waits(&world.step()).1, Reason::InDoubt);
    world.wait(600);
    assert_eq!(finished(&world.step()), (MessageState::InDoubt, Reason::InDoubt));
    world.receipt(1, ReceiptStatus::Failed);
    assert_eq!(world.tries(), "sms-a", "a failure report ends the doubt, and the channel");
    let mut world = World::new(Class::Commercial);
    world.attempt(unknown());
    world.receipt(1, ReceiptStatus::Delivered);
    assert_eq!((world.step(), world.history.state()), (RoutingStep::Idle, MessageState::Delivered));
}

#[test]
fn a_bad_address_leads_to_the_next_channel_and_refused_content_too() {
    let mut world = World::new(Class::Transactional);
    world.attempt(rejected(Rejection::Policy));
    assert_eq!(world.tries(), "wa-meta-2", "another account may be allowed to");
    world.attempt(rejected(Rejection::Address { certain: true }));
    assert_eq!(world.tries(), "sms-a", "the same number may work for SMS");
    world.attempt(rejected(Rejection::Content));
    assert_eq!(world.tries(), "mail");
    world.attempt(rejected(Rejection::OptedOut { certain: true }));
    assert_eq!(finished(&world.step()), (MessageState::Failed, Reason::NoWayLeft));
}

#[test]
fn a_short_throttle_is_waited_for_and_a_long_one_is_not() {
    let mut world = World::new(Class::Transactional);
    world.providers.retain(|own| own.name.as_str() != "wa-twilio" && own.name.as_str() != "wa-meta-2");
    world.attempt(throttled(5));
    assert_eq!(waits(&world.step()), (later(start(), Duration::from_secs(5)), Reason::Throttled));
    world.wait(5);
    assert_eq!(world.tries(), "wa-meta-1");
    world.attempt(throttled(600));
    assert_eq!(world.tries(), "sms-a");
}

#[test]
fn a_throttle_without_a_wait_is_not_retried_at_once() {
    let mut world = World::new(Class::Transactional);
    world.message.channels = vec![Channel::Email];
    world.attempt(throttled(0));
    let step = world.step();
    let (until, reason) = waits(&step);
    assert!(reason == Reason::Throttled && until >= later(start(), Duration::from_millis(500)), "{until}");
}

#[test]
fn patience_with_a_throttled_channel_ends() {
    let mut world = World::new(Class::Transactional);
    world.providers.retain(|own| ["wa-meta-1", "sms-a"].contains(&own.name.as_str()));
    let throttle = |now| AdmissionRefusal::Throttled { until: later(now, Duration::from_secs(2)) };
    for _ in 0..5 {
        // Others use up the provider's allowance each time.
        world.refusals.insert("wa-meta-1".into(), throttle(world.now));
        let step = world.step();
        let (until, reason) = waits(&step);
        let why = WaitReason { reason, explanation: "Too fast.".into() };
        if world.history.state() != MessageState::Waiting {
            world.history.push(world.now, EventDetail::Waiting { until, why });
        }
        world.wait(5);
    }
    world.wait(10);
    world.refusals.insert("wa-meta-1".into(), throttle(world.now));
    assert_eq!(world.tries(), "sms-a");
}

#[test]
fn without_permission_it_is_suppressed_and_without_providers_it_fails() {
    let mut world = World::new(Class::Commercial);
    world.judged = vec![judged(Channel::Sms, Decision::Deny)];
    assert_eq!(finished(&world.step()), (MessageState::Suppressed, Reason::NoWayPermitted));
    let left_out = world.left_out();
    assert!(left_out.contains(&("sms".into(), Reason::Other("test_reason".into()))), "{left_out:?}");
    assert!(left_out.contains(&("email".into(), Reason::NoAddress)), "{left_out:?}");
    world.judged = vec![judged(Channel::Sms, Decision::Allow)];
    world.providers.clear();
    assert_eq!(finished(&world.step()), (MessageState::Failed, Reason::NoWayLeft));
}

#[test]
fn a_hold_waits_until_it_ends_but_never_past_the_expiry() {
    let mut world = World::new(Class::Commercial);
    let until = later(start(), Duration::from_secs(600));
    world.judged = vec![judged(Channel::Sms, Decision::Hold { until })];
    assert_eq!(waits(&world.step()), (until, Reason::Other("test_reason".into())));
    world.message.expire_at = later(start(), Duration::from_secs(60));
    assert_eq!(waits(&world.step()).0, world.message.expire_at);
    world.wait(60);
    assert_eq!(finished(&world.step()), (MessageState::Expired, Reason::Expired));
}

#[test]
fn whatsapp_text_needs_the_window_and_a_template_does_not() {
    let mut world = World::new(Class::Transactional);
    world.judged.iter_mut().for_each(|own| own.window = ServiceWindow::At(Vec::new()));
    assert_eq!(world.tries(), "sms-a");
    assert!(world.left_out().contains(&("whatsapp".into(), Reason::WindowClosed)));
    let template = Template { name: "order".into(), language: "en".into(), ..Template::default() };
    world.message.content.template = Some(template.clone());
    match world.step() {
        RoutingStep::Try { content, .. } => {
            assert_eq!(content, crate::model::RenderedContent::Template(template))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_goes_only_where_it_is_not_too_long() {
    let mut world = World::new(Class::Transactional);
    world.message.content.text = Some("a".repeat(5_000));
    assert_eq!(world.tries(), "mail");
    for channel in ["whatsapp", "sms"] {
        assert!(world.left_out().contains(&(channel.into(), Reason::ContentTooLong)), "{channel}");
    }
    world.message.content.subject = None;
    assert_eq!(
        finished(&world.step()),
        (MessageState::Failed, Reason::NoWayLeft),
        "it is not for want of consent"
    );
}

#[test]
fn a_window_is_open_where_the_person_wrote_and_nowhere_else() {
    let mut world = World::new(Class::Transactional);
    let only = |name: &str| ServiceWindow::At(vec![name.parse().unwrap()]);
    for name in ["wa-meta-1", "wa-twilio"] {
        world.judged.iter_mut().for_each(|own| own.window = only(name));
        assert_eq!(world.tries(), name);
        assert!(world.left_out().contains(&("wa-meta-2".into(), Reason::WindowClosed)));
    }
    world.message.content.template =
        Some(Template { name: "order".into(), language: "en".into(), ..Template::default() });
    let tried = |world: &World| match world.step() {
        RoutingStep::Try { way, content, .. } => (way.provider.to_string(), content),
        other => panic!("{other:?}"),
    };
    let (first, content) = tried(&world);
    let is_text = matches!(content, crate::model::RenderedContent::Text(_));
    assert_eq!(is_text, first == "wa-twilio", "text where the window is open, a template elsewhere");
}

#[test]
fn after_sent_nothing_is_tried_unless_the_fallback_policy_asks() {
    let mut world = World::new(Class::Transactional);
    world.attempt(sent());
    world.wait(600);
    assert_eq!(world.step(), RoutingStep::Idle);
    world.receipt(1, ReceiptStatus::Failed);
    assert_eq!(finished(&world.step()), (MessageState::Failed, Reason::ReportedFailed));
    world.message.fallback.on_failed = true;
    assert!(matches!(world.step(), RoutingStep::FallBack { attempt: 1, .. }));
}

#[test]
fn a_missing_receipt_leads_to_the_next_channel_once() {
    let mut world = World::new(Class::Transactional);
    world.message.fallback.undelivered_after = Some(Duration::from_secs(60));
    world.attempt(sent());
    assert_eq!(waits(&world.step()), (later(start(), Duration::from_secs(60)), Reason::AwaitingReceipt));
    world.wait(60);
    let RoutingStep::FallBack { attempt, explanation } = world.step() else { panic!("{:?}", world.step()) };
    world.history.push(world.now, EventDetail::FellBack { attempt, explanation });
    assert_eq!(world.tries(), "sms-a");
    world.receipt(1, ReceiptStatus::Delivered);
    assert_eq!(world.step(), RoutingStep::Idle, "it arrived after all");
}

#[test]
fn a_message_that_was_sent_and_fell_back_in_vain_ends_as_sent() {
    let mut world = World::new(Class::Transactional);
    world.message.fallback.undelivered_after = Some(Duration::from_secs(60));
    world.attempt(sent());
    world.wait(60);
    world.history.push(world.now, EventDetail::FellBack { attempt: 1, explanation: String::new() });
    world.wait(3_600);
    assert_eq!(finished(&world.step()), (MessageState::Sent, Reason::Expired));
}

#[test]
fn a_message_that_was_delivered_and_fell_back_in_vain_ends_as_delivered() {
    let mut world = World::new(Class::Transactional);
    world.message.fallback.unread_after = Some(Duration::from_secs(60));
    world.attempt(sent());
    world.receipt(1, ReceiptStatus::Delivered);
    world.wait(60);
    world.history.push(world.now, EventDetail::FellBack { attempt: 1, explanation: String::new() });
    world.wait(3_600);
    assert_eq!(finished(&world.step()), (MessageState::Delivered, Reason::Expired));
    world.history.push(world.now, EventDetail::CancelRequested { actor: "key".into() });
    assert_eq!(finished(&world.step()), (MessageState::Delivered, Reason::Cancelled));
}

#[test]
fn a_cancelled_message_and_one_out_of_attempts_end() {
    let mut world = World::new(Class::Transactional);
    world.retry.max_attempts = 1;
    world.attempt(unavailable());
    assert_eq!(finished(&world.step()), (MessageState::Failed, Reason::TooManyAttempts));
    world.history.push(world.now, EventDetail::CancelRequested { actor: "key".into() });
    assert_eq!(finished(&world.step()), (MessageState::Cancelled, Reason::Cancelled));
}

#[test]
fn backoff_doubles_up_to_its_cap_and_loses_at_most_half() {
    let retry = RetrySettings { backoff_ms: 100, max_backoff_ms: 1_000, ..RetrySettings::default() };
    for (failures, full) in [(1, 100), (2, 200), (4, 800), (5, 1_000), (64, 1_000), (u32::MAX, 1_000)] {
        let wait = retry.backoff(MessageId::new(1, &[3; 10]), failures).as_millis();
        assert!((full / 2..=full).contains(&wait), "{failures}: {wait}");
    }
}

#[test]
fn plans_name_the_first_way_they_would_take() {
    let world = World::new(Class::Transactional);
    let ways: Vec<Way> = world.decide().plan.unwrap().ways;
    assert_eq!(ways.len(), 6);
    assert_eq!(ways[0].provider.as_str(), world.tries());
}
