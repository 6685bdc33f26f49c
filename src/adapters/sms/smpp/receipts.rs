//! The receipts of an SMSC, read by their parameters where there are any, else by their text (SMPP 3.4, issue 1.2,
//! appendix B), in which SMSCs leave out fields, change case, and write times as they like.

use serde::Deserialize;

use super::pdu::DeliverSm;
use crate::model::{OutcomeEvidence, ReceiptStatus};

/// The form in which the SMSC gives its ids of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageIdFormat {
    /// As a text that is the same everywhere.
    #[default]
    Text,
    /// As a hexadecimal number when it takes a message, and as a decimal one in its receipt.
    HexInResponse,
}

impl MessageIdFormat {
    /// The reference of a message by the id in the response to it, such that its receipt has the same reference.
    pub fn reference_from_response(self, id: &str) -> String {
        match self {
            Self::Text => id.to_owned(),
            Self::HexInResponse => number(id, 16).unwrap_or_else(|| id.to_owned()),
        }
    }

    /// The reference of a message by the ids in its receipt. The parameter holds the response's spelling or the text's,
    /// whichever the SMSC likes, so where these differ the text goes first.
    fn reference_from_receipt(self, parameter: Option<&str>, text: Option<&str>) -> Option<String> {
        let filled = |id: &&str| !id.is_empty();
        let (parameter, text) = (parameter.filter(filled), text.filter(filled));
        match self {
            Self::Text => parameter.or(text).map(str::to_owned),
            Self::HexInResponse => {
                let id = text.or(parameter)?;
                Some(number(id, 10).or_else(|| number(id, 16)).unwrap_or_else(|| id.to_owned()))
            }
        }
    }
}

fn number(id: &str, radix: u32) -> Option<String> {
    let digits = id.chars().all(|c| c.is_digit(radix));
    u128::from_str_radix(id, radix).ok().filter(|_| digits).map(|number| number.to_string())
}

/// A receipt, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmscReceipt {
    /// The reference of the message, or of its part, that the receipt is of.
    pub reference: String,
    /// What became of it.
    pub status: ReceiptStatus,
    /// The SMSC's words: its code of an error, and the state.
    pub evidence: OutcomeEvidence,
}

/// Whether this is the report on a message, and no message of a person (section 5.2.12). Intermediate notifications (0x20)
/// are none: they say nothing that counts.
pub fn is_receipt(deliver: &DeliverSm) -> bool {
    kind(deliver) == 0x04
}

/// Whether this is a message of a person.
pub fn is_message(deliver: &DeliverSm) -> bool {
    kind(deliver) == 0
}

fn kind(deliver: &DeliverSm) -> u8 {
    deliver.esm_class & 0x3c
}

/// Reads a receipt. `None` when it names no message, or a state that changes nothing or is not known.
pub fn read(deliver: &DeliverSm, ids: MessageIdFormat) -> Option<SmscReceipt> {
    let text = String::from_utf8_lossy(&deliver.message);
    let text = ReportFields::new(&text);
    let reference = ids.reference_from_receipt(deliver.receipted_message_id.as_deref(), text.get("id"))?;
    let state = text.get("stat");
    let by_parameter = deliver.message_state.map(status_of_state);
    let status = by_parameter.unwrap_or_else(|| status_of_word(state?))?;
    let by_parameter =
        deliver.network_error.map(|[_, high, low]| u16::from_be_bytes([high, low]).to_string());
    let code = by_parameter.or_else(|| text.get("err").map(str::to_owned)).unwrap_or_default();
    let evidence = match status {
        ReceiptStatus::Failed => OutcomeEvidence::new(code, state.unwrap_or_default()),
        _ => OutcomeEvidence::default(),
    };
    Some(SmscReceipt { reference, status, evidence })
}

/// Section 5.2.28. That a message was accepted on somebody's behalf, or that nobody knows, says nothing new.
fn status_of_state(state: u8) -> Option<ReceiptStatus> {
    match state {
        1 => Some(ReceiptStatus::Sent),
        2 => Some(ReceiptStatus::Delivered),
        3 | 4 | 5 | 8 => Some(ReceiptStatus::Failed),
        _ => None,
    }
}

/// The same in the words of appendix B, and as they are often written out.
fn status_of_word(word: &str) -> Option<ReceiptStatus> {
    match word.to_ascii_uppercase().as_str() {
        "ENROUTE" => Some(ReceiptStatus::Sent),
        "DELIVRD" | "DELIVERED" => Some(ReceiptStatus::Delivered),
        "EXPIRED" | "DELETED" | "UNDELIV" | "UNDELIVERED" | "REJECTD" | "REJECTED" | "FAILED" => {
            Some(ReceiptStatus::Failed)
        }
        _ => None,
    }
}

/// The fields of a receipt's text.
struct ReportFields<'a> {
    text: &'a str,
    lower: String,
}

impl<'a> ReportFields<'a> {
    fn new(text: &'a str) -> Self {
        let mut fields = Self { text, lower: text.to_ascii_lowercase() };
        // The last field is the beginning of what was sent, which may look like fields itself.
        if let Some(at) = fields.find("text") {
            fields.lower.truncate(at);
        }
        fields
    }

