//! What goes wrong with providers: of a whole failure domain, or of what one sender sends or one country gets there.

use std::time::Duration;

use fastrand::Rng;
use relevo::adapters::Envelope;
use relevo::model::{Address, BrandId, Provider, Timestamp, later};

use crate::script;

/// A fault of all providers of a failure domain, for a while.
#[derive(Debug, Clone)]
pub struct Fault {
    pub domain: String,
    pub scope: FaultScope,
    pub from: Timestamp,
    pub until: Timestamp,
    pub kind: FaultKind,
}

/// Which calls a fault is of.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultScope {
    /// All.
    All,
    /// Those by the sender of a brand.
    Sender(BrandId),
    /// Those to numbers that begin so.
    Country(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// Refuses at once.
    Refuse,
    /// Never answers, and does not accept the message.
    Hang,
    /// Accepts the message, and the answer is lost.
    LoseReply,
    /// Asks for a pause.
    Throttle,
    /// Refuses the credentials.
    Misconfigure,
    /// Answers after seconds.
    Slow,
    /// Accepts every message, and reports on none.
    Silent,
    /// Bears so many calls a minute, and asks for a pause beyond them, which it tells how long or not.
    Limited {
        /// How many.
        per_minute: usize,
        /// Whether it tells how long.
        tells: bool,
    },
    /// Refuses a part of the calls, in percent.
    HalfBroken {
        /// How large a part.
        percent: u8,
    },
    /// Refuses messages for reasons that are none of theirs.
    MistakenRefusal,
    /// Says that it did not take what it took.
    TakenAndDenied,
    /// Takes one call for two.
    TakenTwice,
}

impl FaultKind {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hang => "hang",
            Self::LoseReply => "lose reply",
            Self::Throttle => "throttle",
            Self::Misconfigure => "misconfigure",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Limited { .. } => "limited",
            Self::HalfBroken { .. } => "half broken",
            Self::MistakenRefusal => "mistaken refusal",
            Self::TakenAndDenied => "taken and denied",
            Self::TakenTwice => "taken twice",
        }
    }
}

impl FaultScope {
    /// Whether it covers a call.
    pub fn covers(&self, envelope: &Envelope) -> bool {
        match self {
            Self::All => true,
            Self::Sender(brand) => envelope.brand == *brand,
            Self::Country(code) => match &envelope.address {
                Address::Phone(phone) => phone.digits().starts_with(code),
                _ => false,
            },
        }
    }
}

const DOMAINS: [&str; 5] = ["meta", "twilio", "carrier", "telegram", "mail"];

fn random_kind(rng: &mut Rng) -> FaultKind {
    match rng.u8(0..12) {
        0 => FaultKind::Refuse,
        1 => FaultKind::Hang,
        2 => FaultKind::LoseReply,
        3 => FaultKind::Throttle,
        4 => FaultKind::Misconfigure,
        5 => FaultKind::Slow,
        6 => FaultKind::Silent,
        7 => FaultKind::Limited { per_minute: rng.usize(2..30), tells: rng.bool() },
        8 => FaultKind::HalfBroken { percent: rng.u8(10..60) },
        9 => FaultKind::MistakenRefusal,
        10 => FaultKind::TakenAndDenied,
        _ => FaultKind::TakenTwice,
    }
}

pub fn random_faults(rng: &mut Rng, providers: &[Provider]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = (0..rng.usize(0..12))
        .map(|_| {
            let from = script::random_time(rng);
            let until = later(from, Duration::from_secs(rng.u64(10..3_600)));
            let domain = script::choose(rng, providers).failure_domain;
            let scope = match rng.u8(0..4) {
                0 => FaultScope::Sender(script::choose(rng, &script::brands())),
                1 => FaultScope::Country(script::choose(rng, &script::COUNTRIES)),
                _ => FaultScope::All,
            };
            Fault { domain, scope, from, until, kind: random_kind(rng) }
        })
        .collect();
    // In one seed of five everything is down at once for half an hour.
    if rng.u8(0..5) == 0 {
        let (from, kind) = (script::random_time(rng), random_kind(rng));
        let until = later(from, Duration::from_secs(1_800));
        let all =
            |domain: &str| Fault { domain: domain.to_owned(), scope: FaultScope::All, from, until, kind };
        faults.extend(DOMAINS.map(all));
    }
    faults
}
