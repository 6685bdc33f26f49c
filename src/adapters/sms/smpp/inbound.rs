//! Messages of people: their coding, and the assembly of a long one from its parts (3GPP TS 23.040, sections 9.2.3.24.1 and
//! 9.2.3.24.8).

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::pdu::{ConcatenatedPart, DeliverSm, SmppAddress};
use crate::adapters::sms::gsm;
use crate::adapters::webhooks::{self, ProviderEvent};
use crate::model::{Address, InboundText, Timestamp};

/// How long the first part of a message waits for the others. Networks keep trying for longer, but what somebody wrote
/// should not wait for what may never come.
const PARTS_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How many octets may wait for others to come.
const MAX_OCTETS: usize = 1_048_576;

/// What a waiting part takes besides its own octets, roughly.
const OVERHEAD_OCTETS: usize = 128;

/// What stands for a part that never came.
const GAP: &str = " … ";

/// The text of one `deliver_sm`, before it is decoded: a whole message, or one part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortMessageText<'a> {
    /// How it is coded (section 5.2.19 of SMPP).
    pub data_coding: u8,
    /// The message without its header.
    pub octets: &'a [u8],
    /// Which part of a longer message it is; `None` when it is the whole.
    pub part: Option<ConcatenatedPart>,
}

/// Splits the message of a `deliver_sm` from its header.
pub fn read(deliver: &DeliverSm) -> ShortMessageText<'_> {
    const HAS_HEADER: u8 = 0x40;
    let header = if deliver.esm_class & HAS_HEADER == 0 { None } else { split_header(&deliver.message) };
    let (octets, part) = match header {
        Some((header, octets)) => (octets, part_of(header).or(deliver.part)),
        None => (deliver.message.as_slice(), deliver.part),
    };
    let part = part.filter(|part| part.total > 1 && (1..=part.total).contains(&part.number));
    ShortMessageText { data_coding: deliver.data_coding, octets, part }
}

/// The user data header behind its length, and what follows it.
fn split_header(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = message.split_first()?;
    rest.split_at_checked(length.into())
}

/// What the header says of parts.
fn part_of(mut header: &[u8]) -> Option<ConcatenatedPart> {
    while let [identifier, length, rest @ ..] = header {
        let (value, others) = rest.split_at_checked(usize::from(*length))?;
        match (identifier, value) {
            (0x00, &[reference, total, number]) => {
                return Some(ConcatenatedPart { reference: reference.into(), total, number });
            }
            (0x08, &[high, low, total, number]) => {
                return Some(ConcatenatedPart { reference: u16::from_be_bytes([high, low]), total, number });
            }
            _ => header = others,
        }
    }
    None
}

/// The text of these octets; empty when they are none. Of alphabets that are not here, the part that is ASCII is read.
pub fn decode(data_coding: u8, octets: &[u8]) -> String {
    match data_coding {
        // The SMSC's default; with a class of message; with a sign that messages wait.
        0x00 | 0x10..=0x13 | 0xc0..=0xdf | 0xf0..=0xf3 => gsm::decode(octets),
        0x08 | 0x18..=0x1b | 0xe0..=0xef => utf16(octets),
        0x03 => octets.iter().map(|&octet| char::from(octet)).collect(),
        0x02 | 0x04 | 0x14..=0x17 | 0xf4..=0xf7 => String::new(),
        _ => {
            let ascii = |octet: u8| if octet.is_ascii() { octet.into() } else { char::REPLACEMENT_CHARACTER };
            octets.iter().map(|&octet| ascii(octet)).collect()
        }
    }
}

fn utf16(octets: &[u8]) -> String {
    let (units, rest) = octets.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|&unit| u16::from_be_bytes(unit)).collect();
    let mut text = String::from_utf16_lossy(&units);
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

/// The event of what somebody wrote. `None` when who wrote cannot be written to: a short code, a name, or a number that
/// does not say its country.
///
/// SMSCs give messages of people no id. The same words a minute later are another message, so the time belongs to the id,
/// and what an SMSC tells twice counts twice: a second STOP does no harm, while one that was taken for the first would.
pub fn text_event(
    from: &SmppAddress,
    to: &SmppAddress,
    text: String,
    at: Timestamp,
) -> Option<ProviderEvent> {
    let from = phone(from)?;
    let mut digest = Sha256::new();
    for field in [&from.to_string(), &to.address, &text, &at.to_string()] {
        digest.update(field.len().to_be_bytes());
        digest.update(field);
    }
    let id = format!("{:x}", digest.finalize());
    let to = Some(to.address.clone()).filter(|to| !to.is_empty());
    Some(ProviderEvent::Text(InboundText { id, from, aliases: Vec::new(), to, text, reply_to: None, at }))
}

/// The phone number of a person: international, or of a type that the SMSC does not say.
pub fn phone(address: &SmppAddress) -> Option<Address> {
    let (unknown, international) = (0, 1);
    let is_phone = [unknown, international].contains(&address.ton);
    if is_phone { webhooks::parse_phone(&address.address) } else { None }
}

