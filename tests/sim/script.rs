//! What a seed brings: people, providers, messages, and everything that goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::civil::Time;
use relevo::inbound::{InboundDirectory, InboundSource};
use relevo::model::{
    Address, BrandId, Channel, Class, ConsentAction, ContactAddress, ContactId, Content, ControlMode,
    FallbackPolicy, Phone, Preferences, Provider, ProviderName, QuietHours, Template, Timestamp, Topic,
    TopicScope, later,
};
use relevo::routing::{BrandPolicy, BrandSettings};

/// When faults begin and the first message is sent: the night in which Madrid's clocks go forward.
pub fn start() -> Timestamp {
    "2026-03-29T00:15:00Z".parse().unwrap()
}

/// Messages are sent and faults happen for this long.
pub const TROUBLE: Duration = Duration::from_secs(2 * 3_600);

/// By this time after the start every message must have ended: the longest a message may live after the last is sent,
/// the wait in doubt, and the longest fallback.
pub const END: Duration = Duration::from_secs(6 * 3_600);

/// Calls that a provider takes at once.
pub const SLOTS: u32 = 3;

pub const TIMEOUT_MS: u64 = 5_000;

/// Something wrong with a provider for a while.
#[derive(Debug, Clone)]
pub struct Fault {
    pub domain: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// Refuses at once.
    Refuse,
    /// Never answers, and takes nothing.
    Hang,
    /// Takes the message, and the answer is lost.
    LoseReply,
    /// Says that we are too fast.
    Throttle,
    /// Says that our credentials are wrong.
    Misconfigure,
}

/// Something somebody does.
#[derive(Debug, Clone)]
pub enum Deed {
    Send(Box<Draft>),
    Cancel { brand: BrandId, nth: usize },
    Consent { brand: BrandId, contact: ContactId, action: ConsentAction, channel: Channel, scope: TopicScope },
    Suppress { brand: BrandId, channel: Channel, address: Address },
    Delete { brand: BrandId, contact: ContactId },
    Control { provider: ProviderName, mode: ControlMode, expire_at: Option<Timestamp> },
    Write(Writing),
    Crash,
}

/// A text that somebody writes, as its provider tells of it.
#[derive(Debug, Clone)]
pub struct Writing {
    pub provider: Provider,
    pub id: String,
    pub from: Address,
    /// The brand whose sender it was written to; `None` when the provider does not say.
    pub to: Option<BrandId>,
    pub text: String,
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Draft {
    pub brand: BrandId,
    pub contact: ContactId,
    pub class: Class,
    pub topic: Topic,
    pub content: Content,
    pub idempotency_key: Option<String>,
    pub send_at: Timestamp,
    pub expire_at: Timestamp,
    pub channels: Vec<Channel>,
    pub fallback: FallbackPolicy,
}

/// A person of the script.
#[derive(Debug, Clone)]
pub struct Somebody {
    pub brand: BrandId,
    pub id: ContactId,
    pub addresses: Vec<ContactAddress>,
    pub preferences: Preferences,
    pub grants: Vec<(ConsentAction, Channel, TopicScope)>,
}

/// Everything a seed brings.
pub struct Script {
    pub providers: Vec<Provider>,
    pub people: Vec<Somebody>,
    pub faults: Vec<Fault>,
    pub deeds: Vec<(Timestamp, Deed)>,
    /// Addresses that providers say do not exist.
    pub bad: Vec<Address>,
}

pub fn brands() -> [BrandId; 2] {
    ["acme".parse().unwrap(), "beta".parse().unwrap()]
}

fn moment(rng: &mut Rng) -> Timestamp {
    later(start(), Duration::from_millis(rng.u64(0..TROUBLE.as_millis() as u64)))
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(0..from.len())].clone()
}

fn some_channels(rng: &mut Rng, most: usize) -> Vec<Channel> {
    let mut channels = Channel::ALL.to_vec();
    rng.shuffle(&mut channels);
    channels.truncate(rng.usize(0..=most));
    channels
}

