//! The parts of long texts that were sent before the last one, and the messages that they belong to.
//!
//! The id of the last part is the reference of the message, because only when that part is taken the message is. Of the
//! receipts of the parts before it only a failure counts, and it is the message's. These parts are remembered in memory
//! alone, so a failure that is reported after a restart, or after many other messages, is lost, and what became of the last
//! part is all that is known.

use std::collections::{HashMap, VecDeque};

use super::receipts::SmscReceipt;
use crate::model::{ReceiptStatus, ReferenceForms};

/// How many parts are remembered.
const MAX_PARTS: usize = 10_000;

/// The earlier parts that were sent last: at most [`MAX_PARTS`].
#[derive(Debug, Default)]
pub(super) struct EarlierParts {
    references: HashMap<String, String>,
    order: VecDeque<String>,
}

impl EarlierParts {
    /// Remembers parts with these ids, which belong to the message with this reference.
    pub(super) fn remember(&mut self, ids: Vec<String>, reference: &str) {
        // An SMSC that counts from the beginning again gave it to a part once.
        self.references.remove(reference);
        for id in ids {
            // Some SMSCs give all parts one id.
            if id == reference || self.references.insert(id.clone(), reference.to_owned()).is_some() {
                continue;
            }
            self.order.push_back(id);
            if self.order.len() > MAX_PARTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.references.remove(&oldest);
            }
        }
    }

    /// The receipt as one of the message that it is of, where it is of a part. `None` when it changes nothing.
    pub(super) fn of_message(&self, receipt: SmscReceipt) -> Option<SmscReceipt> {
        let is_failure = receipt.status == ReceiptStatus::Failed;
        let mut ids = std::iter::once(&receipt.reference).chain(&receipt.forms.spellings);
        if let Some(message) = ids.find_map(|id| self.references.get(id)) {
            let reference = message.clone();
            return is_failure.then(|| SmscReceipt {
                reference,
                forms: ReferenceForms::default(),
                ..receipt
            });
        }
        let of_message = |reading: String| match self.references.get(&reading) {
            None => Some(reading),
            Some(message) => is_failure.then(|| message.clone()),
        };
        let ReferenceForms { spellings, readings } = receipt.forms;
        let readings = readings.into_iter().filter_map(of_message).collect();
        Some(SmscReceipt { forms: ReferenceForms { spellings, readings }, ..receipt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OutcomeEvidence;

    fn receipt(id: &str, status: ReceiptStatus) -> SmscReceipt {
        let (reference, forms) = (id.to_owned(), ReferenceForms::default());
        SmscReceipt { reference, forms, status, evidence: OutcomeEvidence::default() }
    }

    fn reference(earlier: &EarlierParts, id: &str, status: ReceiptStatus) -> Option<String> {
        earlier.of_message(receipt(id, status)).map(|receipt| receipt.reference)
    }

    #[test]
    fn a_failed_part_fails_the_message_and_no_other_report_of_it_counts() {
        let mut earlier = EarlierParts::default();
        earlier.remember(vec!["1".to_owned(), "2".to_owned(), "3".to_owned()], "3");
        let of = |id, status| reference(&earlier, id, status);
        assert_eq!(of("1", ReceiptStatus::Failed).as_deref(), Some("3"));
        assert_eq!(of("2", ReceiptStatus::Delivered), None);
        assert_eq!(of("3", ReceiptStatus::Delivered).as_deref(), Some("3"));
        assert_eq!(of("4", ReceiptStatus::Delivered).as_deref(), Some("4"));
    }

    #[test]
    fn a_part_may_be_named_in_another_base() {
        let mut earlier = EarlierParts::default();
        earlier.remember(vec!["abc00".to_owned()], "abc01");
        let of = |status| {
            let readings = vec!["abc00".to_owned(), "7353480".to_owned()];
            let forms = ReferenceForms { readings, ..ReferenceForms::default() };
            let receipt = earlier.of_message(SmscReceipt { forms, ..receipt("703488", status) }).unwrap();
            (receipt.reference, receipt.forms.readings)
        };
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(of(ReceiptStatus::Failed), ("703488".to_owned(), owned(&["abc01", "7353480"])));
        assert_eq!(of(ReceiptStatus::Delivered), ("703488".to_owned(), owned(&["7353480"])));
    }

    #[test]
    fn an_id_that_a_message_has_now_is_no_parts_any_more() {
        let mut earlier = EarlierParts::default();
        earlier.remember(vec!["1".to_owned()], "2");
        earlier.remember(vec![], "1");
        assert_eq!(reference(&earlier, "1", ReceiptStatus::Delivered).as_deref(), Some("1"));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut earlier = EarlierParts::default();
        for number in 0..2 * MAX_PARTS {
            earlier.remember(vec![number.to_string()], "whole");
        }
        assert_eq!((earlier.order.len(), earlier.references.len()), (MAX_PARTS, MAX_PARTS));
        assert_eq!(reference(&earlier, "0", ReceiptStatus::Delivered).as_deref(), Some("0"));
    }
}
