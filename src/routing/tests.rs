mod choice;
mod doubt;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::model::{
    Address, AdmissionRefusal, CallingCode, CellRefusal, Channel, ConsentDecision, ContactIncarnation,
    Content, FallbackPolicy, HealthCell, MessageClass, MessageEventDetail, MessageId, MessageState,
    Objection, OrderSource, Outcome, OutcomeEvidence, Phone, Reason, Receipt, ReceiptStatus, Rejection,
    ServiceWindow, Template, ThrottleScope, TopicPreference, WaitReason, Way, later,
};

/// A brand with two WhatsApp accounts in one domain and a third elsewhere, two SMS accounts and one email server.
struct RoutingCase {
    message: Message,
    history: History,
    preferences: Preferences,
    verdicts: Vec<AddressVerdict>,
    policy: BrandPolicy,
    providers: Vec<Provider>,
    refusals: BTreeMap<String, AdmissionRefusal>,
    refusing_cells: BTreeMap<String, Vec<CellRefusal>>,
    /// How long a provider is expected to let the message wait, in seconds.
    waits: BTreeMap<&'static str, u64>,
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
        user_ids_of: None,
        repeat_window: None,
    }
}

/// A provider as it is offered, without a cell that refuses.
fn offer(provider: &Provider, admission: Admission, live_weight: f64) -> ProviderAdmission<'_> {
    ProviderAdmission {
        provider,
        admission,
        refusing_cells: Vec::new(),
        live_weight,
        learned_rate: None,
        expected_wait: Duration::ZERO,
    }
}

fn address(channel: Channel) -> Address {
    match channel {
        Channel::Email => Address::Email("ana@example.com".parse().unwrap()),
        Channel::Sms | Channel::Whatsapp => Address::Phone(Phone::parse("+34600123456", None).unwrap()),
        Channel::Telegram => Address::TelegramChat(7),
    }
}

fn address_verdict(channel: Channel, decision: ConsentDecision) -> AddressVerdict {
    let verdict = Verdict {
        channel,
        address: address(channel),
        decision,
        reason: Reason::Other("test_reason".into()),
        explanation: "Because.".into(),
    };
    AddressVerdict { verdict, window: ServiceWindow::AllProviders }
}

impl RoutingCase {
    fn new(class: MessageClass) -> Self {
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
            unserved: Vec::new(),
            incarnation: ContactIncarnation::default(),
        };
        let channels = vec![Channel::Whatsapp, Channel::Sms, Channel::Email];
        let settings = BrandSettings { channels: channels.clone(), ..BrandSettings::default() };
        Self {
            message,
            history: History::accepted(start()),
            preferences: Preferences::default(),
            verdicts: channels
                .iter()
                .map(|channel| address_verdict(*channel, ConsentDecision::Allow))
                .collect(),
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
            refusing_cells: BTreeMap::new(),
            waits: BTreeMap::new(),
            retry: RetrySettings::default(),
            now: start(),
        }
    }

    fn decide(&self) -> RoutingDecision {
        let admission = |provider: &Provider| match self.refusals.get(provider.name.as_str()) {
            Some(refusal) => Err(*refusal),
            None => Ok(()),
        };
        let offers: Vec<ProviderAdmission<'_>> = self
            .providers
            .iter()
            .map(|provider| ProviderAdmission {
                refusing_cells: self.refusing_cells.get(provider.name.as_str()).cloned().unwrap_or_default(),
                expected_wait: Duration::from_secs(
                    self.waits.get(provider.name.as_str()).copied().unwrap_or_default(),
                ),
                ..offer(provider, admission(provider), 1.0)
            })
            .collect();
        decide(&RoutingContext {
            message: &self.message,
            history: &self.history,
            recipient: Some(RecipientView { preferences: &self.preferences, verdicts: &self.verdicts }),
            policy: &self.policy,
            providers: &offers,
            retry: &self.retry,
            now: self.now,
        })
    }

    fn step(&self) -> RoutingStep {
        self.decide().step
    }

    /// The provider of the attempt that is decided.
    fn next_provider(&self) -> String {
        match self.step() {
            RoutingStep::Try { way, .. } => way.provider.to_string(),
            other => panic!("expected an attempt: {other:?}"),
        }
    }

    /// Records an attempt by the next way that ends in `outcome`. Returns its provider.
    fn attempt(&mut self, outcome: Outcome) -> String {
        let RoutingStep::Try { way, .. } = self.step() else { panic!("no attempt: {:?}", self.step()) };
        let attempt = self.history.attempts().len() as u32 + 1;
        let name = way.provider.to_string();
        self.history.push(self.now, MessageEventDetail::AttemptStarted { attempt, way });
        self.history.push(self.now, MessageEventDetail::AttemptFinished { attempt, outcome });
        name
    }

    fn receipt(&mut self, attempt: u32, status: ReceiptStatus) {
        self.objecting_receipt(attempt, status, None);
    }

    fn objecting_receipt(&mut self, attempt: u32, status: ReceiptStatus, objection: Option<Objection>) {
        let evidence = OutcomeEvidence::default();
        self.history.push(
            self.now,
            MessageEventDetail::Receipt(Receipt {
                attempt,
                status,
                reported_at: self.now,
                evidence,
                objection,
            }),
        );
    }

    /// Waits for a receipt in vain, and falls back.
    fn give_up(&mut self, seconds: u64) {
        self.wait(seconds);
        let RoutingStep::FallBack { attempt, explanation } = self.step() else { panic!("{:?}", self.step()) };
        self.history.push(self.now, MessageEventDetail::FellBack { attempt, explanation });
    }

    fn wait(&mut self, seconds: u64) {
        self.now = later(self.now, Duration::from_secs(seconds));
    }

    fn left_out(&self) -> Vec<(String, Reason)> {
        let plan = self.decide().plan.unwrap();
        let name = |entry: &crate::model::LeftOut| match &entry.provider {
            Some(provider) => provider.to_string(),
            None => entry.channel.to_string(),
        };
        plan.left_out.iter().map(|entry| (name(entry), entry.reason.clone())).collect()
    }
}