impl Script {
    pub fn new(rng: &mut Rng) -> Self {
        let providers = providers(rng);
        let people: Vec<Somebody> = (0..8).map(|index| somebody(rng, index)).collect();
        let faults = faults(rng, &providers);
        let mut deeds: Vec<(Timestamp, Deed)> = Vec::new();
        for nth in 0..rng.usize(10..40) {
            let at = moment(rng);
            let draft = draft(rng, &people, at, nth);
            // A caller that got no answer asks again.
            if rng.u8(0..4) == 0 {
                deeds.push((
                    later(at, Duration::from_secs(rng.u64(0..600))),
                    Deed::Send(Box::new(draft.clone())),
                ));
            }
            deeds.push((at, Deed::Send(Box::new(draft))));
        }
        for nth in 0..rng.usize(0..30) {
            let deed = deed(rng, &people, &providers, nth);
            // A provider that is not sure whether it was heard tells it again.
            if matches!(deed, Deed::Write(_)) && rng.bool() {
                deeds.push((moment(rng), deed.clone()));
            }
            deeds.push((moment(rng), deed));
        }
        deeds.sort_by_key(|(at, _)| *at);
        let addresses: Vec<Address> =
            people.iter().flat_map(|person| &person.addresses).map(|own| own.address.clone()).collect();
        let bad = (0..rng.usize(0..3)).map(|_| pick(rng, &addresses)).collect();
        Self { providers, people, faults, deeds, bad }
    }
}

fn providers(rng: &mut Rng) -> Vec<Provider> {
    let specs = [
        ("wa-1", Channel::Whatsapp, "meta"),
        ("wa-2", Channel::Whatsapp, "meta"),
        ("wa-3", Channel::Whatsapp, "twilio"),
        ("sms-1", Channel::Sms, "twilio"),
        ("sms-2", Channel::Sms, "carrier"),
        ("tg-1", Channel::Telegram, "telegram"),
        ("mail-1", Channel::Email, "mail"),
        ("mail-2", Channel::Email, "carrier"),
    ];
    let provider = |(name, channel, domain): (&str, Channel, &str)| Provider {
        name: name.parse().unwrap(),
        channel,
        kind: "scripted".into(),
        failure_domain: domain.into(),
        tier: rng.u32(1..3),
        weight: rng.u32(1..200),
        brands: if name == "mail-2" { vec![brands()[0].clone()] } else { vec![] },
        senders: BTreeMap::new(),
    };
    specs.map(provider).to_vec()
}

fn somebody(rng: &mut Rng, index: usize) -> Somebody {
    // Both brands know a person by the same id, at different addresses.
    let brand = brands()[index % 2].clone();
    let id = format!("person-{}", index / 2).parse().unwrap();
    let phone = Address::Phone(Phone::parse(&format!("+3460012{index:04}"), None).unwrap());
    let all = [
        Address::Email(format!("p{index}@example.com").parse().unwrap()),
        phone,
        Address::TelegramChat(1 + index as i64),
        Address::Email(format!("p{index}@example.org").parse().unwrap()),
    ];
    let mut addresses = Vec::new();
    for address in all {
        let wrote = rng.bool() && matches!(address, Address::Phone(_));
        if rng.u8(0..5) > 0 {
            addresses.push(ContactAddress {
                whatsapp_inbound_at: wrote.then(start),
                ..ContactAddress::new(address)
            });
        }
    }
    let time = |text: &str| text.parse::<Time>().unwrap();
    let quiet_hours = (rng.u8(0..3) == 0).then(|| QuietHours {
        start: time("22:00:00"),
        end: pick(rng, &[time("02:30:00"), time("04:00:00"), time("08:00:00")]),
        include_transactional: rng.bool(),
    });
    let preferences = Preferences {
        channel_order: some_channels(rng, 3),
        excluded_channels: some_channels(rng, 1),
        quiet_hours,
        time_zone: rng.bool().then(|| "Europe/Madrid".to_owned()),
        ..Preferences::default()
    };
    let grants = (0..rng.usize(0..8)).map(|_| consent(rng)).collect();
    Somebody { brand, id, addresses, preferences, grants }
}

fn consent(rng: &mut Rng) -> (ConsentAction, Channel, TopicScope) {
    let action = if rng.u8(0..3) == 0 { ConsentAction::Revoke } else { ConsentAction::Grant };
    let scope = pick(rng, &["*", "offers", "offers.shoes"]).parse().unwrap();
    (action, pick(rng, &Channel::ALL), scope)
}

fn faults(rng: &mut Rng, providers: &[Provider]) -> Vec<Fault> {
    let kinds = [
        FaultKind::Refuse,
        FaultKind::Hang,
        FaultKind::LoseReply,
        FaultKind::Throttle,
        FaultKind::Misconfigure,
    ];
    let mut faults: Vec<Fault> = (0..rng.usize(0..10))
        .map(|_| {
            let from = moment(rng);
            let until = later(from, Duration::from_secs(rng.u64(10..3_600)));
            let domain = pick(rng, providers).failure_domain;
            Fault { domain, from, until, kind: pick(rng, &kinds) }
        })
        .collect();
    // Now and then everything is down at once.
    if rng.u8(0..5) == 0 {
        let (from, kind) = (moment(rng), pick(rng, &kinds));
        let until = later(from, Duration::from_secs(1_800));
        let all = |domain: &str| Fault { domain: domain.to_owned(), from, until, kind };
        faults.extend(["meta", "twilio", "carrier", "telegram", "mail"].map(all));
    }
    faults
}

