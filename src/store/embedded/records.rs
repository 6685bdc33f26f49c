//! Records, as protobuf and back. Fields that an older build did not write read as absent; fields that a newer build
//! added are passed over.

use prost::Message as _;

use crate::model::{
    BrandId, Class, Contact, ContactId, ControlChange, Entry, History, Key, Message, MessageId, Preferences,
    Receipt, Suppression, Timestamp,
};
use crate::wire::store::v1 as proto;
use crate::wire::{self, Path, Violations, v1};

/// Something the store keeps.
pub trait Record: Sized {
    /// What it is, for errors.
    const NAME: &'static str;

    /// As bytes.
    fn encode(&self) -> Vec<u8>;

    /// From bytes; the error says what is wrong.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

/// Decodes protobuf and reads it with the checks of [`wire`].
fn read<P, T>(bytes: &[u8], read: impl FnOnce(P, &mut Violations) -> Option<T>) -> Result<T, String>
where
    P: prost::Message + Default,
{
    let proto = P::decode(bytes).map_err(|error| error.to_string())?;
    let mut violations = Violations::default();
    let value = read(proto, &mut violations);
    violations.finish(value).map_err(|violations| violations.to_string())
}

impl Record for Message {
    const NAME: &'static str = "message";

    fn encode(&self) -> Vec<u8> {
        proto::MessageRecord { brand: self.brand.as_str().to_owned(), message: Some(self.into()) }
            .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::MessageRecord, violations| {
            let brand = violations.parsed(&record.brand, &Path::new("brand"));
            let message = violations.required(record.message, &Path::new("message"));
            wire::read_message(brand?, message?, &Path::new("message"), violations)
        })
    }
}

/// What has happened to a message, and where that is indexed.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The message's brand.
    pub brand: BrandId,
    /// The message's contact.
    pub contact: ContactId,
    /// The message's class.
    pub class: Class,
    /// What has happened.
    pub history: History,
    /// When dispatch looks at it again.
    pub next_at: Option<Timestamp>,
    /// The place of each event in the event log.
    pub cursors: Vec<u64>,
}

impl Record for Progress {
    const NAME: &'static str = "progress";

    fn encode(&self) -> Vec<u8> {
        proto::ProgressRecord {
            history: self.history.events().iter().map(Into::into).collect(),
            next_time: self.next_at.map(wire::timestamp),
            cursors: self.cursors.clone(),
            brand: self.brand.as_str().to_owned(),
            contact_id: self.contact.as_str().to_owned(),
            message_class: v1::MessageClass::from(self.class).into(),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ProgressRecord, violations| {
            let class = wire::read_class(record.message_class, &Path::new("message_class"), violations);
            let brand = violations.parsed(&record.brand, &Path::new("brand"));
            let contact = violations.parsed(&record.contact_id, &Path::new("contact_id"));
            let history = wire::read_history(record.history, &Path::new("history"), violations);
            let next_at = wire::read_optional_time(record.next_time, &Path::new("next_time"), violations);
            Some(Self {
                brand: brand?,
                contact: contact?,
                class: class?,
                history: history?,
                next_at,
                cursors: record.cursors,
            })
        })
    }
}

/// An event in the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlace {
    /// The message.
    pub message: MessageId,
    /// The event's place in its history.
    pub index: u32,
    /// The message's contact.
    pub contact: ContactId,
}

impl Record for EventPlace {
    const NAME: &'static str = "event";

    fn encode(&self) -> Vec<u8> {
        proto::EventRecord {
            message_id: self.message.to_string(),
            index: self.index,
            contact_id: self.contact.as_str().to_owned(),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::EventRecord, violations| {
            let message = violations.parsed(&record.message_id, &Path::new("message_id"));
            let contact = violations.parsed(&record.contact_id, &Path::new("contact_id"));
            Some(Self { message: message?, index: record.index, contact: contact? })
        })
    }
}

/// Where an idempotency key leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The message.
    pub message: MessageId,
    /// SHA-256 of what was asked.
    pub content_hash: [u8; 32],
}

impl Record for Asked {
    const NAME: &'static str = "idempotency key";

    fn encode(&self) -> Vec<u8> {
        proto::PointerRecord {
            message_id: self.message.to_string(),
            content_hash: self.content_hash.to_vec(),
            attempt: 0,
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::PointerRecord, violations| {
            let message = violations.parsed(&record.message_id, &Path::new("message_id"));
            let content_hash = read_hash(&record.content_hash, &Path::new("content_hash"), violations);
            Some(Self { message: message?, content_hash: content_hash? })
        })
    }
}

