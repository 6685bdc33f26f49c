//! The PDUs of SMPP 3.4 that a transceiver needs, to and from octets (issue 1.2 of the specification, sections 3.2, 4 and
//! 5.3).
//!
//! Reading is lenient where SMSCs are: text may be longer than the specification's fields, a response that refuses may
//! have no body, unknown parameters are passed over. What has a length that lies is malformed.

/// The longest PDU that is read, in octets. The specification names no limit; with a `message_payload` of 64,000 octets it
/// is still below.
pub const MAX_OCTETS: usize = 65_536;

/// The longest text of a field that is read, in octets. The specification's longest is 65.
const MAX_TEXT: usize = 254;

const HEADER_OCTETS: usize = 16;

const GENERIC_NACK: u32 = 0x8000_0000;
const SUBMIT_SM: u32 = 0x0000_0004;
const DELIVER_SM: u32 = 0x0000_0005;
const UNBIND: u32 = 0x0000_0006;
const BIND_TRANSCEIVER: u32 = 0x0000_0009;
const ENQUIRE_LINK: u32 = 0x0000_0015;
const ALERT_NOTIFICATION: u32 = 0x0000_0102;
/// What turns a request's command into its response's.
const RESPONSE: u32 = 0x8000_0000;

const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
const SAR_MSG_REF_NUM: u16 = 0x020c;
const SAR_TOTAL_SEGMENTS: u16 = 0x020e;
const SAR_SEGMENT_SEQNUM: u16 = 0x020f;
const NETWORK_ERROR_CODE: u16 = 0x0423;
const MESSAGE_PAYLOAD: u16 = 0x0424;
const MESSAGE_STATE: u16 = 0x0427;

/// The version of the protocol, as a bind says it.
const VERSION: u8 = 0x34;

/// What is wrong with octets that are no PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedPdu(pub &'static str);

/// The header of a PDU without its length, which comes first (section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PduHeader {
    /// The kind of the PDU (`command_id`, section 5.1.2).
    pub command_id: u32,
    /// Whether a request succeeded (`command_status`, section 5.1.3): 0 in a response to one that did, and in every request.
    pub command_status: u32,
    /// The number that a response shares with its request (`sequence_number`, section 5.1.4).
    pub sequence_number: u32,
}

impl PduHeader {
    /// Whether it answers a request.
    pub fn is_response(self) -> bool {
        self.command_id & RESPONSE != 0
    }
}

/// A PDU that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// Its header.
    pub header: PduHeader,
    /// Its body; what is wrong with it when it cannot be read.
    pub body: Result<PduBody, MalformedPdu>,
}

/// The body of a PDU that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PduBody {
    /// `bind_transceiver_resp`: the response to a bind.
    BindTransceiverResp,
    /// `submit_sm_resp`: the response to a message, with the SMSC's id of it; empty when it gives none.
    SubmitSmResp(String),
    /// `deliver_sm`: a receipt, or a message of a person.
    DeliverSm(Box<DeliverSm>),
    /// `enquire_link`: the SMSC checks that the session is still alive.
    EnquireLink,
    /// `enquire_link_resp`: the response to our `enquire_link`.
    EnquireLinkResp,
    /// `unbind`: the SMSC asks to end the session.
    Unbind,
    /// `unbind_resp`: the response to our `unbind`.
    UnbindResp,
    /// `generic_nack`: a request of ours was no PDU to the SMSC.
    GenericNack,
    /// A PDU that wants no response and means nothing to us.
    Ignored,
    /// A request that a transceiver of this kind does not take.
    Unknown,
}

/// An address with its type and numbering plan (sections 5.2.5 and 5.2.6).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SmppAddress {
    /// The type of number.
    pub ton: u8,
    /// The numbering plan indicator.
    pub npi: u8,
    /// The address itself: digits, or a sender id.
    pub address: String,
}

