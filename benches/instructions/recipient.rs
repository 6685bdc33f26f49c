//! A recipient with a ledger of consents, as an ordinary brand has them.

use std::collections::BTreeMap;

use jiff::civil::time;

use relevo::model::{
    Address, Channel, ConsentAction, ConsentEntry, ConsentEvidence, Contact, ContactAddress,
    ContactIncarnation, Phone, Preferences, QuietHours, Recipient, Suppression, SuppressionReason, Timestamp,
    Topic, TopicPreference,
};

/// The time of the first entry. The others follow by seconds, since only their order matters.
const FIRST_ENTRY: i64 = 1_700_000_000;

/// The topic of the messages in every case.
pub fn topic() -> Topic {
    "offers.shoes".parse().expect("a topic")
}

/// Noon in Madrid, where the contact lives.
pub fn noon() -> Timestamp {
    "2026-06-01T10:00:00Z".parse().expect("a time")
}

/// The contact's phone number.
pub fn phone() -> Address {
    Address::Phone(Phone::from_e164("+34600123456").expect("a number"))
}

/// A recipient whose ledger has this many entries and ends with an opt-in to offers by `channel`.
pub fn recipient(channel: Channel, entries: usize) -> Recipient {
    let mut ledger: Vec<ConsentEntry> = (1..entries).map(earlier).collect();
    ledger.push(entry(entries, ConsentAction::Grant, channel, "offers"));
    let ledger = ledger.iter().collect();
    Recipient {
        contact: contact(),
        ledger,
        preferences: preferences(),
        suppressions: suppressions(),
        lifted_suppressions: Vec::new(),
    }
}

/// A recipient who opted in to everything by every channel.
pub fn opted_in_recipient() -> Recipient {
    let grant = |(index, channel)| entry(index + 1, ConsentAction::Grant, channel, "*");
    Recipient {
        ledger: Channel::ALL.into_iter().enumerate().map(grant).collect::<Vec<_>>().iter().collect(),
        ..recipient(Channel::Sms, 1)
    }
}

/// An entry of a ledger.
pub fn entry(sequence: usize, action: ConsentAction, channel: Channel, scope: &str) -> ConsentEntry {
    let second = FIRST_ENTRY + i64::try_from(sequence).expect("a short ledger");
    let time = Timestamp::from_second(second).expect("a time");
    ConsentEntry {
        sequence: sequence as u64,
        action,
        channel,
        scope: scope.parse().expect("a scope"),
        evidence: ConsentEvidence {
            source: "checkout".to_owned(),
            method: "web_form".to_owned(),
            wording: "Yes, send me offers and news. I may withdraw this at any time.".to_owned(),
            time,
            origin: "203.0.113.7".to_owned(),
            actor: "ana".to_owned(),
        },
        recorded_at: time,
        recorded_by: "k7d2m9".to_owned(),
    }
}

/// An earlier entry: opt-ins and opt-outs, channel by channel and topic by topic.
fn earlier(sequence: usize) -> ConsentEntry {
    let round = sequence / Channel::ALL.len();
    let action = if round.is_multiple_of(2) { ConsentAction::Grant } else { ConsentAction::Revoke };
    let channel = Channel::ALL[sequence % Channel::ALL.len()];
    let scope = ["offers", "news", "*"][round % 3];
    entry(sequence, action, channel, scope)
}

fn contact() -> Contact {
    let contact_address =
        |address| ContactAddress { whatsapp_inbound_at: Some(noon()), ..ContactAddress::new(address) };
    let email = Address::Email("ana@example.com".parse().expect("an address"));
    Contact {
        id: "ana".parse().expect("an id"),
        addresses: vec![
            contact_address(email),
            contact_address(phone()),
            contact_address(Address::TelegramChat(7_000_001)),
        ],
        labels: BTreeMap::new(),
        created_at: noon(),
        updated_at: noon(),
        incarnation: ContactIncarnation::default(),
        changes: 3,
    }
}

/// Quiet at night, in the contact's time zone, and one topic muted that is not the one in question.
fn preferences() -> Preferences {
    Preferences {
        topics: vec![TopicPreference {
            topic: "offers.hats".parse().expect("a topic"),
            muted: true,
            channel_order: Vec::new(),
        }],
        quiet_hours: Some(QuietHours {
            start: time(22, 0, 0, 0),
            end: time(8, 0, 0, 0),
            include_transactional: false,
        }),
        time_zone: Some("Europe/Madrid".to_owned()),
        language: Some("es".to_owned()),
        ..Preferences::default()
    }
}

/// An old mailbox that no longer exists.
fn suppressions() -> Vec<Suppression> {
    vec![Suppression {
        channel: Channel::Email,
        address: Address::Email("ana.old@example.com".parse().expect("an address")),
        reason: SuppressionReason::BadAddress,
        explanation: "550 5.1.1 no such user".to_owned(),
        created_at: noon(),
        last_reported_at: noon(),
        recorded_by: "mail".to_owned(),
    }]
}