fn draft(rng: &mut Rng, people: &[Somebody], at: Timestamp, nth: usize) -> Draft {
    let person = pick(rng, people);
    let seconds = |rng: &mut Rng, from, to| Duration::from_secs(rng.u64(from..to));
    let fallback = FallbackPolicy {
        on_failed: rng.bool(),
        undelivered_after: (rng.u8(0..4) == 0).then(|| seconds(rng, 10, 900)),
        unread_after: (rng.u8(0..6) == 0).then(|| seconds(rng, 10, 1_800)),
    };
    let template = Template { name: "note".into(), language: "en".into(), ..Template::default() };
    Draft {
        brand: person.brand,
        contact: person.id,
        class: if rng.bool() { Class::Commercial } else { Class::Transactional },
        topic: pick(rng, &["orders", "offers", "offers.shoes"]).parse().unwrap(),
        content: Content {
            text: Some(format!("message {nth}")),
            subject: rng.bool().then(|| "Hello".to_owned()),
            template: rng.bool().then_some(template),
            ..Content::default()
        },
        idempotency_key: rng.bool().then(|| format!("key-{nth}")),
        send_at: if rng.u8(0..4) == 0 { later(at, seconds(rng, 1, 1_800)) } else { at },
        expire_at: later(at, seconds(rng, 1_801, 7_200)),
        channels: if rng.u8(0..4) == 0 { some_channels(rng, 3) } else { vec![] },
        fallback,
    }
}

fn deed(rng: &mut Rng, people: &[Somebody], providers: &[Provider], nth: usize) -> Deed {
    let person = pick(rng, people);
    let brand = person.brand;
    match rng.u8(0..11) {
        0 | 1 => Deed::Cancel { brand, nth: rng.usize(0..40) },
        2 | 3 => {
            let (_, channel, scope) = consent(rng);
            let action = if rng.u8(0..4) == 0 { ConsentAction::Grant } else { ConsentAction::Revoke };
            Deed::Consent { brand, contact: person.id, action, channel, scope }
        }
        4 if !person.addresses.is_empty() => {
            let address = pick(rng, &person.addresses).address;
            let channel =
                pick(rng, &Channel::ALL.into_iter().filter(|own| own.takes(&address)).collect::<Vec<_>>());
            Deed::Suppress { brand, channel, address }
        }
        5 if rng.u8(0..4) == 0 => Deed::Delete { brand, contact: person.id },
        6 => {
            let mode = pick(rng, &[ControlMode::OutOfService, ControlMode::Draining, ControlMode::InService]);
            let expire_at = rng.bool().then(|| later(start(), Duration::from_secs(rng.u64(600..7_200))));
            Deed::Control { provider: pick(rng, providers).name, mode, expire_at }
        }
        7..=9 if !person.addresses.is_empty() => {
            let from = pick(rng, &person.addresses).address;
            let those: Vec<Provider> =
                providers.iter().filter(|own| own.channel.takes(&from)).cloned().collect();
            let text = pick(rng, &["Stop.", "STOP", "start", "thank you"]).to_owned();
            let to = (rng.u8(0..4) > 0).then_some(brand);
            Deed::Write(Writing { provider: pick(rng, &those), id: format!("text-{nth}"), from, to, text })
        }
        _ => Deed::Crash,
    }
}

/// What brands configure.
pub fn policies() -> relevo::dispatch::BrandPolicies {
    let settings = BrandSettings {
        channels: vec![Channel::Whatsapp, Channel::Sms, Channel::Email, Channel::Telegram],
        ..BrandSettings::default()
    };
    let policy = BrandPolicy::try_new(&settings).unwrap();
    BTreeMap::from(brands().map(|brand| (brand, policy.clone())))
}

/// Where a brand's people write to.
pub fn sender(brand: &BrandId) -> String {
    format!("{brand}-sender")
}

/// How texts find their brand.
pub fn reach(providers: &[Provider]) -> InboundDirectory {
    let source = |provider: &Provider| {
        let brands = brands().into_iter().filter(|brand| provider.serves(brand));
        let brands = brands.map(|brand| (brand.clone(), Some(sender(&brand)))).collect();
        (provider.name.clone(), InboundSource { channel: provider.channel, brands })
    };
    let keywords = |(brand, policy): (BrandId, BrandPolicy)| (brand, policy.keywords);
    InboundDirectory {
        sources: providers.iter().map(source).collect(),
        keywords: policies().into_iter().map(keywords).collect(),
    }
}
