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
    /// At this place among the states, the suppressions after them, and after those the ones that were lifted.
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
/// one. Those that were lifted come last. Answers where to go on.
fn add_in_force(recipient: &Recipient, from: usize, answer: &mut v1::GetConsentResponse) -> PageStart {
    let states = standings(&recipient.ledger).into_iter().map(state_view).collect();
    let suppressions = recipient.suppressions.iter().map(Into::into).collect();
    let lifted = recipient.lifted_suppressions.iter().map(Into::into).collect();
    let mut half = HalfPage { skip: from, place: from, room: Some(MAX_PAGE_BYTES / 2) };
    answer.states = half.take(states);
    answer.suppressions = half.take(suppressions);
    answer.lifted_suppressions = half.take(lifted);
    match half.room {
        None => PageStart::InForce(half.place),
        Some(_) => PageStart::Ledger(None),
    }
}

/// Half a page while lists are added to it, one after the other.
struct HalfPage {
    /// How many items of the lists to come are on earlier pages.
    skip: usize,
    /// How many items of all lists are on this page and on earlier ones.
    place: usize,
    /// The bytes that are left; `None` once something did not fit.
    room: Option<usize>,
}

impl HalfPage {
    /// Those of the items that are not on earlier pages, as far as they fit.
    fn take<M: Message>(&mut self, mut items: Vec<M>) -> Vec<M> {
        let on_earlier_pages = self.skip.min(items.len());
        self.skip -= on_earlier_pages;
        items.drain(..on_earlier_pages);
        let Some(room) = self.room else { return Vec::new() };
        let fitting = fitting_into(&items, room);
        self.room =
            (fitting == items.len()).then(|| room - items.iter().map(Message::encoded_len).sum::<usize>());
        items.truncate(fitting);
        self.place += fitting;
        items
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
        Address, ConsentAction, ConsentEvidence, Contact, FoldedLedger, LiftedSuppression, Preferences,
        Suppression, SuppressionLift, SuppressionReason, Timestamp,
    };

    /// Somebody with a revocation of each of so many topics, two suppressed addresses, and so many lifted suppressions of 30 kB.
    fn recipient(topics: u64, lifted: i64) -> Recipient {
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
            last_reported_at: now,
            recorded_by: String::new(),
        };
        let evidence = ConsentEvidence::reported(&"p".parse().unwrap(), "x".repeat(30_000), now);
        let lift = SuppressionLift { at: now, recorded_by: String::new(), evidence };
        let lift = |chat| LiftedSuppression { suppression: suppressed(chat), lift: lift.clone() };
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
            lifted_suppressions: (1..=lifted).map(lift).collect(),
        }
    }

    /// The pages before the ledger.
    fn pages(recipient: &Recipient) -> Vec<v1::GetConsentResponse> {
        let mut pages = Vec::new();
        let mut start = PageStart::InForce(0);
        while let PageStart::InForce(from) = start {
            let mut answer = v1::GetConsentResponse::default();
            let token = add_in_force(recipient, from, &mut answer).token();
            assert!(answer.encoded_len() <= MAX_PAGE_BYTES, "{} bytes", answer.encoded_len());
            pages.push(answer);
            start = PageStart::read(Some(token));
        }
        assert!(matches!(start, PageStart::Ledger(None)));
        pages
    }

    #[test]
    fn what_is_in_force_goes_on_over_pages_when_it_is_too_large_for_one() {
        let pages = pages(&recipient(12_000, 0));
        let mut topics = BTreeMap::new();
        for state in pages.iter().flat_map(|page| &page.states) {
            *topics.entry(state.topic.clone()).or_insert(0) += 1;
        }
        let suppressions: usize = pages.iter().map(|page| page.suppressions.len()).sum();
        assert_eq!((topics.len(), suppressions, pages.len()), (12_000, 2, 2));
        assert!(topics.values().all(|times| *times == 1));
    }

    #[test]
    fn what_was_lifted_comes_once_and_after_what_stands() {
        let recipient = recipient(10, 100);
        let pages = pages(&recipient);
        assert_eq!((pages[0].states.len(), pages[0].suppressions.len()), (10, 2));
        assert!(pages.len() > 1 && pages[1..].iter().all(|page| page.suppressions.is_empty()));
        let lifted: Vec<_> = pages.into_iter().flat_map(|page| page.lifted_suppressions).collect();
        let all: Vec<v1::Suppression> = recipient.lifted_suppressions.iter().map(Into::into).collect();
        assert_eq!(lifted, all);
    }
}
