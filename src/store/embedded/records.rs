//! Records, as protobuf and back. Fields that an older build did not write read as absent; fields that a newer build
//! added are passed over.

use prost::Message as _;

use crate::model::{
    Address, AddressMatch, AddressSuppressions, ApiKey, AttemptRef, ConsentEntry, Contact, ContactEvent,
    ContactIncarnation, ContactLink, ContactVersion, FoldedLedger, History, Incident, LiftedSuppression,
    MessageId, Preferences, ProviderControlChange, Receipt, Timestamp,
};
use crate::store::CursorKey;
use crate::wire::store::v1 as proto;
use crate::wire::{self, AddressFormat, FieldPath, Violations};

/// A record of the store, as protobuf.
pub trait Record: Sized {
    /// What the record is, for errors.
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

/// Records whose protobuf message is used as it is.
macro_rules! plain {
    ($($record:ident: $name:literal),+) => {
        $(impl Record for proto::$record {
            const NAME: &'static str = $name;

            fn encode(&self) -> Vec<u8> {
                self.encode_to_vec()
            }

            fn decode(bytes: &[u8]) -> Result<Self, String> {
                <Self as prost::Message>::decode(bytes).map_err(|error| error.to_string())
            }
        })+
    };
}

plain! {
    PackRecord: "pack of messages",
    StatesRecord: "states of a pack",
    JournalRecord: "journal",
    HeadRecord: "head",
    BodyRecord: "content",
    InboundEventRecord: "inbound event"
}

/// A history that outlasts the journal.
impl Record for History {
    const NAME: &'static str = "history";

    fn encode(&self) -> Vec<u8> {
        proto::HistoryRecord { events: self.events().iter().map(Into::into).collect() }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::HistoryRecord, violations| {
            wire::read_history(record.events, &FieldPath::new("events"), violations)
        })
    }
}

/// The key by which cursors are sealed.
impl Record for CursorKey {
    const NAME: &'static str = "key of cursors";

    fn encode(&self) -> Vec<u8> {
        proto::CursorKeyRecord { secret: self.secret.to_vec(), last_plain: self.last_plain }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::CursorKeyRecord, violations| {
            let secret = <[u8; 32]>::try_from(record.secret);
            let secret = secret.map_err(|_| violations.add(&FieldPath::new("secret"), "must be 32 bytes"));
            Some(Self { secret: secret.ok()?, last_plain: record.last_plain })
        })
    }
}

/// The message for which an idempotency key was used, and the hash of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The message.
    pub message: MessageId,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
}

impl Record for IdempotencyRecord {
    const NAME: &'static str = "idempotency key";

    fn encode(&self) -> Vec<u8> {
        proto::PointerRecord {
            message_id: self.message.as_bytes().to_vec(),
            request_hash: self.request_hash.to_vec(),
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::PointerRecord, violations| {
            let message = read_id(&record.message_id, &FieldPath::new("message_id"), violations);
            let request_hash = read_hash(&record.request_hash, &FieldPath::new("request_hash"), violations);
            Some(Self { message: message?, request_hash: request_hash? })
        })
    }
}

/// Reads the sixteen bytes of an id.
pub fn read_id(bytes: &[u8], path: &FieldPath<'_>, violations: &mut Violations) -> Option<MessageId> {
    let id = bytes.try_into().map(MessageId::from_bytes);
    id.map_err(|_| violations.add(path, "must be 16 bytes long")).ok()
}

fn read_hash(bytes: &[u8], path: &FieldPath<'_>, violations: &mut Violations) -> Option<[u8; 32]> {
    bytes.try_into().map_err(|_| violations.add(path, "must be 32 bytes long")).ok()
}

/// The attempt to which a provider gave a reference.
impl Record for AttemptRef {
    const NAME: &'static str = "reference";

    fn encode(&self) -> Vec<u8> {
        proto::PointerRecord {
            message_id: self.message.as_bytes().to_vec(),
            attempt: i32::try_from(self.attempt).unwrap_or(i32::MAX),
            brand: self.brand.as_str().to_owned(),
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::PointerRecord, violations| {
            let brand = violations.parsed(&record.brand, &FieldPath::new("brand"));
            let message = read_id(&record.message_id, &FieldPath::new("message_id"), violations);
            let attempt = u32::try_from(record.attempt)
                .map_err(|_| violations.add(&FieldPath::new("attempt"), "must not be negative"));
            Some(Self { brand: brand?, message: message?, attempt: attempt.ok()? })
        })
    }
}

