//! What comes from an SMSC.

use std::time::Duration;

use relevo::adapters::sms::gsm;
use relevo::adapters::sms::smpp::inbound::{self, AssembledText, PartialTexts};
use relevo::adapters::sms::smpp::pdu::{self, DeliverSm, Pdu, PduBody};
use relevo::adapters::sms::smpp::receipts::{self, DeliverKind, MessageIdFormat};

use tokio::time::Instant;

use super::{assert_bounded, now};

const HEADER_OCTETS: usize = 16;
/// What a part that never came is in a joined text, in bytes.
const MAX_GAP_BYTES: usize = 5;

/// PDUs, one after the other, as they come over a connection. A length that goes too far counts as far as there is anything,
/// so that a change to it does not hide all that follows. The octets are given to the alphabet of SMS, too.
pub fn smpp(input: &[u8]) {
    assert_eq!(Pdu::read(input).is_ok(), pdu::length(input) == Ok(Some(input.len())));
    let mut parts = PartialTexts::default();
    let mut rest = input;
    while let Some(first) = rest.first_chunk().filter(|_| rest.len() >= HEADER_OCTETS) {
        let length = usize::try_from(u32::from_be_bytes(*first)).unwrap_or(usize::MAX);
        let (octets, others) = rest.split_at(length.clamp(HEADER_OCTETS, rest.len()));
        read(octets, &mut parts);
        rest = others;
    }
    let later = Instant::now() + Duration::from_secs(3_600);
    while let Some(joined) = parts.overdue(later) {
        assert_assembled_text_is_bounded(joined, input.len());
    }
    alphabet(input);
}

/// Reads a PDU, but for its length.
fn read(octets: &[u8], parts: &mut PartialTexts) {
    let Ok(length) = u32::try_from(octets.len()) else { return };
    let octets = [&length.to_be_bytes(), &octets[4..]].concat();
    match Pdu::read(&octets).map(|pdu| pdu.body) {
        Ok(Ok(PduBody::DeliverSm(deliver))) => read_deliver_sm(&deliver, parts, octets.len()),
        Ok(Ok(PduBody::SubmitSmResp(id))) => {
            // A hexadecimal digit is never more than two decimal ones.
            assert!(MessageIdFormat::HexInResponse.reference_from_response(&id).len() <= 2 * id.len() + 1);
        }
        Ok(_) => {}
        Err(error) => assert!(octets.len() > pdu::MAX_OCTETS, "{error}"),
    }
}

/// Reads one as a receipt and as a message, whichever it says it is.
fn read_deliver_sm(deliver: &DeliverSm, parts: &mut PartialTexts, octets: usize) {
    let _ = DeliverKind::of(deliver);
    for ids in [MessageIdFormat::Text, MessageIdFormat::HexInResponse] {
        if let Some(receipt) = receipts::read(deliver, ids) {
            assert!(!receipt.reference.is_empty() && receipt.reference.len() <= 3 * octets, "{receipt:?}");
            assert!(receipt.ids().count() <= 7, "{receipt:?}");
        }
    }
    let written = inbound::read(deliver);
    let Some(part) = written.part else {
        let text = inbound::decode(written.data_coding, written.octets);
        let event = inbound::text_event(&deliver.source, &deliver.destination, text, now());
        return assert_bounded(event.as_slice(), octets);
    };
    assert!(part.total > 1 && (1..=part.total).contains(&part.number), "{part:?}");
    if let Ok(Some(joined)) = parts.add(deliver, part, Instant::now()) {
        parts.forget(&joined.key);
        assert_assembled_text_is_bounded(joined, usize::MAX);
    }
}

fn assert_assembled_text_is_bounded(joined: AssembledText, octets: usize) {
    let AssembledText { from, to, text, .. } = joined;
    let gaps = usize::from(u8::MAX) * MAX_GAP_BYTES;
    assert!(text.len() <= octets.saturating_mul(3).saturating_add(gaps), "{} bytes", text.len());
    drop(inbound::text_event(&from, &to, text, now()));
}

/// What was read can be written, and then is read as the same.
fn alphabet(octets: &[u8]) {
    let text = gsm::decode(octets);
    if let Some(written) = gsm::encode(&text) {
        assert_eq!(gsm::decode(&written), text);
    }
}