fn evidence() -> OutcomeEvidence {
    OutcomeEvidence::default()
}

fn unavailable() -> Outcome {
    Outcome::Unavailable { evidence: evidence() }
}

fn unknown() -> Outcome {
    Outcome::unknown(evidence())
}

fn sent() -> Outcome {
    Outcome::sent("ref")
}

fn rejected(cause: Rejection) -> Outcome {
    Outcome::Rejected { cause, evidence: evidence() }
}

fn throttled(seconds: u64) -> Outcome {
    let retry_after = Some(Duration::from_secs(seconds));
    Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence: evidence() }
}

fn expect_finish(step: &RoutingStep) -> (MessageState, Reason) {
    match step {
        RoutingStep::Finish { state, reason, .. } => (*state, reason.clone()),
        other => panic!("not finished: {other:?}"),
    }
}

fn expect_wait(step: &RoutingStep) -> (Timestamp, Reason) {
    match step {
        RoutingStep::Wait { until, why } => (*until, why.reason.clone()),
        other => panic!("not waiting: {other:?}"),
    }
}

#[test]
fn the_message_else_the_contact_else_the_topic_else_the_brand_orders_the_channels() {
    use Channel::{Email, Sms, Telegram, Whatsapp};
    let mut case = RoutingCase::new(MessageClass::Transactional);
    let order = |case: &RoutingCase| channel_order(&case.message, &case.preferences, &case.policy);
    assert_eq!(order(&case), (vec![Whatsapp, Sms, Email], OrderSource::Brand));

    let topic = TopicSettings { channels: vec![Email, Sms], ..TopicSettings::default() };
    let topics = BTreeMap::from([("offers".to_owned(), topic)]);
    case.policy = BrandPolicy::try_new(&BrandSettings { topics, ..BrandSettings::default() }).unwrap();
    assert_eq!(order(&case), (vec![Email, Sms], OrderSource::Topic));

    case.preferences.channel_order = vec![Telegram, Sms];
    assert_eq!(order(&case), (vec![Telegram, Sms, Email], OrderSource::Contact));

    let topic = "offers.shoes".parse().unwrap();
    let of_topic = TopicPreference { topic, muted: false, channel_order: vec![Sms] };
    let below = "offers.shoes".parse().unwrap();
    let muted = TopicPreference { topic: below, muted: true, channel_order: vec![] };
    // What is said of a topic below says nothing of its channels.
    case.preferences.topics = vec![of_topic, muted];
    assert_eq!(order(&case), (vec![Sms, Email], OrderSource::Contact));

    case.message.channels = vec![Whatsapp];
    assert_eq!(order(&case), (vec![Whatsapp], OrderSource::Message));
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
        let mut offers = [&last, &light, &heavy].map(|provider| offer(provider, Ok(()), 1.0));
        provider_order(message, &mut offers);
        assert_eq!(offers[2].provider.name.as_str(), "c");
        offers[0].provider.name.as_str().to_owned()
    };
    let heavy_first = (0..10_000).filter(|seed| first(*seed) == "b").count();
    assert!((7_300..7_700).contains(&heavy_first), "{heavy_first} of 10,000 where 7,500 are expected");
    assert_eq!(first(3), first(3));
}