/// A receipt, or a message of a person (section 4.6.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliverSm {
    /// Who it is from.
    pub source: SmppAddress,
    /// Whom it is to.
    pub destination: SmppAddress,
    /// What kind of message it is (section 5.2.12).
    pub esm_class: u8,
    /// How the message is coded (section 5.2.19).
    pub data_coding: u8,
    /// The message, from `short_message` or `message_payload`.
    pub message: Vec<u8>,
    /// The id of the message that a receipt speaks of.
    pub receipted_message_id: Option<String>,
    /// What became of it (section 5.2.28).
    pub message_state: Option<u8>,
    /// The network's own word on it (section 5.3.2.31).
    pub network_error: Option<[u8; 3]>,
    /// Which part of a longer message it is, where a parameter says so.
    pub part: Option<ConcatenatedPart>,
}

/// Which part of a longer message something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcatenatedPart {
    /// What all parts of one message have in common.
    pub reference: u16,
    /// How many there are.
    pub total: u8,
    /// Which it is, from 1.
    pub number: u8,
}

/// The length of the PDU at the beginning of `octets`, header included; `None` as long as it has not come.
///
/// # Errors
/// When there cannot be a PDU of this length: nothing that follows can be read either.
pub fn length(octets: &[u8]) -> Result<Option<usize>, MalformedPdu> {
    let Some(first) = octets.first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes(*first) as usize;
    if (HEADER_OCTETS..=MAX_OCTETS).contains(&length) {
        Ok(Some(length))
    } else {
        Err(MalformedPdu("a PDU has an impossible length"))
    }
}

impl Pdu {
    /// Reads one PDU, header included.
    ///
    /// # Errors
    /// When it has no header or another length than that says. A body that cannot be read is no error here: the header
    /// says whom to tell.
    pub fn read(octets: &[u8]) -> Result<Self, MalformedPdu> {
        if length(octets)? != Some(octets.len()) {
            return Err(MalformedPdu("a PDU is cut off"));
        }
        let mut reader = PduReader(&octets[4..]);
        let (command_id, command_status, sequence_number) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let header = PduHeader { command_id, command_status, sequence_number };
        Ok(Self { header, body: PduBody::read(header, reader) })
    }
}

impl PduBody {
    fn read(header: PduHeader, mut reader: PduReader<'_>) -> Result<Self, MalformedPdu> {
        const BIND_TRANSCEIVER_RESP: u32 = BIND_TRANSCEIVER | RESPONSE;
        const SUBMIT_SM_RESP: u32 = SUBMIT_SM | RESPONSE;
        const ENQUIRE_LINK_RESP: u32 = ENQUIRE_LINK | RESPONSE;
        const UNBIND_RESP: u32 = UNBIND | RESPONSE;
        Ok(match header.command_id {
            BIND_TRANSCEIVER_RESP => Self::BindTransceiverResp,
            SUBMIT_SM_RESP if reader.0.is_empty() => Self::SubmitSmResp(String::new()),
            SUBMIT_SM_RESP => Self::SubmitSmResp(reader.text()?),
            DELIVER_SM => Self::DeliverSm(Box::new(DeliverSm::read(reader)?)),
            ENQUIRE_LINK => Self::EnquireLink,
            ENQUIRE_LINK_RESP => Self::EnquireLinkResp,
            UNBIND => Self::Unbind,
            UNBIND_RESP => Self::UnbindResp,
            GENERIC_NACK => Self::GenericNack,
            ALERT_NOTIFICATION => Self::Ignored,
            _ if header.is_response() => Self::Ignored,
            _ => Self::Unknown,
        })
    }
}