/// The messages of which parts are still missing.
#[derive(Debug, Default)]
pub struct PartialTexts {
    waiting: BTreeMap<PartialTextKey, PartialText>,
    octets: usize,
}

/// What all parts of a message have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartialTextKey {
    from: String,
    to: String,
    reference: u16,
    total: u8,
}

#[derive(Debug)]
struct PartialText {
    since: Instant,
    from: SmppAddress,
    to: SmppAddress,
    data_coding: u8,
    parts: BTreeMap<u8, Vec<u8>>,
}

/// There is no room for another part: too many octets wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialTextsFull;

/// A message put together from its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledText {
    /// The key by which [`PartialTexts::forget`] drops its parts.
    pub key: PartialTextKey,
    /// Who wrote it.
    pub from: SmppAddress,
    /// Whom it was written to.
    pub to: SmppAddress,
    /// The text; ` … ` stands where a part is missing.
    pub text: String,
}

impl PartialTexts {
    /// Adds a part, and gives the message when all are there. They stay until [`PartialTexts::forget`], so that the last one may
    /// come again when the message could not be kept.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn add(
        &mut self,
        deliver: &DeliverSm,
        part: ConcatenatedPart,
        now: Instant,
    ) -> Result<Option<AssembledText>, PartialTextsFull> {
        let written = read(deliver);
        let key = PartialTextKey {
            from: deliver.source.address.clone(),
            to: deliver.destination.address.clone(),
            reference: part.reference,
            total: part.total,
        };
        if self.octets + written.octets.len() + OVERHEAD_OCTETS > MAX_OCTETS {
            return Err(PartialTextsFull);
        }
        let waiting = self.waiting.entry(key.clone()).or_insert_with(|| PartialText {
            since: now,
            from: deliver.source.clone(),
            to: deliver.destination.clone(),
            data_coding: written.data_coding,
            parts: BTreeMap::new(),
        });
        self.octets += written.octets.len() + OVERHEAD_OCTETS;
        if let Some(same) = waiting.parts.insert(part.number, written.octets.to_vec()) {
            self.octets -= same.len() + OVERHEAD_OCTETS;
        }
        let is_whole = waiting.parts.len() == usize::from(part.total);
        Ok(is_whole.then(|| waiting.join(key)))
    }

    /// Drops the parts of a message.
    pub fn forget(&mut self, key: &PartialTextKey) {
        if let Some(waiting) = self.waiting.remove(key) {
            self.octets -= waiting.octets();
        }
    }

    /// Takes out a message whose missing parts did not come in time, if there is one, with the parts that did.
    pub fn overdue(&mut self, now: Instant) -> Option<AssembledText> {
        let overdue = |text: &PartialText| now.saturating_duration_since(text.since) >= PARTS_TIMEOUT;
        let (key, waiting) = self.waiting.iter().find(|(_, waiting)| overdue(waiting))?;
        let joined = waiting.join(key.clone());
        self.forget(&joined.key);
        Some(joined)
    }
}

impl PartialText {
    fn octets(&self) -> usize {
        self.parts.values().map(|part| part.len() + OVERHEAD_OCTETS).sum()
    }

    /// Puts together what lies side by side before reading it: a character may have been cut in two.
    fn join(&self, key: PartialTextKey) -> AssembledText {
        let mut runs: Vec<Vec<u8>> = vec![vec![]];
        for number in 1..=key.total {
            match (self.parts.get(&number), runs.last_mut()) {
                (Some(octets), Some(run)) => run.extend(octets),
                _ => runs.push(vec![]),
            }
        }
        let texts: Vec<String> = runs.iter().map(|run| decode(self.data_coding, run)).collect();
        AssembledText { key, from: self.from.clone(), to: self.to.clone(), text: texts.join(GAP) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    fn minute_of(minutes: u64) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START + Duration::from_secs(60 * minutes)
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + 60 * minutes).unwrap()
    }

    fn number(address: &str) -> SmppAddress {
        SmppAddress { ton: 1, npi: 1, address: address.to_owned() }
    }

    fn deliver(message: &[u8]) -> DeliverSm {
        let (source, destination) = (number("34600123456"), number("34910000000"));
        DeliverSm { source, destination, esm_class: 0x40, message: message.to_vec(), ..DeliverSm::default() }
    }

    fn add(
        parts: &mut PartialTexts,
        message: &[u8],
        minute: u64,
    ) -> Result<Option<String>, PartialTextsFull> {
        let deliver = deliver(message);
        let part = read(&deliver).part.unwrap();
        Ok(parts.add(&deliver, part, minute_of(minute))?.map(|joined| joined.text))
    }

    #[test]
    fn alphabets_are_read() {
        for (coding, octets, text) in [
            (0x00, b"\x00\x1b\x65A".as_slice(), "@€A"),
            (0xf1, b"\x11", "_"),
            (0x01, b"a\xff", "a\u{fffd}"),
            (0x03, b"\xe7a", "ça"),
            (0x06, b"STOP \xd0", "STOP \u{fffd}"),
            (0x08, b"\xd8\x3d\xdc\x4b\x00a", "👋a"),
            (0x08, b"\xd8\x3d\x00", "\u{fffd}\u{fffd}"),
            (0x04, b"\x01\x02", ""),
        ] {
            assert_eq!(decode(coding, octets), text, "{coding:#x}");
        }
    }