#[test]
fn of_its_messages_a_provider_has_the_part_that_its_live_weight_leaves_it() {
    let (slow, fast) = (provider("a", Channel::Sms, "a", 1), provider("b", Channel::Sms, "b", 1));
    let spare = provider("c", Channel::Sms, "c", 2);
    let order = |seed: u32, [a, b, c]: [f64; 3]| {
        let mut random = [0; 10];
        random[..4].copy_from_slice(&seed.to_be_bytes());
        let mut offers = [offer(&slow, Ok(()), a), offer(&fast, Ok(()), b), offer(&spare, Ok(()), c)];
        provider_order(MessageId::new(1, &random), &mut offers);
        offers.map(|offer| offer.provider.name.to_string()).concat()
    };
    let share =
        |first: &str, weights| (0..10_000).filter(|seed| order(*seed, weights).starts_with(first)).count();
    let of_slow = share("a", [0.1, 1.0, 1.0]);
    assert!((430..570).contains(&of_slow), "{of_slow} of 10,000 where 500 are expected");
    // What both leave goes to the next tier.
    let of_spare = share("c", [0.1, 0.1, 1.0]);
    assert!((7_900..8_300).contains(&of_spare), "{of_spare} of 10,000 where 8,100 are expected");
    // Nobody moves to whoever does no better.
    let together: Vec<String> = (0..100).map(|seed| order(seed, [0.000_001; 3])).collect();
    assert_eq!(together, (0..100).map(|seed| order(seed, [1.0; 3])).collect::<Vec<_>>());
}

#[test]
fn a_cell_that_refuses_leaves_out_what_lies_in_it_and_names_itself() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    assert_eq!(case.next_provider(), "wa-meta-1");
    let wait = Duration::from_secs(5);
    let refusal = |cell| CellRefusal { cell, wait };
    case.refusing_cells.insert("wa-meta-1".into(), vec![refusal(HealthCell::Sender("another".to_owned()))]);
    assert_eq!(case.next_provider(), "wa-meta-1");
    let spain = HealthCell::Country(CallingCode::of(&address(Channel::Sms)).unwrap());
    case.refusing_cells.insert("wa-meta-1".into(), vec![refusal(spain)]);
    assert_eq!(case.next_provider(), "wa-meta-2");
    let plan = case.decide().plan.unwrap();
    let left_out = plan.left_out.iter().find(|way| way.reason == Reason::BreakerOpen).unwrap();
    assert_eq!(
        left_out.explanation,
        "The breaker of wa-meta-1 is open for country +34: it failed too often."
    );
}

#[test]
fn after_a_failure_another_domain_of_the_channel_then_the_next_channel_then_the_failed_domain() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    let mut tried = Vec::new();
    for _ in 0..6 {
        tried.push(case.attempt(unavailable()));
    }
    assert_eq!(tried, ["wa-meta-1", "wa-twilio", "sms-a", "sms-b", "mail", "wa-meta-2"]);
    let step = case.step();
    let (until, reason) = expect_wait(&step);
    assert_eq!(reason, Reason::Backoff);
    assert!(until > case.now && until <= later(case.now, Duration::from_secs(1)), "{until}");
}