impl DeliverSm {
    fn read(mut reader: PduReader<'_>) -> Result<Self, MalformedPdu> {
        let _service_type = reader.text()?;
        let (source, destination) = (reader.address()?, reader.address()?);
        let esm_class = reader.u8()?;
        let [_protocol_id, _priority] = [reader.u8()?, reader.u8()?];
        let [_schedule, _validity] = [reader.text()?, reader.text()?];
        let [_registered_delivery, _replace, data_coding, _default_message] =
            [reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?];
        let length = usize::from(reader.u8()?);
        let message = reader.octets(length)?.to_vec();
        let mut deliver = Self { source, destination, esm_class, data_coding, message, ..Self::default() };
        deliver.read_parameters(reader)?;
        Ok(deliver)
    }

    fn read_parameters(&mut self, mut reader: PduReader<'_>) -> Result<(), MalformedPdu> {
        let (mut reference, mut total, mut number) = (None, None, None);
        while !reader.0.is_empty() {
            let (tag, length) = (reader.u16()?, reader.u16()?);
            let mut value = PduReader(reader.octets(usize::from(length))?);
            match tag {
                RECEIPTED_MESSAGE_ID => self.receipted_message_id = Some(value.rest()?),
                MESSAGE_STATE => self.message_state = Some(value.u8()?),
                NETWORK_ERROR_CODE => self.network_error = value.0.first_chunk().copied(),
                MESSAGE_PAYLOAD => self.message = value.0.to_vec(),
                SAR_MSG_REF_NUM => reference = Some(value.u16()?),
                SAR_TOTAL_SEGMENTS => total = Some(value.u8()?),
                SAR_SEGMENT_SEQNUM => number = Some(value.u8()?),
                _ => {}
            }
        }
        let part = reference.zip(total).zip(number);
        self.part = part.map(|((reference, total), number)| ConcatenatedPart { reference, total, number });
        Ok(())
    }
}

/// Takes octets off the front.
struct PduReader<'a>(&'a [u8]);

impl<'a> PduReader<'a> {
    fn octets(&mut self, count: usize) -> Result<&'a [u8], MalformedPdu> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(MalformedPdu("a field is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, MalformedPdu> {
        Ok(self.octets(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, MalformedPdu> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    fn u32(&mut self) -> Result<u32, MalformedPdu> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// A C-Octet String: it ends with a NUL.
    fn text(&mut self) -> Result<String, MalformedPdu> {
        let end = self.0.iter().position(|&octet| octet == 0).ok_or(MalformedPdu("a text has no end"))?;
        let text = text(self.octets(end)?)?;
        self.octets(1)?;
        Ok(text)
    }

    /// What is left, as a text: with its NUL, or, as some SMSCs write parameters, without.
    fn rest(&mut self) -> Result<String, MalformedPdu> {
        text(self.0.split(|&octet| octet == 0).next().unwrap_or_default())
    }

    fn address(&mut self) -> Result<SmppAddress, MalformedPdu> {
        Ok(SmppAddress { ton: self.u8()?, npi: self.u8()?, address: self.text()? })
    }
}

fn text(octets: &[u8]) -> Result<String, MalformedPdu> {
    if octets.len() > MAX_TEXT {
        return Err(MalformedPdu("a text is too long"));
    }
    Ok(String::from_utf8_lossy(octets).into_owned())
}

/// A bind as a transceiver (section 4.1.5).
#[derive(Clone, Copy)]
pub struct Bind<'a> {
    /// Who we are, at most 15 octets.
    pub system_id: &'a str,
    /// What proves it.
    pub password: &'a str,
    /// What kind of system we are, at most 12 octets.
    pub system_type: &'a str,
}

/// A message to send (section 4.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitSm {
    /// Who it is from.
    pub source: SmppAddress,
    /// Whom it is to.
    pub destination: SmppAddress,
    /// What kind of message it is (section 5.2.12).
    pub esm_class: u8,
    /// Until when it is worth delivering (section 7.1.1); the SMSC's default when empty.
    pub validity_period: String,
    /// Which receipts are wanted (section 5.2.17).
    pub registered_delivery: u8,
    /// How the message is coded (section 5.2.19).
    pub data_coding: u8,
    /// The message.
    pub message: ShortMessage,
}