/// A receipt whose message is not known yet; its attempt is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// When it came.
    pub parked_at: Timestamp,
    /// The addresses that it names.
    pub addresses: Vec<Address>,
    /// The references that it is parked for: the first as it stands, the others as readings of it. Older builds wrote none.
    pub references: Vec<String>,
}

impl ParkedReceipt {
    /// Whether it is about the attempt to this address to which its provider gave this reference.
    pub fn is_of(&self, reference: &str, address: &Address) -> bool {
        let is_reading = self.references.first().is_some_and(|first| first != reference);
        let needed = if is_reading { AddressMatch::Same } else { AddressMatch::Possible };
        AddressMatch::of_any(&self.addresses, address) >= needed
    }
}

impl Record for ParkedReceipt {
    const NAME: &'static str = "parked receipt";

    fn encode(&self) -> Vec<u8> {
        proto::ParkedReceiptRecord {
            receipt: Some((&self.receipt).into()),
            park_time: Some(wire::timestamp(self.parked_at)),
            addresses: self.addresses.iter().map(Into::into).collect(),
            references: self.references.clone(),
        }
        .encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ParkedReceiptRecord, violations| {
            let path = FieldPath::new("receipt");
            let receipt = violations.required(record.receipt, &path)?;
            let receipt = wire::read_receipt(receipt, &path, violations);
            let parked_at = wire::read_time(record.park_time, &FieldPath::new("park_time"), violations);
            let path = FieldPath::new("addresses");
            let read = |(index, address)| {
                wire::read_address(Some(address), AddressFormat::Stored, &path.index(index), violations)
            };
            let addresses = record.addresses.into_iter().enumerate().map(read).collect::<Option<_>>();
            let (addresses, references) = (addresses?, record.references);
            Some(Self { receipt: receipt?, parked_at: parked_at?, addresses, references })
        })
    }
}

impl Record for Contact {
    const NAME: &'static str = "contact";

    fn encode(&self) -> Vec<u8> {
        let (version, ContactIncarnation(incarnation)) = (self.changes, self.incarnation);
        proto::ContactRecord { contact: Some(self.into()), version, incarnation }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ContactRecord, violations| {
            let path = FieldPath::new("contact");
            let contact = violations.required(record.contact, &path)?;
            let incarnation = ContactIncarnation(record.incarnation);
            let version = ContactVersion { incarnation, changes: record.version };
            wire::read_contact(contact, version, &path, violations)
        })
    }
}

/// Read of a contact's record, the rest of which is passed over.
impl Record for ContactIncarnation {
    const NAME: &'static str = "contact";

    fn encode(&self) -> Vec<u8> {
        proto::ContactIncarnationRecord { incarnation: self.0 }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let record = proto::ContactIncarnationRecord::decode(bytes).map_err(|error| error.to_string())?;
        Ok(Self(record.incarnation))
    }
}

impl Record for ContactEvent {
    const NAME: &'static str = "event of a contact";

    fn encode(&self) -> Vec<u8> {
        proto::ContactEventRecord { event: Some(self.into()) }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ContactEventRecord, violations| {
            let path = FieldPath::new("event");
            let event = violations.required(record.event, &path)?;
            wire::read_contact_event(event, &path, violations)
        })
    }
}

/// A part of a contact's consent ledger, oldest entry first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger(pub Vec<ConsentEntry>);

impl Record for Ledger {
    const NAME: &'static str = "consent ledger";

    fn encode(&self) -> Vec<u8> {
        proto::LedgerRecord { entries: self.0.iter().map(Into::into).collect() }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::LedgerRecord, violations| {
            let path = FieldPath::new("entries");
            let read = |(index, entry)| wire::read_entry(entry, &path.index(index), violations);
            record.entries.into_iter().enumerate().map(read).collect::<Option<_>>().map(Self)
        })
    }
}

/// The number of the rule by which [`FoldedLedger`] folds. It grows when that rule changes, so that what was folded before is folded
/// anew: rule 0 believed every claimed time, rule 1 took a whole second for its beginning.
const FOLD_RULE: u32 = 2;

