//! The contacts of the demonstration: their addresses, consents and preferences.

use jiff::tz::TimeZone;

use crate::model::Timestamp;
use crate::wire::{timestamp, v1};
use v1::Channel::{Email, Sms, Telegram, Whatsapp};
use v1::ConsentAction::{Grant, Revoke};
use v1::address::Value;

/// A contact as the shop creates it.
pub(super) struct DemoContact {
    /// The brand's id of it.
    pub id: &'static str,
    /// Who this is, in a few words.
    pub description: &'static str,
    /// Where the contact can be reached.
    pub addresses: Vec<Value>,
    /// Whether the contact wrote by WhatsApp an hour ago.
    pub wrote_by_whatsapp: bool,
    /// The grants and revocations in order, each with its channel and topic.
    pub consents: Vec<(v1::ConsentAction, v1::Channel, &'static str)>,
    /// The contact's preferences, where there are any.
    pub preferences: Option<v1::Preferences>,
    /// An address that is suppressed on a channel, and the reason.
    pub suppression: Option<(v1::Channel, Value, &'static str)>,
}

/// All contacts. `now` decides which time zone the one with quiet hours lives in, so that they always apply.
pub(super) fn demo_contacts(now: Timestamp) -> Vec<DemoContact> {
    vec![
        DemoContact {
            addresses: vec![email("ana"), phone("600 100 001"), telegram(1001)],
            wrote_by_whatsapp: true,
            consents: vec![(Grant, Whatsapp, "*"), (Grant, Email, "*"), (Grant, Telegram, "*")],
            ..contact("ana", "opted in to everything, and wrote by WhatsApp an hour ago")
        },
        DemoContact {
            addresses: vec![phone("600 100 002"), telegram(1002)],
            wrote_by_whatsapp: true,
            consents: vec![(Grant, Whatsapp, "offers"), (Grant, Telegram, "*")],
            ..contact("bruno", "offers by WhatsApp, everything by Telegram")
        },
        DemoContact {
            addresses: vec![email("carla"), phone("600 100 003")],
            ..contact("carla", "opted in to nothing; outside WhatsApp's 24 hours, so templates only")
        },
        DemoContact {
            addresses: vec![email("dario"), phone("600 100 004")],
            consents: vec![(Grant, Email, "*"), (Revoke, Email, "*")],
            ..contact("dario", "opted in by email, and took it back")
        },
        DemoContact {
            addresses: vec![email("elena"), telegram(1005)],
            consents: vec![(Grant, Email, "newsletter"), (Grant, Telegram, "*")],
            preferences: Some(v1::Preferences {
                channel_order: vec![Telegram.into()],
                ..v1::Preferences::default()
            }),
            ..contact("elena", "prefers Telegram")
        },
        DemoContact {
            addresses: vec![phone("600 100 006")],
            preferences: Some(excluding(&[Sms])),
            ..contact("farid", "WhatsApp only: has one number, and wants no SMS")
        },
        DemoContact {
            addresses: vec![email("greta"), phone("600 100 007")],
            consents: vec![(Grant, Email, "offers")],
            preferences: Some(excluding(&[Whatsapp])),
            ..contact("greta", "wants no WhatsApp; offers by email")
        },
        DemoContact {
            addresses: vec![email("hugo"), phone("600 100 008")],
            consents: vec![(Grant, Email, "*"), (Grant, Whatsapp, "*")],
            preferences: Some(muting("newsletter")),
            ..contact("hugo", "opted in to everything but muted the newsletter; has not written by WhatsApp")
        },
        DemoContact {
            addresses: vec![email("ines"), phone("600 100 009")],
            consents: vec![(Grant, Email, "newsletter")],
            preferences: Some(quiet_at_night(night_zone(now))),
            ..contact("ines", "where it is night; her quiet hours are 22:00 to 08:00")
        },
        DemoContact {
            addresses: vec![email("jonas")],
            consents: vec![(Grant, Email, "*")],
            suppression: Some((Email, email("jonas"), "complaint")),
            ..contact("jonas", "reported a mail as spam: his only address is suppressed")
        },
        DemoContact {
            addresses: vec![phone("600 100 011"), telegram(1011)],
            wrote_by_whatsapp: true,
            consents: vec![(Grant, Whatsapp, "offers"), (Grant, Telegram, "newsletter")],
            ..contact("kira", "offers by WhatsApp, the newsletter by Telegram")
        },
        DemoContact {
            addresses: vec![email("liam"), phone("600 100 012")],
            consents: vec![(Grant, Email, "*")],
            preferences: Some(orders_by_sms()),
            ..contact("liam", "wants order news by SMS, the rest by email")
        },
    ]
}

fn contact(id: &'static str, description: &'static str) -> DemoContact {
    DemoContact {
        id,
        description,
        addresses: Vec::new(),
        wrote_by_whatsapp: false,
        consents: Vec::new(),
        preferences: None,
        suppression: None,
    }
}

impl DemoContact {
    /// The contact as the API takes it.
    pub(super) fn to_wire(&self, now: Timestamp) -> v1::Contact {
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

fn telegram(id: i64) -> Value {
    Value::TelegramChatId(id)
}

fn excluding(channels: &[v1::Channel]) -> v1::Preferences {
    let excluded_channels = channels.iter().map(|channel| (*channel).into()).collect();
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

fn quiet_at_night(zone: &str) -> v1::Preferences {
    let quiet_hours =
        v1::QuietHours { start: "22:00".to_owned(), end: "08:00".to_owned(), include_transactional: false };
    v1::Preferences {
        quiet_hours: Some(quiet_hours),
        time_zone: zone.to_owned(),
        ..v1::Preferences::default()
    }
}

/// Time zones around the world, in steps shorter than a night.
const ZONES: [&str; 5] =
    ["Europe/Madrid", "America/New_York", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Auckland"];

/// A time zone in which the local time is between 22:00 and 07:00 at `now`.
fn night_zone(now: Timestamp) -> &'static str {
    let is_night = |name: &&str| {
        let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
        !(7..22).contains(&now.to_zoned(zone).hour())
    };
    ZONES.into_iter().find(is_night).unwrap_or(ZONES[0])
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
