//! Writes an envelope as the messages that carry it: one, or one for each part of a long text.

use super::pdu::{ConcatenatedPart, ShortMessage, SmppAddress, SubmitSm};
use super::settings::{DefaultAlphabet, SmppConcatenation, SmppSettings};
use crate::adapters::sms::segments::{self, Alphabet};
use crate::adapters::sms::{gsm, sender};
use crate::adapters::{Envelope, rejected_outcome};
use crate::model::{Outcome, Rejection};

/// The longest text, in characters: as the API has it for a text that is meant for SMS. A longer one was meant for another
/// channel, and each part of it would be paid for.
const MAX_CHARS: usize = 1_600;

/// `esm_class` of a message with a user data header (section 5.2.12).
const UDH_INDICATOR: u8 = 0x40;

/// `registered_delivery` (section 5.2.17): which receipts are asked for.
mod receipts {
    pub(super) const NONE: u8 = 0;
    pub(super) const ALL: u8 = 1;
    pub(super) const FAILURES: u8 = 2;
}

/// Writes messages for one SMSC.
#[derive(Debug)]
pub(super) struct SubmitWriter {
    settings: SmppSettings,
    validity_period: String,
}

impl SubmitWriter {
    pub(super) fn new(settings: &SmppSettings) -> Self {
        let validity_period = settings.validity_minutes.map(validity_period).unwrap_or_default();
        Self { settings: settings.clone(), validity_period }
    }

    /// The messages of an envelope, in the order of the text: at least one.
    ///
    /// The last one is the one that stands for the whole, because only when it is taken the message is, and receipts of all
    /// kinds are asked for it. Of those before it, only failures matter.
    pub(super) fn write(&self, envelope: &Envelope) -> Result<Vec<SubmitSm>, Outcome> {
        let (dest_ton, dest_npi) = (self.settings.dest_ton, self.settings.dest_npi);
        let digits = envelope.phone()?.digits().to_owned();
        let destination = SmppAddress { ton: dest_ton, npi: dest_npi, address: digits };
        let source = self.source(envelope)?;
        let text = envelope.text()?;
        let coding = DataCoding::of(text, self.settings.alphabet);
        let messages = self.messages(envelope, text, coding)?;
        let last = messages.len() - 1;
        let registered_delivery = |index| match (self.settings.registered_delivery, index == last) {
            (false, _) => receipts::NONE,
            (true, true) => receipts::ALL,
            (true, false) => receipts::FAILURES,
        };
        let submit = |(index, (esm_class, message))| SubmitSm {
            source: source.clone(),
            destination: destination.clone(),
            esm_class,
            validity_period: self.validity_period.clone(),
            registered_delivery: registered_delivery(index),
            data_coding: coding.data_coding(),
            message,
        };
        Ok(messages.into_iter().enumerate().map(submit).collect())
    }

    fn source(&self, envelope: &Envelope) -> Result<SmppAddress, Outcome> {
        let Some(from) = envelope.from.as_deref().or(self.settings.from.as_deref()) else {
            return Ok(SmppAddress::default());
        };
        if !sender::is_sender(from) {
            return Err(rejected_outcome(
                Rejection::Policy,
                &format!("the brand's sender {}", sender::SENDER_MUST),
            ));
        }
        let (ton, npi, address) = numbering(from);
        let (ton, npi) = (self.settings.source_ton.unwrap_or(ton), self.settings.source_npi.unwrap_or(npi));
        Ok(SmppAddress { ton, npi, address: address.to_owned() })
    }

    /// Each message with its `esm_class`.
    fn messages(
        &self,
        envelope: &Envelope,
        text: &str,
        coding: DataCoding,
    ) -> Result<Vec<(u8, ShortMessage)>, Outcome> {
        let too_long = || rejected_outcome(Rejection::Content, "the text is too long");
        if text.chars().nth(MAX_CHARS).is_some() {
            return Err(too_long());
        }
        let parts = segments::split(text, coding.alphabet());
        if parts.len() == 1 {
            return Ok(vec![(0, ShortMessage::Short(coding.octets(text)))]);
        }
        if self.settings.concatenation == SmppConcatenation::Payload {
            return Ok(vec![(0, ShortMessage::Payload(coding.octets(text)))]);
        }
        let total = u8::try_from(parts.len()).map_err(|_| too_long())?;
        // The same for every attempt, so that what arrives of several makes one message on the phone.
        let [.., high, low] = *envelope.message_id.as_bytes();
        let reference = u16::from_be_bytes([high, low]);
        let write = |(number, part): (u8, &str)| {
            let part_of = ConcatenatedPart { reference, total, number };
            let octets = coding.octets(part);
            match self.settings.concatenation {
                SmppConcatenation::Udh => (UDH_INDICATOR, ShortMessage::Short(with_header(part_of, &octets))),
                _ => (0, ShortMessage::Part(octets, part_of)),
            }
        };
        Ok((1..=total).zip(parts).map(write).collect())
    }
}

/// The octets behind a header for concatenation with a reference of eight bits (3GPP TS 23.040, section 9.2.3.24.1).
fn with_header(part: ConcatenatedPart, octets: &[u8]) -> Vec<u8> {
    let [_, reference] = part.reference.to_be_bytes();
    [&[5, 0, 3, reference, part.total, part.number], octets].concat()
}

/// The sender's type of number, numbering plan and digits, by its form.
fn numbering(from: &str) -> (u8, u8, &str) {
    let (international, network_specific, alphanumeric) = (1, 3, 5);
    let (unknown, e164) = (0, 1);
    match from.strip_prefix('+') {
        Some(digits) => (international, e164, digits),
        None if from.bytes().all(|b| b.is_ascii_digit()) => (network_specific, unknown, from),
        None => (alphanumeric, unknown, from),
    }
}

/// A time from now in the form `YYMMDDhhmmsstnnR` (section 7.1.1.2). A month would not be sure to have thirty days.
fn validity_period(minutes: u32) -> String {
    let (days, hours) = (minutes / 1_440, minutes / 60 % 24);
    format!("0000{days:02}{hours:02}{:02}00000R", minutes % 60)
}

/// How a text is coded (section 5.2.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataCoding {
    Gsm,
    Latin1,
    Ucs2,
}

impl DataCoding {
    fn of(text: &str, narrow: DefaultAlphabet) -> Self {
        match (Alphabet::of(text), narrow) {
            (Alphabet::Gsm, DefaultAlphabet::Gsm) => Self::Gsm,
            // On its way from here to the phone it is in both alphabets.
            (Alphabet::Gsm, DefaultAlphabet::Latin1) if text.chars().all(|c| u8::try_from(c).is_ok()) => {
                Self::Latin1
            }
            _ => Self::Ucs2,
        }
    }

    fn data_coding(self) -> u8 {
        match self {
            Self::Gsm => 0,
            Self::Latin1 => 3,
            Self::Ucs2 => 8,
        }
    }

    fn alphabet(self) -> Alphabet {
        match self {
            Self::Gsm | Self::Latin1 => Alphabet::Gsm,
            Self::Ucs2 => Alphabet::Ucs2,
        }
    }

    fn octets(self, text: &str) -> Vec<u8> {
        match self {
            Self::Gsm => gsm::encode(text).expect("the text was found to lie within the alphabet"),
            Self::Latin1 => text.chars().filter_map(|c| u8::try_from(c).ok()).collect(),
            Self::Ucs2 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}
