//! The script of a seed: contacts, providers, messages, and everything that goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use jiff::civil::Time;
use relevo::inbound::{InboundDirectory, InboundSource};
use relevo::model::{
    Address, BrandId, Channel, ConsentAction, ContactAddress, ContactId, Content, ControlMode,
    FallbackPolicy, MessageClass, Phone, Preferences, Provider, ProviderName, QuietHours, Template,
    Timestamp, Topic, TopicScope, later,
};
use relevo::routing::{BrandPolicy, BrandSettings};

use crate::faults::{Fault, random_faults};
use crate::incoming_texts::{ScriptedText, TextSpelling};
use crate::suppressions::{self, SuppressionChange, Target};

/// When faults begin and the first message is sent: the night in which Madrid's clocks go forward.
pub fn start() -> Timestamp {
    "2026-03-29T00:15:00Z".parse().unwrap()
}

/// Messages are sent and faults happen for this long.
pub const FAULT_PERIOD: Duration = Duration::from_secs(2 * 3_600);

/// By this time after the start every message must have ended, when nobody sets the calendar. It is longer than the longest life of
/// the last message, the wait in doubt, and the longest fallback together.
const DEADLINE: Duration = Duration::from_secs(6 * 3_600);

/// How many hours a calendar that is wrong is ahead: enough for it to be doubted.
const WRONG_HOURS: i64 = 26;

/// The most calls that a provider may be given at once.
pub const SLOTS: u32 = 3;

/// The providers that know a repeated call.
const KNOWS_REPEATS: [&str; 3] = ["wa-1", "sms-2", "mail-1"];

/// Whether the provider with this name knows a repeated call.
pub fn knows_repeats(provider: &str) -> bool {
    KNOWS_REPEATS.contains(&provider)
}

/// For how long they know it.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(15 * 60);

/// The time-out of a call, in milliseconds.
pub const TIMEOUT_MS: u64 = 5_000;

/// Something that a caller, a contact or an operator does, or a crash of the gateway.
#[derive(Debug, Clone)]
pub enum ScriptAction {
    Send(Box<MessageDraft>),
    Cancel {
        brand: BrandId,
        nth: usize,
    },
    Consent {
        brand: BrandId,
        contact: ContactId,
        action: ConsentAction,
        channel: Channel,
        scope: TopicScope,
        /// How far the time that it claims is ahead of the gateway's.
        ahead: Duration,
    },
    /// A reason against an address is told, or reasons are lifted.
    Suppression {
        target: Target,
        change: SuppressionChange,
    },
    Delete {
        brand: BrandId,
        contact: ContactId,
    },
    /// A contact is deleted, and its id given to somebody else.
    Reuse {
        brand: BrandId,
        contact: ContactId,
        addresses: Vec<ContactAddress>,
    },
    Control {
        provider: ProviderName,
        mode: ControlMode,
        expire_at: Option<Timestamp>,
    },
    Text(ScriptedText),
    /// Somebody sets the calendar of the machine.
    SetCalendar {
        by: SignedDuration,
    },
    Crash,
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct MessageDraft {
    pub brand: BrandId,
    pub contact: ContactId,
    pub class: MessageClass,
    pub topic: Topic,
    pub content: Content,
    pub idempotency_key: Option<String>,
    pub send_at: Timestamp,
    pub expire_at: Timestamp,
    pub channels: Vec<Channel>,
    pub fallback: FallbackPolicy,
}

/// A contact of the script.
#[derive(Debug, Clone)]
pub struct ScriptedContact {
    pub brand: BrandId,
    pub id: ContactId,
    pub addresses: Vec<ContactAddress>,
    pub preferences: Preferences,
    pub grants: Vec<(ConsentAction, Channel, TopicScope)>,
}

/// Everything that a seed decides before it runs.
pub struct Script {
    pub providers: Vec<Provider>,
    pub contacts: Vec<ScriptedContact>,
    pub faults: Vec<Fault>,
    pub actions: Vec<(Timestamp, ScriptAction)>,
    /// Addresses that providers refuse because they do not exist.
    pub bad_addresses: Vec<Address>,
    /// Whether somebody looks for messages that wait and could go, which takes long.
    pub watches_idle_ways: bool,
}

/// The calling codes of the contacts' numbers. Mexico's have two spellings.
pub const COUNTRIES: [&str; 3] = ["52", "34", "44"];

pub fn brands() -> [BrandId; 3] {
    ["acme", "beta", "gamma"].map(|name| name.parse().unwrap())
}

pub fn random_time(rng: &mut Rng) -> Timestamp {
    later(start(), Duration::from_millis(rng.u64(0..FAULT_PERIOD.as_millis() as u64)))
}

pub fn choose<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(0..from.len())].clone()
}

