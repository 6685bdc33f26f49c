//! The receipts of an SMSC, read by their parameters where there are any, else by their text (SMPP 3.4, issue 1.2,
//! appendix B), in which SMSCs leave out fields, change case, and write times as they like.

use serde::Deserialize;

use super::pdu::DeliverSm;
use crate::model::{OutcomeEvidence, ReceiptStatus, ReferenceForms};

/// The form in which the SMSC gives its ids of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageIdFormat {
    /// As one text in whatever case and with zeros before it or without, or as one number in either base: which of these is found
    /// out by the message and the number that a receipt leads to.
    #[default]
    Text,
    /// As a hexadecimal number when it takes a message, and as a decimal one in its receipt.
    HexInResponse,
}

impl MessageIdFormat {
    /// The reference of a message by the id in the response to it, such that its receipt has the same reference.
    pub fn reference_from_response(self, id: &str) -> String {
        match self {
            Self::Text => canonical(id),
            Self::HexInResponse => number(id, 16).unwrap_or_else(|| id.to_owned()),
        }
    }

    /// The reference of a message by the ids in its receipt, and what else they may stand for. The parameter holds the response's
    /// spelling or the text's, whichever the SMSC likes, so where these differ and it is known how, the text goes first.
    fn reference_from_receipt(
        self,
        parameter: Option<&str>,
        text: Option<&str>,
    ) -> Option<(String, ReferenceForms)> {
        let filled = |id: &&str| !id.is_empty();
        let (parameter, text) = (parameter.filter(filled), text.filter(filled));
        match self {
            Self::Text => {
                let id = parameter.or(text)?;
                Some((canonical(id), forms(id, text)))
            }
            Self::HexInResponse => {
                let id = text.or(parameter)?;
                let reference = number(id, 10).or_else(|| number(id, 16)).unwrap_or_else(|| id.to_owned());
                Some((reference, ReferenceForms::default()))
            }
        }
    }
}

/// An id as a reference: in lower case, and without the zeros before a number. SMSCs answer with `29095` and report on
/// `0000029095` (jookies/jasmin#1129, farhadi/node-smpp#199), or change the case (jookies/jasmin#418).
fn canonical(id: &str) -> String {
    let id = id.to_ascii_lowercase();
    let is_number = id.bytes().all(|digit| digit.is_ascii_hexdigit());
    match id.trim_start_matches('0') {
        digits if is_number && !digits.is_empty() => digits.to_owned(),
        "" if !id.is_empty() => "0".to_owned(),
        _ => id,
    }
}

/// What else the id in a receipt may stand for, and the id in its text, if that is another. Ids were once kept as they came.
fn forms(id: &str, text: Option<&str>) -> ReferenceForms {
    let reference = canonical(id);
    let mut readings = Vec::new();
    let others =
        text.map(canonical).into_iter().chain([id, text.unwrap_or(id)].into_iter().flat_map(in_other_base));
    for reading in others {
        if reading != reference && !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    let spellings = if id == reference { Vec::new() } else { vec![id.to_owned()] };
    ReferenceForms { spellings, readings }
}

/// The hexadecimal form of a decimal number, and the decimal one of a hexadecimal number: digits alone may be either. SMSCs
/// answer in one and report in the other (opentelecoms-org/jsmpp#56 and #178, jookies/jasmin#1034).
fn in_other_base(id: &str) -> impl Iterator<Item = String> {
    let is_decimal = id.bytes().all(|digit| digit.is_ascii_digit());
    let as_decimal = id.parse::<u128>().ok().filter(|_| is_decimal).map(|number| format!("{number:x}"));
    as_decimal.into_iter().chain(number(id, 16))
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
    /// What else its id may stand for.
    pub forms: ReferenceForms,
    /// What became of it.
    pub status: ReceiptStatus,
    /// The SMSC's words: its code of an error, and the state.
    pub evidence: OutcomeEvidence,
}

impl SmscReceipt {
    /// All that its id may stand for.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        let ReferenceForms { spellings, readings } = &self.forms;
        std::iter::once(&self.reference).chain(spellings).chain(readings)
    }

    /// The same as one that counts only for a message to the number that it comes from, and is not kept for one to come.
    pub fn unproven(self) -> Self {
        let ReferenceForms { spellings, readings } = self.forms;
        let readings = [vec![self.reference], spellings, readings].concat();
        Self { reference: String::new(), forms: ReferenceForms { readings, ..Default::default() }, ..self }
    }
}