/// Where a message stands in its PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShortMessage {
    /// In `short_message`: at most 254 octets.
    Short(Vec<u8>),
    /// In `short_message`, as a part of a longer one.
    Part(Vec<u8>, ConcatenatedPart),
    /// In `message_payload`: at most 64,000 octets.
    Payload(Vec<u8>),
}

/// Encodes a `bind_transceiver` PDU, header included.
pub fn bind_transceiver(sequence: u32, bind: Bind<'_>) -> Vec<u8> {
    let mut writer = PduWriter::new(BIND_TRANSCEIVER, 0, sequence);
    for field in [bind.system_id, bind.password, bind.system_type] {
        writer.text(field);
    }
    writer.0.push(VERSION);
    writer.address(&SmppAddress::default());
    writer.finish()
}

/// Encodes a `submit_sm` PDU, header included: a message to send.
pub fn submit_sm(sequence: u32, submit: &SubmitSm) -> Vec<u8> {
    let mut writer = PduWriter::new(SUBMIT_SM, 0, sequence);
    writer.text("");
    writer.address(&submit.source);
    writer.address(&submit.destination);
    let (protocol_id, priority, replace, default_message) = (0, 0, 0, 0);
    writer.0.extend([submit.esm_class, protocol_id, priority]);
    writer.text("");
    writer.text(&submit.validity_period);
    writer.0.extend([submit.registered_delivery, replace, submit.data_coding, default_message]);
    match &submit.message {
        ShortMessage::Short(octets) => writer.short_message(octets),
        ShortMessage::Part(octets, part) => {
            writer.short_message(octets);
            writer.parameter(SAR_MSG_REF_NUM, &part.reference.to_be_bytes());
            writer.parameter(SAR_TOTAL_SEGMENTS, &[part.total]);
            writer.parameter(SAR_SEGMENT_SEQNUM, &[part.number]);
        }
        ShortMessage::Payload(octets) => {
            writer.short_message(&[]);
            writer.parameter(MESSAGE_PAYLOAD, octets);
        }
    }
    writer.finish()
}

/// Encodes a `deliver_sm_resp` PDU, header included: the response to a receipt or to a message of a person.
pub fn deliver_sm_resp(sequence: u32, status: u32) -> Vec<u8> {
    let mut writer = PduWriter::new(DELIVER_SM | RESPONSE, status, sequence);
    writer.text("");
    writer.finish()
}

/// Encodes an `enquire_link` PDU, header included: it checks that the session is still alive.
pub fn enquire_link(sequence: u32) -> Vec<u8> {
    PduWriter::new(ENQUIRE_LINK, 0, sequence).finish()
}

/// Encodes an `enquire_link_resp` PDU, header included: the response to the SMSC's `enquire_link`.
pub fn enquire_link_resp(sequence: u32) -> Vec<u8> {
    PduWriter::new(ENQUIRE_LINK | RESPONSE, 0, sequence).finish()
}

/// Encodes an `unbind` PDU, header included: our request to end the session.
pub fn unbind(sequence: u32) -> Vec<u8> {
    PduWriter::new(UNBIND, 0, sequence).finish()
}

/// Encodes an `unbind_resp` PDU, header included: the response to the SMSC's `unbind`.
pub fn unbind_resp(sequence: u32) -> Vec<u8> {
    PduWriter::new(UNBIND | RESPONSE, 0, sequence).finish()
}

/// Encodes a `generic_nack` PDU, header included: the response to what is no PDU to us.
pub fn generic_nack(sequence: u32, status: u32) -> Vec<u8> {
    PduWriter::new(GENERIC_NACK, status, sequence).finish()
}

struct PduWriter(Vec<u8>);

impl PduWriter {
    fn new(command_id: u32, command_status: u32, sequence_number: u32) -> Self {
        let mut octets = vec![0; 4];
        for field in [command_id, command_status, sequence_number] {
            octets.extend(field.to_be_bytes());
        }
        Self(octets)
    }