fn random_channels(rng: &mut Rng, most: usize) -> Vec<Channel> {
    let mut channels = Channel::ALL.to_vec();
    rng.shuffle(&mut channels);
    channels.truncate(rng.usize(0..=most));
    channels
}

impl Script {
    pub fn new(rng: &mut Rng) -> Self {
        let providers = random_providers(rng);
        let contacts: Vec<ScriptedContact> = (0..9).map(|index| random_contact(rng, index)).collect();
        let faults = random_faults(rng, &providers);
        let mut actions: Vec<(Timestamp, ScriptAction)> = Vec::new();
        for nth in 0..rng.usize(10..40) {
            let at = random_time(rng);
            let draft = random_draft(rng, &contacts, at, nth);
            // A caller that got no answer sends again, under the same idempotency key if there is one.
            if rng.u8(0..4) == 0 {
                actions.push((
                    later(at, Duration::from_secs(rng.u64(0..600))),
                    ScriptAction::Send(Box::new(draft.clone())),
                ));
            }
            actions.push((at, ScriptAction::Send(Box::new(draft))));
        }
        for nth in 0..rng.usize(0..30) {
            let action = random_action(rng, &contacts, &providers, nth);
            // A provider that got no answer delivers the text again.
            if matches!(action, ScriptAction::Text(_)) && rng.bool() {
                actions.push((random_time(rng), action.clone()));
            }
            actions.push((random_time(rng), action));
        }
        actions.extend(suppressions::random_dispute(rng, &contacts, &providers));
        let calendar = random_calendar(rng);
        for (nth, (granted_at, revoked_at)) in random_withdrawal_times(rng, &calendar).into_iter().enumerate()
        {
            actions.extend(random_withdrawal(rng, &contacts, granted_at, revoked_at, 1_000 + nth));
        }
        actions.extend(calendar);
        actions.sort_by_key(|(at, _)| *at);
        let addresses: Vec<Address> = contacts
            .iter()
            .flat_map(|contact| &contact.addresses)
            .map(|entry| entry.address.clone())
            .collect();
        let bad_addresses = (0..rng.usize(0..3)).map(|_| choose(rng, &addresses)).collect();
        let watches_idle_ways = rng.u8(0..4) == 0;
        Self { providers, contacts, faults, actions, bad_addresses, watches_idle_ways }
    }
}

impl Script {
    /// By this time every message must have ended: later by as much as the calendar is set back.
    pub fn deadline(&self) -> Timestamp {
        let set_back = self.actions.iter().filter_map(|(_, action)| match action {
            ScriptAction::SetCalendar { by } if by.is_negative() => Some(by.unsigned_abs()),
            _ => None,
        });
        later(start(), DEADLINE + set_back.sum())
    }
}

fn random_providers(rng: &mut Rng) -> Vec<Provider> {
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
        user_ids_of: None,
        repeat_window: knows_repeats(name).then_some(REPEAT_WINDOW),
    };
    specs.map(provider).to_vec()
}

fn random_contact(rng: &mut Rng, index: usize) -> ScriptedContact {
    // The brands have contacts with the same ids, at different addresses.
    let brand = brands()[index % 3].clone();
    let id = format!("contact-{}", index / 3).parse().unwrap();
    let number = match index / 3 % 3 {
        0 => format!("+52551234{index:04}"),
        1 => format!("+3460012{index:04}"),
        _ => format!("+447400{index:06}"),
    };
    let phone = Address::Phone(Phone::parse(&number, None).unwrap());
    let all = [
        Address::Email(format!("First.Person{index}@example.com").parse().unwrap()),
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
        end: choose(rng, &[time("02:30:00"), time("04:00:00"), time("08:00:00")]),
        include_transactional: rng.bool(),
    });
    let preferences = Preferences {
        channel_order: random_channels(rng, 3),
        excluded_channels: random_channels(rng, 1),
        quiet_hours,
        time_zone: rng.bool().then(|| "Europe/Madrid".to_owned()),
        ..Preferences::default()
    };
    let grants = (0..rng.usize(0..8)).map(|_| random_consent(rng)).collect();
    ScriptedContact { brand, id, addresses, preferences, grants }
}