/// A fold that is kept beside its ledger; `None` when an older build folded by another rule.
pub struct KeptFold(pub Option<FoldedLedger>);

impl Record for KeptFold {
    const NAME: &'static str = "folded ledger";

    fn encode(&self) -> Vec<u8> {
        let Some(folded) = &self.0 else { return Vec::new() };
        let entries = folded.entries().iter().map(Into::into).collect();
        let last_sequence = folded.last_sequence();
        proto::FoldedLedgerRecord { entries, last_sequence, rule: FOLD_RULE }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::FoldedLedgerRecord, violations| {
            if record.rule != FOLD_RULE {
                return Some(Self(None));
            }
            let path = FieldPath::new("entries");
            let read = |(index, entry)| wire::read_deciding_entry(entry, &path.index(index), violations);
            let entries = record.entries.into_iter().enumerate().map(read).collect::<Option<Vec<_>>>();
            Some(Self(Some(FoldedLedger::new(entries?, record.last_sequence))))
        })
    }
}

impl Record for Preferences {
    const NAME: &'static str = "preferences";

    fn encode(&self) -> Vec<u8> {
        proto::PreferencesRecord { preferences: Some(self.into()), version: self.changes }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::PreferencesRecord, violations| {
            let preferences = record.preferences.unwrap_or_default();
            let read = wire::read_preferences(preferences, &FieldPath::new("preferences"), violations);
            Some(Self { changes: record.version, ..read })
        })
    }
}

impl Record for AddressSuppressions {
    const NAME: &'static str = "suppressions";

    fn encode(&self) -> Vec<u8> {
        let mut all = self.in_force().iter().map(Into::into).chain(self.lifted().iter().map(Into::into));
        proto::SuppressionRecord { suppression: all.next(), further: all.collect() }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::SuppressionRecord, violations| {
            let first = violations.required(record.suppression, &FieldPath::new("suppression"))?;
            let (mut in_force, mut lifted) = (Vec::new(), Vec::new());
            for (index, suppression) in std::iter::once(first).chain(record.further).enumerate() {
                let path = FieldPath::new("suppressions");
                match wire::read_suppression(suppression, &path.index(index), violations)? {
                    (suppression, None) => in_force.push(suppression),
                    (suppression, Some(lift)) => lifted.push(LiftedSuppression { suppression, lift }),
                }
            }
            Some(Self::new(in_force, lifted))
        })
    }
}

impl Record for ProviderControlChange {
    const NAME: &'static str = "control";

    fn encode(&self) -> Vec<u8> {
        proto::ControlRecord { change: Some(self.into()) }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::ControlRecord, violations| {
            let path = FieldPath::new("change");
            let change = violations.required(record.change, &path)?;
            wire::read_control_change(change, &path, violations)
        })
    }
}

impl Record for Incident {
    const NAME: &'static str = "incident";

    fn encode(&self) -> Vec<u8> {
        proto::IncidentRecord { incident: Some(self.into()) }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::IncidentRecord, violations| {
            let path = FieldPath::new("incident");
            let incident = violations.required(record.incident, &path)?;
            wire::read_incident(incident, &path, violations)
        })
    }
}

impl Record for ContactLink {
    const NAME: &'static str = "link";

    fn encode(&self) -> Vec<u8> {
        let (brand, contact_id) = (self.brand.to_string(), self.contact.to_string());
        proto::LinkRecord { brand, contact_id }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::LinkRecord, violations| {
            let brand = violations.parsed(&record.brand, &FieldPath::new("brand"));
            let contact = violations.parsed(&record.contact_id, &FieldPath::new("contact_id"));
            Some(Self { brand: brand?, contact: contact? })
        })
    }
}

impl Record for ApiKey {
    const NAME: &'static str = "API key";

    fn encode(&self) -> Vec<u8> {
        proto::KeyRecord { key: Some(self.into()), secret_hash: self.secret_hash.to_vec() }.encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        read(bytes, |record: proto::KeyRecord, violations| {
            let path = FieldPath::new("key");
            let secret_hash = read_hash(&record.secret_hash, &FieldPath::new("secret_hash"), violations);
            let key = violations.required(record.key, &path);
            wire::read_key(key?, secret_hash?, &path, violations)
        })
    }
}