    #[test]
    fn a_header_says_which_part_it_is_or_is_passed_over() {
        let part = |reference, total, number| Some(ConcatenatedPart { reference, total, number });
        for (message, octets, expected) in [
            (b"\x05\x00\x03\x07\x02\x01Hi".as_slice(), b"Hi".as_slice(), part(7, 2, 1)),
            (b"\x06\x08\x04\x01\x02\x03\x02Hi", b"Hi", part(258, 3, 2)),
            (b"\x0a\x05\x03\x00\x00\x00\x00\x03\x07\x02\x02Hi", b"Hi", part(7, 2, 2)),
            (b"\x03\x01\x01\x00Hi", b"Hi", None),
            // Part 3 of 2, part 0, and a header that lies of its length.
            (b"\x05\x00\x03\x07\x02\x03Hi", b"Hi", None),
            (b"\x05\x00\x03\x07\x02\x00Hi", b"Hi", None),
            (b"\x7fHi", b"\x7fHi", None),
            (b"\x02\x00\x03", b"", None),
            (b"", b"", None),
        ] {
            let deliver = deliver(message);
            let written = read(&deliver);
            assert_eq!((written.octets, written.part), (octets, expected), "{message:x?}");
        }
    }

    #[test]
    fn parts_come_together_in_any_order_and_twice() {
        let mut parts = PartialTexts::default();
        assert_eq!(add(&mut parts, b"\x05\x00\x03\x07\x03\x03c", 0), Ok(None));
        assert_eq!(add(&mut parts, b"\x05\x00\x03\x07\x03\x01a", 1), Ok(None));
        assert_eq!(add(&mut parts, b"\x05\x00\x03\x07\x03\x01a", 2), Ok(None));
        assert_eq!(add(&mut parts, b"\x05\x00\x03\x08\x03\x02x", 2), Ok(None));
        let whole = add(&mut parts, b"\x05\x00\x03\x07\x03\x02b", 3);
        assert_eq!(whole, Ok(Some("abc".to_owned())));
        // It could not be kept, and the last part comes again.
        assert_eq!(add(&mut parts, b"\x05\x00\x03\x07\x03\x02b", 4), whole);
        let keys: Vec<_> = parts.waiting.keys().cloned().collect();
        keys.iter().for_each(|key| parts.forget(key));
        assert_eq!(parts.octets, 0);
    }

    #[test]
    fn a_message_that_stays_incomplete_is_told_as_far_as_it_came() {
        let mut parts = PartialTexts::default();
        add(&mut parts, b"\x05\x00\x03\x07\x04\x01STOP", 0).unwrap();
        add(&mut parts, b"\x05\x00\x03\x07\x04\x04now", 8).unwrap();
        assert_eq!(parts.overdue(minute_of(9)), None);
        assert_eq!(parts.overdue(minute_of(10)).unwrap().text, "STOP …  … now");
        assert_eq!((parts.overdue(minute_of(10)), parts.octets), (None, 0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut parts = PartialTexts::default();
        let added = (0..u16::MAX).take_while(|reference| {
            let [high, low] = reference.to_be_bytes();
            let message = [b"\x06\x08\x04".as_slice(), &[high, low], b"\x02\x01", &[b'a'; 100]].concat();
            add(&mut parts, &message, 0).is_ok()
        });
        let added = added.count();
        assert!((1_000..10_000).contains(&added), "{added}");
        while parts.overdue(minute_of(10)).is_some() {}
        assert!(add(&mut parts, b"\x05\x00\x03\x07\x02\x01a", 10).is_ok());
    }

    #[test]
    fn only_who_can_be_written_to_is_told() {
        let event_from = |ton, address: &str| {
            let from = SmppAddress { ton, npi: 1, address: address.to_owned() };
            text_event(&from, &number("12345"), "STOP".to_owned(), at(0))
        };
        let Some(ProviderEvent::Text(text)) = event_from(1, "34600123456") else { panic!() };
        assert_eq!((text.from.to_string(), text.to.as_deref()), ("+34600123456".to_owned(), Some("12345")));
        assert_eq!(
            event_from(0, "+34600123456"),
            event_from(1, "34600123456"),
            "the id is that of what was told"
        );
        for (ton, text) in [(2, "600123456"), (3, "12345"), (5, "ACME"), (1, ""), (0, "12345")] {
            assert_eq!(event_from(ton, text), None, "{ton} {text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20),
            data_coding: u8,
        ) {
            let mut parts = PartialTexts::default();
            for message in messages {
                let deliver = DeliverSm { data_coding, ..deliver(&message) };
                let written = read(&deliver);
                decode(written.data_coding, written.octets);
                if let Some(part) = written.part {
                    let _ = parts.add(&deliver, part, minute_of(0));
                }
            }
            while parts.overdue(minute_of(20)).is_some() {}
            prop_assert_eq!(parts.octets, 0);
        }
    }
}