fn random_consent(rng: &mut Rng) -> (ConsentAction, Channel, TopicScope) {
    let action = if rng.u8(0..3) == 0 { ConsentAction::Revoke } else { ConsentAction::Grant };
    let scope = choose(rng, &["*", "offers", "offers.shoes"]).parse().unwrap();
    (action, choose(rng, &Channel::ALL), scope)
}

pub fn random_draft(rng: &mut Rng, contacts: &[ScriptedContact], at: Timestamp, nth: usize) -> MessageDraft {
    let contact = choose(rng, contacts);
    let seconds = |rng: &mut Rng, from, to| Duration::from_secs(rng.u64(from..to));
    let fallback = FallbackPolicy {
        on_failed: rng.bool(),
        undelivered_after: (rng.u8(0..4) == 0).then(|| seconds(rng, 10, 900)),
        unread_after: (rng.u8(0..6) == 0).then(|| seconds(rng, 10, 1_800)),
    };
    let template = Template { name: "note".into(), language: "en".into(), ..Template::default() };
    MessageDraft {
        brand: contact.brand,
        contact: contact.id,
        class: if rng.bool() { MessageClass::Commercial } else { MessageClass::Transactional },
        topic: choose(rng, &["orders", "offers", "offers.shoes"]).parse().unwrap(),
        content: Content {
            text: Some(format!("message {nth}")),
            subject: rng.bool().then(|| "Hello".to_owned()),
            template: rng.bool().then_some(template),
            ..Content::default()
        },
        idempotency_key: rng.bool().then(|| format!("key-{nth}")),
        send_at: if rng.u8(0..4) == 0 { later(at, seconds(rng, 1, 1_800)) } else { at },
        expire_at: later(at, seconds(rng, 1_801, 7_200)),
        channels: if rng.u8(0..4) == 0 { random_channels(rng, 3) } else { vec![] },
        fallback,
    }
}

fn random_action(
    rng: &mut Rng,
    contacts: &[ScriptedContact],
    providers: &[Provider],
    nth: usize,
) -> ScriptAction {
    let contact = choose(rng, contacts);
    let brand = contact.brand.clone();
    match rng.u8(0..11) {
        0 | 1 => ScriptAction::Cancel { brand, nth: rng.usize(0..40) },
        2 | 3 => {
            let (_, channel, scope) = random_consent(rng);
            let action = if rng.u8(0..4) == 0 { ConsentAction::Grant } else { ConsentAction::Revoke };
            let ahead = Duration::ZERO;
            ScriptAction::Consent { brand, contact: contact.id, action, channel, scope, ahead }
        }
        4 if let Some(target) = suppressions::random_target(rng, &contact) => {
            ScriptAction::Suppression { target, change: suppressions::random_change(rng) }
        }
        5 if rng.u8(0..4) == 0 => ScriptAction::Delete { brand, contact: contact.id },
        5 if rng.bool() => {
            // Somebody with other addresses, of whom nobody else has one.
            let addresses = random_contact(rng, 1_000 + nth).addresses;
            ScriptAction::Reuse { brand, contact: contact.id, addresses }
        }
        6 => {
            let mode =
                choose(rng, &[ControlMode::OutOfService, ControlMode::Draining, ControlMode::InService]);
            let expire_at = rng.bool().then(|| later(start(), Duration::from_secs(rng.u64(600..7_200))));
            ScriptAction::Control { provider: choose(rng, providers).name, mode, expire_at }
        }
        7..=9 if !contact.addresses.is_empty() => {
            let from = choose(rng, &contact.addresses).address;
            let possible: Vec<Provider> =
                providers.iter().filter(|provider| provider.channel.delivers_to(&from)).cloned().collect();
            let text = choose(rng, &["Stop.", "STOP", "start", "thank you"]).to_owned();
            let to = (rng.u8(0..4) > 0).then_some(brand);
            ScriptAction::Text(ScriptedText {
                provider: choose(rng, &possible),
                id: format!("text-{nth}"),
                from,
                spelling: TextSpelling::random(rng),
                to,
                text,
            })
        }
        _ => ScriptAction::Crash,
    }
}

