//! The gateway's own store, opened in this process while no gateway runs on it: to fill it with millions of contacts and
//! messages, and to send years of messages through it in a minute. The only place here that knows the library's inside.

use std::path::Path;
use std::time::Duration;

use relevo::model::{
    Address, BrandId, Channel, ContactIncarnation, Content, FallbackPolicy, Labels, Message, MessageClass,
    MessageId, Phone, Timestamp,
};
use relevo::store::embedded::sled::{self, SledHandle, SledOptions};

use crate::workload;

mod fill;
mod roll;

pub use fill::{fill, pile_up};
pub use roll::{STEP, roll};

/// Operations in flight at once, so that every group of the store is full.
const CONCURRENCY: usize = 2_048;

/// Opens a gateway's store while the gateway is stopped.
pub fn open(data: &Path) -> anyhow::Result<SledHandle> {
    Ok(sled::open(data, SledOptions::default())?)
}

/// The message with this number, to the contact with the same number.
fn message(number: u64, accepted_at: Timestamp, send_at: Timestamp) -> anyhow::Result<Message> {
    Ok(Message {
        id: MessageId::new(u64::try_from(accepted_at.as_millisecond())?, &random(number)),
        brand: brand()?,
        contact: workload::contact_id(number).parse()?,
        class: MessageClass::Transactional,
        topic: "orders".parse()?,
        content: Content {
            text: Some(workload::text(number)),
            subject: Some("Your order".to_owned()),
            ..Content::default()
        },
        idempotency_key: None,
        accepted_at,
        send_at,
        expire_at: send_at.saturating_add(Duration::from_secs(24 * 3_600))?,
        channels: vec![Channel::Sms],
        fallback: FallbackPolicy::default(),
        labels: Labels::default(),
        unserved: Vec::new(),
        incarnation: ContactIncarnation::default(),
    })
}

/// The random part of the message's id.
fn random(number: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    fastrand::Rng::with_seed(number).fill(&mut bytes);
    bytes
}

/// The phone number of a contact.
fn phone(number: u64) -> anyhow::Result<Address> {
    Ok(Address::Phone(Phone::parse(&workload::phone(number), None)?))
}

/// The brand that every gateway here serves.
fn brand() -> anyhow::Result<BrandId> {
    Ok("acme".parse()?)
}

/// The bytes of all files in a folder.
pub fn size_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() { size_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(total)
}