    fn text(&mut self, text: &str) {
        // A NUL would end the field early, and what follows would be read as the next.
        self.0.extend(text.bytes().filter(|&octet| octet != 0));
        self.0.push(0);
    }

    fn address(&mut self, address: &SmppAddress) {
        self.0.extend([address.ton, address.npi]);
        self.text(&address.address);
    }

    fn short_message(&mut self, octets: &[u8]) {
        self.0.push(u8::try_from(octets.len()).expect("a part has at most 160 octets"));
        self.0.extend(octets);
    }

    fn parameter(&mut self, tag: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).expect("a text has at most 1,600 characters");
        self.0.extend(tag.to_be_bytes());
        self.0.extend(length.to_be_bytes());
        self.0.extend(value);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).expect("a PDU has at most a few kilobytes");
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deliver_sm(body: &[u8]) -> Vec<u8> {
        let mut writer = PduWriter::new(DELIVER_SM, 0, 7);
        writer.0.extend(body);
        writer.finish()
    }

    /// From +34600123456 to 12345: `Hi`, and a parameter of each kind.
    fn whole() -> Vec<u8> {
        let mut body = b"\0\x01\x0134600123456\0\x03\x0012345\0\x04\0\0\0\0\x01\0\x03\0\x02Hi".to_vec();
        body.extend(b"\x00\x1e\x00\x03id\0\x04\x27\x00\x01\x02\x04\x23\x00\x03\x03\x00\x08");
        body.extend(b"\x02\x0c\x00\x02\x01\x02\x02\x0e\x00\x01\x03\x02\x0f\x00\x01\x02\x14\x00\x00\x00");
        deliver_sm(&body)
    }

    #[test]
    fn a_deliver_sm_is_read_whole() {
        let Ok(Pdu { body: Ok(PduBody::DeliverSm(read)), .. }) = Pdu::read(&whole()) else { panic!() };
        let expected = DeliverSm {
            source: SmppAddress { ton: 1, npi: 1, address: "34600123456".to_owned() },
            destination: SmppAddress { ton: 3, npi: 0, address: "12345".to_owned() },
            esm_class: 4,
            data_coding: 3,
            message: b"Hi".to_vec(),
            receipted_message_id: Some("id".to_owned()),
            message_state: Some(2),
            network_error: Some([3, 0, 8]),
            part: Some(ConcatenatedPart { reference: 258, total: 3, number: 2 }),
        };
        assert_eq!(*read, expected);
    }

    #[test]
    fn a_body_that_is_cut_off_leaves_the_header_to_answer_to() {
        let whole = whole();
        for end in HEADER_OCTETS..whole.len() {
            let cut = deliver_sm(&whole[HEADER_OCTETS..end]);
            let read = Pdu::read(&cut).unwrap();
            assert_eq!(
                read.header,
                PduHeader { command_id: DELIVER_SM, command_status: 0, sequence_number: 7 }
            );
        }
        assert!(Pdu::read(&deliver_sm(&whole[HEADER_OCTETS..30])).unwrap().body.is_err());
    }

    #[test]
    fn a_length_that_cannot_be_ends_it() {
        assert_eq!(length(&[0, 0, 0]), Ok(None));
        assert_eq!(length(&[0, 0, 0, 16]), Ok(Some(16)));
        for wrong in [[0, 0, 0, 15], [0, 1, 0, 1], [0xff; 4]] {
            assert!(length(&wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(mut octets in prop::collection::vec(any::<u8>(), 16..300), fit: bool) {
            if fit {
                let length = u32::try_from(octets.len()).unwrap();
                octets[..4].copy_from_slice(&length.to_be_bytes());
                octets[4..8].copy_from_slice(&DELIVER_SM.to_be_bytes());
            }
            let _ = Pdu::read(&octets);
        }
    }
}