/// What a `deliver_sm` brings (section 5.2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverKind {
    /// The report on a message.
    Receipt,
    /// What has the form of a report, and may have been written by a person.
    PossibleReceipt,
    /// A message of a person.
    Message,
    /// Neither. Intermediate notifications (0x20) say nothing that counts.
    Other,
}

impl DeliverKind {
    /// By `esm_class`, which some SMSCs leave at 0 in receipts, too. Then the state of a message is the mark of one, because no
    /// phone can send it, while an id alone may stand on messages of people (OpenMarket's guide to its SMPP, "MO examples").
    /// Without it, the whole form of appendix B makes one possible.
    pub fn of(deliver: &DeliverSm) -> Self {
        match deliver.esm_class & 0x3c {
            0x04 => return Self::Receipt,
            0 => {}
            _ => return Self::Other,
        }
        let is_whole = deliver.esm_class & 0x40 == 0 && deliver.part.is_none();
        let has_form =
            is_whole && ReportFields::new(&String::from_utf8_lossy(&deliver.message)).are_all_there();
        let has_id = deliver.receipted_message_id.as_deref().is_some_and(|id| !id.is_empty());
        let has_parameters = has_id && deliver.message_state.is_some();
        match (has_form, has_parameters) {
            (true, true) => Self::Receipt,
            (false, true) if deliver.message.is_empty() => Self::Receipt,
            (true, false) => Self::PossibleReceipt,
            (false, _) => Self::Message,
        }
    }
}