#[test]
fn what_is_refused_is_left_out_with_its_reason_and_waited_for_when_nothing_else_is_left() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    let wait = Duration::from_secs(5);
    case.refusals.insert("wa-meta-1".into(), AdmissionRefusal::BreakerOpen { wait });
    case.refusals.insert("wa-meta-2".into(), AdmissionRefusal::OutOfService { until: None });
    assert_eq!(case.next_provider(), "wa-twilio");
    let left_out = case.left_out();
    assert!(left_out.contains(&("wa-meta-1".into(), Reason::BreakerOpen)), "{left_out:?}");
    assert!(left_out.contains(&("wa-meta-2".into(), Reason::OutOfService)), "{left_out:?}");
    for name in ["wa-twilio", "sms-a", "sms-b", "mail"] {
        case.refusals.insert(name.into(), AdmissionRefusal::OutOfService { until: None });
    }
    assert_eq!(expect_wait(&case.step()), (later(start(), wait), Reason::BreakerOpen));
}

#[test]
fn a_bad_address_leads_to_the_next_channel_and_refused_content_too() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.attempt(rejected(Rejection::Policy));
    assert_eq!(case.next_provider(), "wa-meta-2", "another account may be allowed to");
    case.attempt(rejected(Rejection::Address { certain: true }));
    assert_eq!(case.next_provider(), "sms-a", "the same number may work for SMS");
    case.attempt(rejected(Rejection::Content));
    assert_eq!(case.next_provider(), "mail");
    case.attempt(rejected(Rejection::OptedOut { certain: true }));
    assert_eq!(expect_finish(&case.step()), (MessageState::Failed, Reason::NoWayLeft));
}

#[test]
fn a_doubtful_address_leaves_out_who_doubts_it() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    assert_eq!(case.attempt(rejected(Rejection::Address { certain: false })), "wa-meta-1");
    assert_eq!(case.attempt(rejected(Rejection::Address { certain: false })), "wa-meta-2");
    assert_eq!(case.attempt(rejected(Rejection::OptedOut { certain: false })), "wa-twilio");
    assert_eq!(
        case.next_provider(),
        "sms-a",
        "nobody else on WhatsApp is asked where the person may have opted out"
    );

    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.attempt(rejected(Rejection::OptedOut { certain: false }));
    assert_eq!(case.next_provider(), "sms-a");
}

#[test]
fn without_permission_it_is_suppressed_and_without_providers_it_fails() {
    let mut case = RoutingCase::new(MessageClass::Commercial);
    case.verdicts = vec![address_verdict(Channel::Sms, ConsentDecision::Deny)];
    assert_eq!(expect_finish(&case.step()), (MessageState::Suppressed, Reason::NoWayPermitted));
    let left_out = case.left_out();
    assert!(left_out.contains(&("sms".into(), Reason::Other("test_reason".into()))), "{left_out:?}");
    assert!(left_out.contains(&("email".into(), Reason::NoAddress)), "{left_out:?}");
    case.verdicts = vec![address_verdict(Channel::Sms, ConsentDecision::Allow)];
    case.providers.clear();
    case.message.unserved = vec![Channel::Sms];
    assert_eq!(expect_finish(&case.step()), (MessageState::Failed, Reason::NoWayLeft));
}

#[test]
fn a_message_waits_for_a_provider_that_was_there_when_it_was_accepted() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.channels = vec![Channel::Sms];
    case.providers.retain(|provider| provider.channel != Channel::Sms);
    case.message.unserved = vec![Channel::Telegram];
    let step = case.step();
    let (until, reason) = expect_wait(&step);
    assert_eq!(reason, Reason::NoProvider);
    assert!(case.now < until && until <= case.message.expire_at, "{until}");
    case.verdicts = vec![address_verdict(Channel::Sms, ConsentDecision::Deny)];
    assert_eq!(
        expect_finish(&case.step()).0,
        MessageState::Failed,
        "it would not go there if the provider were back"
    );
    case.verdicts = vec![address_verdict(Channel::Sms, ConsentDecision::Allow)];
    case.now = case.message.expire_at;
    assert_eq!(expect_finish(&case.step()), (MessageState::Expired, Reason::Expired));
}

