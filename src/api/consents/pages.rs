//! A contact's consent in pages: what is in force, and then the ledger behind it.

use prost::Message;

use super::ConsentApi;
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::page::{MAX_PAGE_BYTES, PageTokenScope, collect, fitting_into};
use crate::consent::standings;
use crate::model::{Channel, ContactId, DecidingEntry, Recipient, TopicScope};
use crate::store::PageRequest;
use crate::wire::{FieldPath, Violations, v1};

/// Where a page begins.
enum PageStart {
    /// At this place among the states, and the suppressions after them.
    InForce(usize),
    /// After the entry of the ledger with this token of the store; at the oldest for `None`.
    Ledger(Option<Vec<u8>>),
}

impl ConsentApi {
    pub(super) async fn consent(
        &self,
        caller: &BrandCaller,
        request: v1::GetConsentRequest,
    ) -> Result<v1::GetConsentResponse, ApiError> {
        let mut violations = Violations::default();
        let contact = request.contact_id.as_str();
        let listing = PageTokenScope::new(&self.tokens, "consent", Some(&caller.brand), contact.as_bytes());
        let id = violations.parsed::<ContactId>(contact, &FieldPath::new("contact_id"));
        let wanted = listing.request(request.page_size, &request.page_token, &mut violations);
        let (id, wanted) = violations.finish(id.zip(Some(wanted)))?;
        let mut start = PageStart::read(wanted.after);
        let recipient = self.store.recipient(&caller.brand, &id).await?;
        let recipient = recipient.ok_or_else(|| ApiError::no_contact(&id))?;
        let mut answer = v1::GetConsentResponse::default();
        if let PageStart::InForce(from) = start {
            start = add_in_force(&recipient, from, &mut answer);
        }
        let next = match start {
            PageStart::InForce(_) => Some(start),
            PageStart::Ledger(after) => {
                let wanted = PageRequest { size: wanted.size, after };
                let read = |page| self.store.ledger(&caller.brand, &id, page);
                let page = collect(wanted, read, |entry| v1::ConsentEntry::from(entry)).await?;
                answer.ledger = page.items;
                page.next.map(|next| PageStart::Ledger(Some(next)))
            }
        };
        answer.next_page_token = listing.token(next.map(PageStart::token));
        Ok(answer)
    }
}

impl PageStart {
    const IN_FORCE: u8 = 0;
    const LEDGER: u8 = 1;

    /// Reads what a page token carries. The page begins at the very first where it makes no sense.
    fn read(after: Option<Vec<u8>>) -> Self {
        match after.as_deref().and_then(<[u8]>::split_first) {
            Some((&Self::LEDGER, after)) => Self::Ledger((!after.is_empty()).then(|| after.to_vec())),
            Some((_, place)) => {
                let place = place.try_into().map(u32::from_be_bytes).unwrap_or_default();
                Self::InForce(place as usize)
            }
            None => Self::InForce(0),
        }
    }

    /// What a page token carries.
    fn token(self) -> Vec<u8> {
        let (kind, rest) = match self {
            Self::InForce(place) => {
                (Self::IN_FORCE, u32::try_from(place).unwrap_or(u32::MAX).to_be_bytes().to_vec())
            }
            Self::Ledger(after) => (Self::LEDGER, after.unwrap_or_default()),
        };
        [&[kind], rest.as_slice()].concat()
    }
}

/// Adds the states, and the suppressions after them, from a place on, as far as they fit into half a page: the ledger has a whole
/// one. Answers where to go on.
fn add_in_force(recipient: &Recipient, from: usize, answer: &mut v1::GetConsentResponse) -> PageStart {
    let states: Vec<_> = standings(&recipient.ledger).into_iter().map(state_view).collect();
    let suppressions: Vec<v1::Suppression> = recipient.suppressions.iter().map(Into::into).collect();
    let first = (from.min(states.len()), from.saturating_sub(states.len()).min(suppressions.len()));
    let (states_left, suppressions_left) = (&states[first.0..], &suppressions[first.1..]);
    let mut room = MAX_PAGE_BYTES / 2;
    answer.states = states_left[..fitting_into(states_left, room)].to_vec();
    room -= answer.states.iter().map(Message::encoded_len).sum::<usize>();
    if answer.states.len() == states_left.len() {
        answer.suppressions = suppressions_left[..fitting_into(suppressions_left, room)].to_vec();
    }
    let place = first.0 + first.1 + answer.states.len() + answer.suppressions.len();
    match place < states.len() + suppressions.len() {
        true => PageStart::InForce(place),
        false => PageStart::Ledger(None),
    }
}

fn state_view(
    (channel, scope, granted, entry): (Channel, &TopicScope, bool, &DecidingEntry),
) -> v1::ConsentState {
    v1::ConsentState {
        channel: v1::Channel::from(channel).into(),
        topic: scope.to_string(),
        granted,
        // A ledger never grows beyond the range of either type.
        decided_by: i64::try_from(entry.sequence).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{
        Address, ConsentAction, Contact, FoldedLedger, Preferences, Suppression, SuppressionReason, Timestamp,
    };

    /// Somebody with a revocation of each of so many topics, and two suppressed addresses.
    fn recipient(topics: u64) -> Recipient {
        let now = Timestamp::UNIX_EPOCH;
        let revoked = |sequence: u64| DecidingEntry {
            sequence,
            action: ConsentAction::Revoke,
            channel: Channel::Email,
            scope: format!("{}{sequence}", "x".repeat(90)).parse().unwrap(),
            source: String::new(),
            method: String::new(),
            time: now,
        };
        let suppressed = |chat| Suppression {
            channel: Channel::Telegram,
            address: Address::telegram(chat).unwrap(),
            reason: SuppressionReason::Manual,
            explanation: String::new(),
            created_at: now,
            recorded_by: String::new(),
        };
        let contact = Contact {
            id: "ana".parse().unwrap(),
            addresses: Vec::new(),
            labels: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            incarnation: crate::model::ContactIncarnation::default(),
            changes: 1,
        };
        Recipient {
            contact,
            ledger: FoldedLedger::new((1..=topics).map(revoked), topics),
            preferences: Preferences::default(),
            suppressions: [1, 2].map(suppressed).into(),
        }
    }

    #[test]
    fn what_is_in_force_goes_on_over_pages_when_it_is_too_large_for_one() {
        let recipient = recipient(12_000);
        let mut topics = BTreeMap::new();
        let (mut start, mut pages, mut suppressions) = (PageStart::InForce(0), 0, 0);
        while let PageStart::InForce(from) = start {
            let mut answer = v1::GetConsentResponse::default();
            let token = add_in_force(&recipient, from, &mut answer).token();
            assert!(answer.encoded_len() <= MAX_PAGE_BYTES, "{} bytes", answer.encoded_len());
            for state in answer.states {
                *topics.entry(state.topic).or_insert(0) += 1;
            }
            suppressions += answer.suppressions.len();
            pages += 1;
            start = PageStart::read(Some(token));
        }
        assert!(matches!(start, PageStart::Ledger(None)));
        assert_eq!((topics.len(), suppressions, pages), (12_000, 2, 2));
        assert!(topics.values().all(|times| *times == 1));
    }
}
