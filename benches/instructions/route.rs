//! `routing::decide`: the plan of a new message, and the step after something happened to it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use gungraun::{library_benchmark, library_benchmark_group};

use relevo::consent::{self, ConsentQuery};
use relevo::model::{
    Channel, ContactIncarnation, Content, FallbackPolicy, History, Message, MessageClass, MessageEventDetail,
    MessageId, Outcome, OutcomeEvidence, Preferences, Provider, ServiceWindow, Template, Timestamp, later,
};
use relevo::routing::{
    self, AddressVerdict, BrandPolicy, BrandSettings, ProviderAdmission, RecipientView, RetrySettings,
    RoutingContext, RoutingDecision, RoutingStep,
};

use crate::harness::repeat;
use crate::recipient::{noon, opted_in_recipient, topic};

/// The arguments of a decision. They are never freed, so that only the decisions are counted.
pub struct RoutingCase {
    message: Message,
    history: History,
    preferences: Preferences,
    verdicts: Vec<AddressVerdict>,
    policy: BrandPolicy,
    offers: Vec<ProviderAdmission<'static>>,
    retry: RetrySettings,
    now: Timestamp,
}

impl RoutingCase {
    /// A new message of a brand with that many channels and, on each, that many providers.
    fn new(class: MessageClass, channels: usize, providers: usize) -> Self {
        let channels = Channel::ALL[..channels].to_vec();
        let providers =
            channels.iter().flat_map(|channel| (0..providers).map(|index| provider(*channel, index)));
        let offer = |provider| ProviderAdmission {
            provider: Box::leak(Box::new(provider)),
            admission: Ok(()),
            refusing_cells: Vec::new(),
            live_weight: 1.0,
            learned_rate: None,
            expected_wait: Duration::ZERO,
        };
        let settings = BrandSettings { channels: channels.clone(), ..BrandSettings::default() };
        Self {
            message: message(class),
            history: History::accepted(noon()),
            preferences: opted_in_recipient().preferences,
            offers: providers.map(offer).collect(),
            verdicts: address_verdicts(class, &channels),
            policy: BrandPolicy::try_new(&settings).expect("a policy"),
            retry: RetrySettings::default(),
            now: noon(),
        }
    }

    /// The same after an attempt by the first way that ended in `outcome`.
    fn attempted(mut self, outcome: Outcome) -> Self {
        let RoutingDecision { plan: Some(plan), step: RoutingStep::Try { way, .. }, .. } = self.next() else {
            panic!("no attempt")
        };
        for detail in [
            MessageEventDetail::Planned(plan),
            MessageEventDetail::AttemptStarted { attempt: 1, way },
            MessageEventDetail::AttemptFinished { attempt: 1, outcome },
        ] {
            self.history.push(self.now, detail);
        }
        self
    }

    /// Decides once beforehand: the step must be the expected one.
    fn expecting(self, step: &str) -> &'static Self {
        assert_eq!(step_name(&self.next().step), step);
        Box::leak(Box::new(self))
    }

    fn next(&self) -> RoutingDecision {
        routing::decide(&RoutingContext {
            message: &self.message,
            history: &self.history,
            recipient: Some(RecipientView { preferences: &self.preferences, verdicts: &self.verdicts }),
            policy: &self.policy,
            providers: &self.offers,
            retry: &self.retry,
            now: self.now,
        })
    }
}

fn step_name(step: &RoutingStep) -> &'static str {
    match step {
        RoutingStep::Try { .. } => "try",
        RoutingStep::Wait { .. } => "wait",
        RoutingStep::FallBack { .. } => "fall back",
        RoutingStep::Finish { .. } => "finish",
        RoutingStep::Idle => "rest",
    }
}

fn provider(channel: Channel, index: usize) -> Provider {
    let name = format!("{}-{index}", channel.as_str());
    Provider {
        name: name.parse().expect("a name"),
        channel,
        kind: "sandbox".to_owned(),
        failure_domain: name,
        tier: 1,
        weight: 100,
        brands: Vec::new(),
        senders: BTreeMap::new(),
        user_ids_of: None,
        repeat_window: None,
    }
}

fn message(class: MessageClass) -> Message {
    let text = |text: &str| Some(text.to_owned());
    Message {
        id: MessageId::new(noon().as_millisecond().unsigned_abs(), &[7; 10]),
        brand: "acme".parse().expect("a brand"),
        contact: "ana".parse().expect("an id"),
        class,
        topic: topic(),
        content: Content {
            text: text("Your shoes are back in stock, in your size. Order today and have them tomorrow."),
            subject: text("Back in stock"),
            html: text("<p>Your shoes are back in stock, in your size.</p><p>Order today.</p>"),
            template: Some(Template {
                name: "back_in_stock".to_owned(),
                language: "es".to_owned(),
                parameters: vec!["Ana".to_owned()],
                ..Template::default()
            }),
            ..Content::default()
        },
        idempotency_key: text("restock-2026-06-01-ana"),
        accepted_at: noon(),
        send_at: noon(),
        expire_at: later(noon(), Duration::from_secs(3_600)),
        channels: Vec::new(),
        fallback: FallbackPolicy::default(),
        labels: BTreeMap::new(),
        unserved: Vec::new(),
        incarnation: ContactIncarnation::default(),
    }
}

/// The verdicts of consent on a recipient with every opt-in, one address a channel.
fn address_verdicts(class: MessageClass, channels: &[Channel]) -> Vec<AddressVerdict> {
    let (person, topic) = (opted_in_recipient(), topic());
    let judge = |channel: &Channel| {
        let contact_address =
            person.contact.addresses_for(*channel).next().expect("an address of each channel");
        let question =
            ConsentQuery { class, topic: &topic, channel: *channel, address: &contact_address.address };
        let verdict = consent::decide(&question, &person, &jiff::tz::TimeZone::UTC, noon());
        AddressVerdict { verdict, window: ServiceWindow::AllProviders }
    };
    channels.iter().map(judge).collect()
}

fn new_message(channels: usize, providers: usize) -> &'static RoutingCase {
    RoutingCase::new(MessageClass::Commercial, channels, providers).expecting("try")
}

fn sent() -> &'static RoutingCase {
    let outcome = Outcome::sent("SM0123456789");
    RoutingCase::new(MessageClass::Commercial, 2, 2).attempted(outcome).expecting("rest")
}

fn unknown(class: MessageClass) -> RoutingCase {
    let evidence = OutcomeEvidence::new("timeout", "no answer within 10 s");
    RoutingCase::new(class, 2, 2).attempted(Outcome::unknown(evidence))
}

fn unknown_transactional() -> &'static RoutingCase {
    unknown(MessageClass::Transactional).expecting("try")
}

fn unknown_commercial() -> &'static RoutingCase {
    unknown(MessageClass::Commercial).expecting("wait")
}

#[library_benchmark]
#[bench::channels_1_providers_1(args = (1, 1), setup = new_message)]
#[bench::channels_4_providers_8(args = (4, 2), setup = new_message)]
fn plan(case: &'static RoutingCase) {
    repeat(|| black_box(case).next());
}

#[library_benchmark]
#[bench::accepted(args = (2, 2), setup = new_message)]
#[bench::sent(setup = sent)]
#[bench::unknown_transactional(setup = unknown_transactional)]
#[bench::unknown_commercial(setup = unknown_commercial)]
fn next(case: &'static RoutingCase) {
    repeat(|| black_box(case).next());
}

library_benchmark_group!(name = routing_room, benchmarks = [plan, next]);
