//! The people of the demonstration: where each can be reached, and what each agreed to and asked for.

use jiff::tz::TimeZone;

use crate::model::Timestamp;
use crate::wire::{timestamp, v1};
use v1::Channel::{Email, Sms, Telegram, Whatsapp};
use v1::ConsentAction::{Grant, Revoke};
use v1::address::Value;

/// A person.
pub(super) struct Person {
    /// The brand's id.
    pub id: &'static str,
    /// Who this is, in a few words.
    pub about: &'static str,
    /// Where the person can be reached.
    pub addresses: Vec<Value>,
    /// Whether the person wrote by WhatsApp an hour ago.
    pub wrote_by_whatsapp: bool,
    /// What was agreed to or taken back, in order.
    pub ledger: Vec<(v1::ConsentAction, v1::Channel, &'static str)>,
    /// What the person asked for.
    pub preferences: Option<v1::Preferences>,
    /// An address that must not be used, and why.
    pub suppressed: Option<(v1::Channel, Value, &'static str)>,
}

/// Everybody. `now` decides in whose country it is night.
pub(super) fn cast(now: Timestamp) -> Vec<Person> {
    vec![
        Person {
            addresses: vec![email("ana"), phone("600 100 001"), chat(1001)],
            wrote_by_whatsapp: true,
            ledger: vec![(Grant, Whatsapp, "*"), (Grant, Email, "*"), (Grant, Telegram, "*")],
            ..person("ana", "opted in to everything, and wrote by WhatsApp an hour ago")
        },
        Person {
            addresses: vec![phone("600 100 002"), chat(1002)],
            wrote_by_whatsapp: true,
            ledger: vec![(Grant, Whatsapp, "offers"), (Grant, Telegram, "*")],
            ..person("bruno", "offers by WhatsApp, everything by Telegram")
        },
        Person {
            addresses: vec![email("carla"), phone("600 100 003")],
            ..person("carla", "opted in to nothing; outside WhatsApp's 24 hours, so templates only")
        },
        Person {
            addresses: vec![email("dario"), phone("600 100 004")],
            ledger: vec![(Grant, Email, "*"), (Revoke, Email, "*")],
            ..person("dario", "opted in by email, and took it back")
        },
        Person {
            addresses: vec![email("elena"), chat(1005)],
            ledger: vec![(Grant, Email, "newsletter"), (Grant, Telegram, "*")],
            preferences: Some(v1::Preferences {
                channel_order: vec![Telegram.into()],
                ..v1::Preferences::default()
            }),
            ..person("elena", "prefers Telegram")
        },
        Person {
            addresses: vec![phone("600 100 006")],
            preferences: Some(excluding(&[Sms])),
            ..person("farid", "WhatsApp only: has one number, and wants no SMS")
        },
        Person {
            addresses: vec![email("greta"), phone("600 100 007")],
            ledger: vec![(Grant, Email, "offers")],
            preferences: Some(excluding(&[Whatsapp])),
            ..person("greta", "wants no WhatsApp; offers by email")
        },
        Person {
            addresses: vec![email("hugo"), phone("600 100 008")],
            ledger: vec![(Grant, Email, "*"), (Grant, Whatsapp, "*")],
            preferences: Some(muting("newsletter")),
            ..person("hugo", "opted in to everything but muted the newsletter; has not written by WhatsApp")
        },
        Person {
            addresses: vec![email("ines"), phone("600 100 009")],
            ledger: vec![(Grant, Email, "newsletter")],
            preferences: Some(asleep(night_zone(now))),
            ..person("ines", "where it is night; her quiet hours are 22:00 to 08:00")
        },
        Person {
            addresses: vec![email("jonas")],
            ledger: vec![(Grant, Email, "*")],
            suppressed: Some((Email, email("jonas"), "complaint")),
            ..person("jonas", "reported a mail as spam: his only address is suppressed")
        },
        Person {
            addresses: vec![phone("600 100 011"), chat(1011)],
            wrote_by_whatsapp: true,
            ledger: vec![(Grant, Whatsapp, "offers"), (Grant, Telegram, "newsletter")],
            ..person("kira", "offers by WhatsApp, the newsletter by Telegram")
        },
        Person {
            addresses: vec![email("liam"), phone("600 100 012")],
            ledger: vec![(Grant, Email, "*")],
            preferences: Some(orders_by_sms()),
            ..person("liam", "wants order news by SMS, the rest by email")
        },
    ]
}

fn person(id: &'static str, about: &'static str) -> Person {
    Person {
        id,
        about,
        addresses: Vec::new(),
        wrote_by_whatsapp: false,
        ledger: Vec::new(),
        preferences: None,
        suppressed: None,
    }
}

impl Person {
    /// The contact to create.
    pub(super) fn contact(&self, now: Timestamp) -> v1::Contact {
        let hour = jiff::SignedDuration::from_hours(1);
        let wrote = now.saturating_sub(hour).unwrap_or(now);
        let addresses = self.addresses.iter().cloned().map(|value| v1::ContactAddress {
            whatsapp_inbound_time: (self.wrote_by_whatsapp && matches!(value, Value::Phone(_)))
                .then(|| timestamp(wrote)),
            address: Some(v1::Address { value: Some(value) }),
            ..v1::ContactAddress::default()
        });
        v1::Contact {
            contact_id: self.id.to_owned(),
            addresses: addresses.collect(),
            ..v1::Contact::default()
        }
    }
}

fn email(name: &str) -> Value {
    Value::Email(format!("{name}@example.com"))
}

/// A number as people write it; the gateway reads it with the brand's default country.
fn phone(number: &str) -> Value {
    Value::Phone(number.to_owned())
}

fn chat(id: i64) -> Value {
    Value::TelegramChatId(id)
}

fn excluding(channels: &[v1::Channel]) -> v1::Preferences {
    let excluded_channels = channels.iter().map(|own| (*own).into()).collect();
    v1::Preferences { excluded_channels, ..v1::Preferences::default() }
}

fn muting(topic: &str) -> v1::Preferences {
    let topic =
        v1::TopicPreference { topic: topic.to_owned(), muted: true, ..v1::TopicPreference::default() };
    v1::Preferences { topics: vec![topic], ..v1::Preferences::default() }
}

fn orders_by_sms() -> v1::Preferences {
    let topic = v1::TopicPreference {
        topic: "orders".to_owned(),
        channel_order: vec![Sms.into()],
        ..v1::TopicPreference::default()
    };
    v1::Preferences { topics: vec![topic], channel_order: vec![Email.into()], ..v1::Preferences::default() }
}

fn asleep(zone: &str) -> v1::Preferences {
    let quiet_hours =
        v1::QuietHours { start: "22:00".to_owned(), end: "08:00".to_owned(), include_transactional: false };
    v1::Preferences {
        quiet_hours: Some(quiet_hours),
        time_zone: zone.to_owned(),
        ..v1::Preferences::default()
    }
}

/// Round the world in steps shorter than a night.
const ZONES: [&str; 5] =
    ["Europe/Madrid", "America/New_York", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Auckland"];

/// A time zone in which it is between 22:00 and 07:00, whenever this is.
fn night_zone(now: Timestamp) -> &'static str {
    let night = |name: &&str| {
        let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
        !(7..22).contains(&now.to_zoned(zone).hour())
    };
    ZONES.into_iter().find(night).unwrap_or(ZONES[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::later;

    #[test]
    fn it_is_always_night_somewhere() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for hour in 0..366 * 24 {
            let now = later(start, std::time::Duration::from_secs(hour * 3_600));
            let zone = TimeZone::get(night_zone(now)).unwrap();
            let local = now.to_zoned(zone).hour();
            assert!(!(7..22).contains(&local), "{now}: {local}:00 in {}", night_zone(now));
        }
    }
}