    /// A field's value, up to the next space.
    fn get(&self, key: &str) -> Option<&'a str> {
        let rest = self.text.get(self.find(key)?..self.lower.len())?;
        rest.split(char::is_whitespace).next()
    }

    /// Where the value of a field begins.
    fn find(&self, key: &str) -> Option<usize> {
        let begins = |at: usize| at == 0 || self.lower.as_bytes()[at - 1].is_ascii_whitespace();
        let mut found =
            self.lower.match_indices(key).filter(|&(at, _)| begins(at)).map(|(at, _)| at + key.len());
        found.find(|&end| self.lower[end..].starts_with(':')).map(|end| end + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> DeliverSm {
        DeliverSm { esm_class: 4, message: text.as_bytes().to_vec(), ..DeliverSm::default() }
    }

    fn summary_of(deliver: &DeliverSm) -> Option<(String, &'static str, String)> {
        let receipt = read(deliver, MessageIdFormat::Text)?;
        Some((receipt.reference, receipt.status.as_str(), receipt.evidence.to_string()))
    }

    #[test]
    fn texts_are_read_as_smscs_write_them() {
        for (written, expected) in [
            (
                "id:A1 sub:001 dlvrd:001 submit date:2611220230 done date:2611220231 stat:DELIVRD err:000 text:Hi",
                Some(("A1", "delivered", "")),
            ),
            (
                "ID:A1 SUB:001 DONE DATE:261122023100 STAT:UNDELIV ERR:069 TEXT:",
                Some(("A1", "failed", "069 UNDELIV")),
            ),
            ("id:A1 stat:EXPIRED", Some(("A1", "failed", "EXPIRED"))),
            ("stat:rejected id:A1\terr:8", Some(("A1", "failed", "8 rejected"))),
            ("id:A1 stat:DELETED err:", Some(("A1", "failed", "DELETED"))),
            ("id:A1 stat:ENROUTE", Some(("A1", "sent", ""))),
            ("id:A1 stat:ACCEPTD", None),
            ("id:A1 stat:UNKNOWN", None),
            ("id:A1 stat:TOMORROW", None),
            // What was sent is not what is said of it.
            ("id:A1 sub:001 text:stat:DELIVRD stat:DELIVRD", None),
            ("stat:DELIVRD", None),
            ("id: stat:DELIVRD", None),
            ("", None),
            ("ñ", None),
        ] {
            let expected =
                expected.map(|(id, status, evidence)| (id.to_owned(), status, evidence.to_owned()));
            assert_eq!(summary_of(&text(written)), expected, "{written}");
        }
    }

    #[test]
    fn parameters_go_before_the_text() {
        let mut both = text("id:other stat:DELIVRD err:000");
        both.receipted_message_id = Some("A1".to_owned());
        both.message_state = Some(5);
        both.network_error = Some([3, 0, 8]);
        assert_eq!(summary_of(&both), Some(("A1".to_owned(), "failed", "8 DELIVRD".to_owned())));
        both.message.clear();
        assert_eq!(summary_of(&both), Some(("A1".to_owned(), "failed", "8".to_owned())));
        for (state, expected) in
            [(0, None), (1, Some("sent")), (2, Some("delivered")), (3, Some("failed")), (4, Some("failed"))]
        {
            both.message_state = Some(state);
            assert_eq!(summary_of(&both).map(|(_, status, _)| status), expected, "{state}");
        }
        for (state, expected) in [(6, None), (7, None), (8, Some("failed")), (9, None)] {
            both.message_state = Some(state);
            assert_eq!(summary_of(&both).map(|(_, status, _)| status), expected, "{state}");
        }
    }

    #[test]
    fn hexadecimal_answers_meet_decimal_receipts() {
        let ids = MessageIdFormat::HexInResponse;
        assert_eq!(ids.reference_from_response("0ABC00"), "703488");
        assert_eq!(ids.reference_from_receipt(None, Some("0000703488")).as_deref(), Some("703488"));
        assert_eq!(ids.reference_from_receipt(Some("ABC00"), Some("703488")).as_deref(), Some("703488"));
        assert_eq!(ids.reference_from_receipt(Some("ABC00"), None).as_deref(), Some("703488"));
        for odd in ["", "+1", "x-17", &"f".repeat(40)] {
            assert_eq!(ids.reference_from_response(odd), odd);
        }
        assert_eq!(MessageIdFormat::Text.reference_from_response("0ABC00"), "0ABC00");
    }

    #[test]
    fn kinds_of_messages_are_told_apart() {
        for (esm_class, receipt, message) in [
            (0x04, true, false),
            (0x44, true, false),
            (0x20, false, false),
            (0, false, true),
            (0x40, false, true),
        ] {
            let deliver = DeliverSm { esm_class, ..DeliverSm::default() };
            assert_eq!((is_receipt(&deliver), is_message(&deliver)), (receipt, message), "{esm_class:#x}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_receipt_says_it_is_read(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let deliver = DeliverSm { message, ..DeliverSm::default() };
            let _ = read(&deliver, MessageIdFormat::HexInResponse);
        }

        #[test]
        fn whatever_the_order_and_the_case(text in "(id:|stat:|text:|TEXT:|ı|İ|DELIVRD| |a){0,20}") {
            let deliver = DeliverSm { message: text.into_bytes(), ..DeliverSm::default() };
            let _ = read(&deliver, MessageIdFormat::Text);
        }
    }
}