/// When people agree and take it back within a minute: at any time, and before and after the calendar is set back.
fn random_withdrawal_times(
    rng: &mut Rng,
    calendar: &[(Timestamp, ScriptAction)],
) -> Vec<(Timestamp, Timestamp)> {
    let mut within_a_minute = |from: Timestamp| later(from, Duration::from_millis(rng.u64(0..60_000)));
    let mut times = Vec::new();
    for (set_at, action) in calendar {
        if matches!(action, ScriptAction::SetCalendar { by } if by.is_negative()) {
            let granted_at = within_a_minute(*set_at - SignedDuration::from_mins(1));
            times.push((granted_at, within_a_minute(*set_at)));
        }
    }
    for _ in 0..2 {
        let granted_at = random_time(rng);
        let revoked_at = later(granted_at, Duration::from_millis(rng.u64(0..60_000)));
        times.push((granted_at, revoked_at));
    }
    times
}

/// Somebody agrees, by a clock that is ahead by up to a minute, as much as the API lets pass; takes that back, or everything; and
/// is not to get the commercial message that is sent then.
fn random_withdrawal(
    rng: &mut Rng,
    contacts: &[ScriptedContact],
    granted_at: Timestamp,
    revoked_at: Timestamp,
    nth: usize,
) -> [(Timestamp, ScriptAction); 3] {
    let contact = choose(rng, contacts);
    let (_, channel, scope) = random_consent(rng);
    let revoked = if rng.bool() { scope.clone() } else { TopicScope::All };
    let said = |action, scope, ahead| {
        let (brand, contact) = (contact.brand.clone(), contact.id.clone());
        ScriptAction::Consent { brand, contact, action, channel, scope, ahead }
    };
    let ahead = Duration::from_secs(rng.u64(1..=60));
    let draft = MessageDraft {
        class: MessageClass::Commercial,
        topic: "offers.shoes".parse().unwrap(),
        channels: vec![channel],
        ..random_draft(rng, std::slice::from_ref(&contact), revoked_at, nth)
    };
    [
        (granted_at, said(ConsentAction::Grant, scope, ahead)),
        (revoked_at, said(ConsentAction::Revoke, revoked, Duration::ZERO)),
        (revoked_at, ScriptAction::Send(Box::new(draft))),
    ]
}

/// In half of the seeds nobody sets the calendar. In the others it is put an hour forward or back, or goes wrong by more than a day
/// and is set right after a while.
fn random_calendar(rng: &mut Rng) -> Vec<(Timestamp, ScriptAction)> {
    let set = |at, hours| (at, ScriptAction::SetCalendar { by: SignedDuration::from_hours(hours) });
    let at = random_time(rng);
    match rng.u8(0..8) {
        0 => vec![set(at, 1)],
        1 => vec![set(at, -1)],
        2 => vec![set(at, WRONG_HOURS), set(later(at, Duration::from_secs(rng.u64(1..2_400))), -WRONG_HOURS)],
        3 => vec![set(at, -WRONG_HOURS), set(later(at, Duration::from_secs(rng.u64(1..2_400))), WRONG_HOURS)],
        _ => vec![],
    }
}

/// The policy of each brand.
pub fn policies() -> relevo::dispatch::BrandPolicies {
    let policy = |brand: BrandId| {
        let settings = BrandSettings {
            channels: vec![Channel::Whatsapp, Channel::Sms, Channel::Email, Channel::Telegram],
            senders: Channel::ALL.map(|channel| (channel, sender(&brand))).into(),
            ..BrandSettings::default()
        };
        (brand, BrandPolicy::try_new(&settings).unwrap())
    };
    BTreeMap::from(brands().map(policy))
}

/// The sender of a brand, to which its contacts write.
pub fn sender(brand: &BrandId) -> String {
    format!("{brand}-sender")
}

/// The directory by which texts find their brand.
pub fn inbound_directory(providers: &[Provider]) -> InboundDirectory {
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