/// Reads a receipt. `None` when it names no message, or a state that changes nothing or is not known.
pub fn read(deliver: &DeliverSm, ids: MessageIdFormat) -> Option<SmscReceipt> {
    let text = String::from_utf8_lossy(&deliver.message);
    let text = ReportFields::new(&text);
    let (reference, forms) =
        ids.reference_from_receipt(deliver.receipted_message_id.as_deref(), text.get("id"))?;
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
    Some(SmscReceipt { reference, forms, status, evidence })
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

    /// Whether the text has all fields of appendix B in their order, the first at its beginning.
    fn are_all_there(&self) -> bool {
        const FIELDS: [&str; 7] = ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err"];
        let found = FIELDS.map(|key| self.find(key));
        found[0] == Some("id:".len()) && found.is_sorted() && found.iter().all(Option::is_some)
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
                Some(("a1", "delivered", "")),
            ),
            (
                "ID:A1 SUB:001 DONE DATE:261122023100 STAT:UNDELIV ERR:069 TEXT:",
                Some(("a1", "failed", "069 UNDELIV")),
            ),
            ("id:A1 stat:EXPIRED", Some(("a1", "failed", "EXPIRED"))),
            ("stat:rejected id:A1\terr:8", Some(("a1", "failed", "8 rejected"))),
            ("id:A1 stat:DELETED err:", Some(("a1", "failed", "DELETED"))),
            ("id:A1 stat:ENROUTE", Some(("a1", "sent", ""))),
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
        assert_eq!(summary_of(&both), Some(("a1".to_owned(), "failed", "8 DELIVRD".to_owned())));
        both.message.clear();
        assert_eq!(summary_of(&both), Some(("a1".to_owned(), "failed", "8".to_owned())));
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
        for (parameter, text) in
            [(None, Some("0000703488")), (Some("ABC00"), Some("703488")), (Some("ABC00"), None)]
        {
            let expected = ("703488".to_owned(), ReferenceForms::default());
            assert_eq!(ids.reference_from_receipt(parameter, text), Some(expected), "{parameter:?} {text:?}");
        }
        for odd in ["", "+1", "x-17", &"f".repeat(40)] {
            assert_eq!(ids.reference_from_response(odd), odd);
        }
    }

    #[test]
    fn an_id_is_one_in_any_case_and_with_zeros_before_it_and_may_be_one_in_another_base() {
        for (answered, parameter, text, spellings, readings) in [
            ("29095", None, "29095", vec![], vec!["71a7", "168085"]),
            ("29095", None, "0000029095", vec!["0000029095"], vec!["71a7", "168085"]),
            ("29095", Some("0000029095"), "29095", vec!["0000029095"], vec!["71a7", "168085"]),
            ("3E95179A", None, "3e95179a", vec![], vec!["1049958298"]),
            ("SAR-34-1eedf843-2-1", None, "SAR-34-1EEDF843-2-1", vec!["SAR-34-1EEDF843-2-1"], vec![]),
            ("0", None, "000", vec!["000"], vec![]),
            ("ABC00", Some("ABC00"), "703488", vec!["ABC00"], vec!["703488", "7353480"]),
            ("a1", Some("A1"), "other", vec!["A1"], vec!["other", "161"]),
        ] {
            let ids = MessageIdFormat::Text;
            let (reference, forms) = ids.reference_from_receipt(parameter, Some(text)).unwrap();
            assert_eq!(reference, ids.reference_from_response(answered), "{answered}");
            assert_eq!(
                (forms.spellings, forms.readings),
                (owned(&spellings), owned(&readings)),
                "{answered}"
            );
        }
        for (answered, reported) in [("870928761", "33E95179"), ("33E95179", "0870928761"), ("17", "11")] {
            let ids = MessageIdFormat::Text;
            let (reference, forms) = ids.reference_from_receipt(None, Some(reported)).unwrap();
            let answered = ids.reference_from_response(answered);
            assert!(reference != answered && forms.readings.contains(&answered), "{forms:?}");
        }
        for odd in ["", "+1", "x-17", &"9".repeat(60)] {
            assert_eq!(MessageIdFormat::Text.reference_from_response(odd), odd);
            assert_eq!(forms(odd, None), ReferenceForms::default(), "{odd}");
        }
    }

    #[test]
    fn an_unproven_receipt_has_nothing_but_readings() {
        let unproven = read(&text("id:0A1 stat:DELIVRD"), MessageIdFormat::Text).unwrap().unproven();
        assert_eq!((unproven.reference.as_str(), unproven.forms.spellings), ("", vec![]));
        assert_eq!(unproven.forms.readings, owned(&["a1", "0A1", "161"]));
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn kinds_of_messages_are_told_apart() {
        use DeliverKind::{Message, Other, PossibleReceipt, Receipt};
        let whole =
            "id:1 sub:001 dlvrd:001 submit date:2611220230 done date:2611220231 stat:DELIVRD err:000 text:";
        let id = Some("1".to_owned());
        for (esm_class, id, message_state, written, expected) in [
            (0x04, None, None, "", Receipt),
            (0x44, None, None, "", Receipt),
            (0x20, None, None, whole, Other),
            (0, None, None, "STOP", Message),
            (0, None, None, "", Message),
            (0x40, None, None, whole, Message),
            (0, None, None, whole, PossibleReceipt),
            (0, None, None, &whole.to_uppercase(), PossibleReceipt),
            (0, id.clone(), None, whole, PossibleReceipt),
            (0, None, Some(2), whole, PossibleReceipt),
            (0, id.clone(), Some(2), whole, Receipt),
            (0, id.clone(), Some(2), "", Receipt),
            (0, id.clone(), Some(2), "STOP", Message),
            (0, id.clone(), None, "STOP", Message),
            // Something before it, less than all of it, another order, and all of it in what was sent.
            (0, None, None, &format!("Look: {whole}"), Message),
            (0, None, None, &whole.replace("sub:001 ", ""), Message),
            (0, None, None, &whole.replace("err:000 ", ""), Message),
            (0, None, None, "id:1 stat:DELIVRD", Message),
            (0, None, None, &whole.replace("sub:", "stat:A sub:"), Message),
            (0, None, None, &format!("id:1 text:{whole}"), Message),
        ] {
            let deliver = DeliverSm { esm_class, receipted_message_id: id, message_state, ..text(written) };
            assert_eq!(DeliverKind::of(&deliver), expected, "{esm_class:#x} {written}");
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