#[test]
fn a_hold_waits_until_it_ends_but_never_past_the_expiry() {
    let mut case = RoutingCase::new(MessageClass::Commercial);
    let until = later(start(), Duration::from_secs(600));
    case.verdicts = vec![address_verdict(Channel::Sms, ConsentDecision::Hold { until })];
    assert_eq!(expect_wait(&case.step()), (until, Reason::Other("test_reason".into())));
    case.message.expire_at = later(start(), Duration::from_secs(60));
    assert_eq!(expect_wait(&case.step()).0, case.message.expire_at);
    case.wait(60);
    assert_eq!(expect_finish(&case.step()), (MessageState::Expired, Reason::Expired));
}

#[test]
fn whatsapp_text_needs_the_window_and_a_template_does_not() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.verdicts.iter_mut().for_each(|verdict| verdict.window = ServiceWindow::Only(Vec::new()));
    assert_eq!(case.next_provider(), "sms-a");
    assert!(case.left_out().contains(&("whatsapp".into(), Reason::WindowClosed)));
    let template = Template { name: "order".into(), language: "en".into(), ..Template::default() };
    case.message.content.template = Some(template.clone());
    match case.step() {
        RoutingStep::Try { content, .. } => {
            assert_eq!(content, crate::model::RenderedContent::Template(template))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_goes_only_where_it_is_not_too_long() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.content.text = Some("a".repeat(5_000));
    assert_eq!(case.next_provider(), "mail");
    for channel in ["whatsapp", "sms"] {
        assert!(case.left_out().contains(&(channel.into(), Reason::ContentTooLong)), "{channel}");
    }
    case.message.content.subject = None;
    assert_eq!(
        expect_finish(&case.step()),
        (MessageState::Failed, Reason::NoWayLeft),
        "it is not for want of consent"
    );
}

#[test]
fn a_window_is_open_where_the_person_wrote_and_nowhere_else() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    let only = |name: &str| ServiceWindow::Only(vec![name.parse().unwrap()]);
    for name in ["wa-meta-1", "wa-twilio"] {
        case.verdicts.iter_mut().for_each(|verdict| verdict.window = only(name));
        assert_eq!(case.next_provider(), name);
        assert!(case.left_out().contains(&("wa-meta-2".into(), Reason::WindowClosed)));
    }
    case.message.content.template =
        Some(Template { name: "order".into(), language: "en".into(), ..Template::default() });
    let tried = |case: &RoutingCase| match case.step() {
        RoutingStep::Try { way, content, .. } => (way.provider.to_string(), content),
        other => panic!("{other:?}"),
    };
    let (first, content) = tried(&case);
    let is_text = matches!(content, crate::model::RenderedContent::Text(_));
    assert_eq!(is_text, first == "wa-twilio", "text where the window is open, a template elsewhere");
}

#[test]
fn after_sent_nothing_is_tried_unless_the_fallback_policy_asks() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.attempt(sent());
    case.wait(600);
    assert_eq!(case.step(), RoutingStep::Idle);
    case.receipt(1, ReceiptStatus::Failed);
    assert_eq!(expect_finish(&case.step()), (MessageState::Failed, Reason::ReportedFailed));
    case.message.fallback.on_failed = true;
    assert!(matches!(case.step(), RoutingStep::FallBack { attempt: 1, .. }));
}

#[test]
fn a_missing_receipt_leads_to_another_domain_of_the_channel_then_to_the_next_channel() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.fallback.undelivered_after = Some(Duration::from_secs(60));
    case.attempt(sent());
    assert_eq!(expect_wait(&case.step()), (later(start(), Duration::from_secs(60)), Reason::AwaitingReceipt));
    let mut taken = vec!["wa-meta-1".to_owned()];
    for _ in 0..4 {
        case.give_up(60);
        taken.push(case.attempt(sent()));
    }
    // Neither the provider nor its domain is asked again to carry it to an address; each time the history says why.
    assert_eq!(taken, ["wa-meta-1", "wa-twilio", "sms-a", "sms-b", "mail"]);
    case.wait(60);
    assert_eq!(case.step(), RoutingStep::Idle, "nothing is left, and nobody is asked twice");
    case.receipt(1, ReceiptStatus::Delivered);
    assert_eq!(case.step(), RoutingStep::Idle, "it arrived after all");
}

