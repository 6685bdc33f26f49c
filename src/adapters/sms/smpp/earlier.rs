//! The parts of long texts that were sent before the last one, and the messages that they belong to.
//!
//! The id of the last part is the reference of the message, because only when that part is taken the message is. Of the
//! receipts of the parts before it only a failure counts, and it is the message's. These parts are remembered in memory
//! alone, so a failure that is reported after a restart, or after many other messages, is lost, and what became of the last
//! part is all that is known.

use std::collections::{HashMap, VecDeque};

use super::receipts::SmscReceipt;
use crate::model::ReceiptStatus;

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

    /// The reference of the message that the receipt is of. `None` when it changes nothing.
    pub(super) fn reference(&self, receipt: &SmscReceipt) -> Option<String> {
        match self.references.get(&receipt.reference) {
            None => Some(receipt.reference.clone()),
            Some(message) => (receipt.status == ReceiptStatus::Failed).then(|| message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OutcomeEvidence;

    fn receipt(id: &str, status: ReceiptStatus) -> SmscReceipt {
        SmscReceipt { reference: id.to_owned(), status, evidence: OutcomeEvidence::default() }
    }

    #[test]
    fn a_failed_part_fails_the_message_and_no_other_report_of_it_counts() {
        let mut earlier = EarlierParts::default();
        earlier.remember(vec!["1".to_owned(), "2".to_owned(), "3".to_owned()], "3");
        let of = |id, status| earlier.reference(&receipt(id, status));
        assert_eq!(of("1", ReceiptStatus::Failed).as_deref(), Some("3"));
        assert_eq!(of("2", ReceiptStatus::Delivered), None);
        assert_eq!(of("3", ReceiptStatus::Delivered).as_deref(), Some("3"));
        assert_eq!(of("4", ReceiptStatus::Delivered).as_deref(), Some("4"));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut earlier = EarlierParts::default();
        for number in 0..2 * MAX_PARTS {
            earlier.remember(vec![number.to_string()], "whole");
        }
        assert_eq!((earlier.order.len(), earlier.references.len()), (MAX_PARTS, MAX_PARTS));
        assert_eq!(earlier.reference(&receipt("0", ReceiptStatus::Delivered)).as_deref(), Some("0"));
    }
}