fn read_hash(bytes: &[u8], path: &Path<'_>, violations: &mut Violations) -> Option<[u8; 32]> {
    bytes.try_into().map_err(|_| violations.add(path, "must be 32 bytes long")).ok()
}

/// Where a provider's reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The message.
    pub message: MessageId,
    /// The attempt.
    pub attempt: u32,
}

impl Record for Reference {
    const NAME: &'static str = "reference";

    fn encode(&self) -> Vec<u8> {
        proto::PointerRecord {
            message_id: self.message.to_string(),
            content_hash: Vec::new(),
            attempt: i32::try_from(self.attempt).unwrap_or(i32::MAX),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::PointerRecord, violations| {
            let message = violations.parsed(&record.message_id, &Path::new("message_id"));
            let attempt = u32::try_from(record.attempt)
                .map_err(|_| violations.add(&Path::new("attempt"), "must not be negative"));
            Some(Self { message: message?, attempt: attempt.ok()? })
        })
    }
}

/// A receipt whose message is not known yet; its attempt is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The receipt.
    pub receipt: Receipt,
    /// When it came.
    pub parked_at: Timestamp,
}

impl Record for Parked {
    const NAME: &'static str = "parked receipt";

    fn encode(&self) -> Vec<u8> {
        proto::ParkedReceiptRecord {
            receipt: Some((&self.receipt).into()),
            park_time: Some(wire::timestamp(self.parked_at)),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ParkedReceiptRecord, violations| {
            let path = Path::new("receipt");
            let receipt = violations.required(record.receipt, &path)?;
            let receipt = wire::read_receipt(receipt, &path, violations);
            let parked_at = wire::read_time(record.park_time, &Path::new("park_time"), violations);
            Some(Self { receipt: receipt?, parked_at: parked_at? })
        })
    }
}

impl Record for Contact {
    const NAME: &'static str = "contact";

    fn encode(&self) -> Vec<u8> {
        proto::ContactRecord { contact: Some(self.into()), version: self.version }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ContactRecord, violations| {
            let path = Path::new("contact");
            let contact = violations.required(record.contact, &path)?;
            wire::read_contact(contact, record.version, &path, violations)
        })
    }
}

/// A contact's consent ledger, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger(pub Vec<Entry>);

impl Record for Ledger {
    const NAME: &'static str = "consent ledger";

    fn encode(&self) -> Vec<u8> {
        proto::LedgerRecord { entries: self.0.iter().map(Into::into).collect() }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::LedgerRecord, violations| {
            let path = Path::new("entries");
            let read = |(index, entry)| wire::read_entry(entry, &path.index(index), violations);
            record.entries.into_iter().enumerate().map(read).collect::<Option<_>>().map(Self)
        })
    }
}

impl Record for Preferences {
    const NAME: &'static str = "preferences";

    fn encode(&self) -> Vec<u8> {
        proto::PreferencesRecord { preferences: Some(self.into()) }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::PreferencesRecord, violations| {
            let preferences = record.preferences.unwrap_or_default();
            Some(wire::read_preferences(preferences, &Path::new("preferences"), violations))
        })
    }
}

impl Record for Suppression {
    const NAME: &'static str = "suppression";

    fn encode(&self) -> Vec<u8> {
        proto::SuppressionRecord { suppression: Some(self.into()) }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::SuppressionRecord, violations| {
            let path = Path::new("suppression");
            let suppression = violations.required(record.suppression, &path)?;
            wire::read_suppression(suppression, &path, violations)
        })
    }
}

impl Record for ControlChange {
    const NAME: &'static str = "control";

    fn encode(&self) -> Vec<u8> {
        proto::ControlRecord { change: Some(self.into()) }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ControlRecord, violations| {
            let path = Path::new("change");
            let change = violations.required(record.change, &path)?;
            wire::read_control_change(change, &path, violations)
        })
    }
}

impl Record for Key {
    const NAME: &'static str = "API key";

    fn encode(&self) -> Vec<u8> {
        proto::KeyRecord { key: Some(self.into()), secret_hash: self.secret_hash.to_vec() }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::KeyRecord, violations| {
            let path = Path::new("key");
            let secret_hash = read_hash(&record.secret_hash, &Path::new("secret_hash"), violations);
            let key = violations.required(record.key, &path);
            wire::read_key(key?, secret_hash?, &path, violations)
        })
    }
}