#[test]
fn the_plan_of_a_rescue_says_who_took_it_in_vain() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.fallback.undelivered_after = Some(Duration::from_secs(60));
    case.attempt(sent());
    case.give_up(60);
    let plan = case.decide().plan.unwrap();
    let of_domain = plan.left_out.iter().find(|way| way.provider.as_ref().unwrap().as_str() == "wa-meta-2");
    let of_domain = of_domain.unwrap();
    assert_eq!(of_domain.reason, Reason::AddressTried);
    assert_eq!(of_domain.explanation, "wa-meta-1 took attempt 1 there, and it did not arrive in time.");
}

#[test]
fn a_reported_failure_asks_another_domain_unless_the_address_is_at_fault() {
    for (objection, next) in [
        (None, "wa-twilio"),
        (Some(Objection::BadAddress), "sms-a"),
        (Some(Objection::OptedOut), "sms-a"),
        (Some(Objection::Complaint), "sms-a"),
    ] {
        let mut case = RoutingCase::new(MessageClass::Transactional);
        case.message.fallback.on_failed = true;
        case.attempt(sent());
        case.objecting_receipt(1, ReceiptStatus::Failed, objection);
        case.give_up(0);
        assert_eq!(case.next_provider(), next, "{objection:?}");
    }
}

#[test]
fn what_was_not_read_in_time_goes_by_another_channel_alone() {
    for is_delivered in [true, false] {
        let mut case = RoutingCase::new(MessageClass::Transactional);
        case.message.fallback.unread_after = Some(Duration::from_secs(60));
        case.attempt(sent());
        if is_delivered {
            case.receipt(1, ReceiptStatus::Delivered);
        }
        case.give_up(60);
        assert_eq!(case.next_provider(), "sms-a");
    }
    // It was delivered, whatever else the policy asks for.
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.fallback.unread_after = Some(Duration::from_secs(60));
    case.message.fallback.undelivered_after = Some(Duration::from_secs(30));
    case.attempt(sent());
    case.receipt(1, ReceiptStatus::Delivered);
    case.give_up(60);
    assert_eq!(case.next_provider(), "sms-a");
}

#[test]
fn a_message_that_was_sent_and_fell_back_in_vain_ends_as_sent() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.fallback.undelivered_after = Some(Duration::from_secs(60));
    case.attempt(sent());
    case.wait(60);
    case.history.push(case.now, MessageEventDetail::FellBack { attempt: 1, explanation: String::new() });
    case.wait(3_600);
    assert_eq!(expect_finish(&case.step()), (MessageState::Sent, Reason::Expired));
}

#[test]
fn a_message_that_was_delivered_and_fell_back_in_vain_ends_as_delivered() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.message.fallback.unread_after = Some(Duration::from_secs(60));
    case.attempt(sent());
    case.receipt(1, ReceiptStatus::Delivered);
    case.wait(60);
    case.history.push(case.now, MessageEventDetail::FellBack { attempt: 1, explanation: String::new() });
    case.wait(3_600);
    assert_eq!(expect_finish(&case.step()), (MessageState::Delivered, Reason::Expired));
    case.history.push(case.now, MessageEventDetail::CancelRequested { actor: "key".into() });
    assert_eq!(expect_finish(&case.step()), (MessageState::Delivered, Reason::Cancelled));
}

#[test]
fn a_cancelled_message_and_one_out_of_attempts_end() {
    let mut case = RoutingCase::new(MessageClass::Transactional);
    case.retry.max_attempts = 1;
    case.attempt(unavailable());
    assert_eq!(expect_finish(&case.step()), (MessageState::Failed, Reason::TooManyAttempts));
    case.history.push(case.now, MessageEventDetail::CancelRequested { actor: "key".into() });
    assert_eq!(expect_finish(&case.step()), (MessageState::Cancelled, Reason::Cancelled));
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
    let case = RoutingCase::new(MessageClass::Transactional);
    let ways: Vec<Way> = case.decide().plan.unwrap().ways;
    assert_eq!(ways.len(), 6);
    assert_eq!(ways[0].provider.as_str(), case.next_provider());
}
