//! Lists of messages, newest first.

use std::ops::{ControlFlow, Range};

use super::lookup::{ScanOrder, Snapshot, decode};
use super::message_events::read_stored;
use super::message_ref::MessageLocation;
use super::packs::LocatedMessage;
use super::paging::MAX_EXAMINED;
use super::states::PackStates;
use super::{contact_index, keys};
use crate::model::{BrandId, MessageId, MessageState};
use crate::store::{MessageFilter, Page, PageRequest, StoreError, StoredMessage};
use crate::wire::store::v1::PackRecord;

/// Walks the packs backwards, all of them or those that the index by contact leads to. A page ends at the id of the last message looked at.
pub fn list(
    view: &dyn Snapshot,
    brand: &BrandId,
    filter: &MessageFilter,
    page: &PageRequest,
) -> Result<Page<StoredMessage>, StoreError> {
    let after = page.after.as_ref().and_then(|after| keys::id(after));
    let end = after.into_iter().chain(filter.until.map(MessageId::first_at)).min();
    let from = filter.from.map(MessageId::first_at);
    let mut listing = MessageListing {
        view,
        brand,
        filter,
        run: from..end,
        size: page.size,
        items: Vec::new(),
        examined: 0,
        last: None,
        next: None,
    };
    match &filter.contact {
        None => drop(listing.walk(from..end)?),
        Some(contact) => {
            contact_index::runs(view, brand, contact.as_str(), end, &mut |run| listing.walk(run))?;
        }
    }
    Ok(Page { items: listing.items, next: listing.next.map(|id| id.as_bytes().to_vec()) })
}

struct MessageListing<'a> {
    view: &'a dyn Snapshot,
    brand: &'a BrandId,
    filter: &'a MessageFilter,
    /// Only messages from the first on and before the second.
    run: Range<Option<MessageId>>,
    size: usize,
    items: Vec<StoredMessage>,
    examined: usize,
    /// The last message looked at.
    last: Option<MessageId>,
    /// Where to go on, when the page ended before the list.
    next: Option<MessageId>,
}

impl MessageListing<'_> {
    /// Walks a run of ids; breaks when the page is full, or nothing older is wanted.
    fn walk(&mut self, run: Range<Option<MessageId>>) -> Result<ControlFlow<()>, StoreError> {
        let brand = self.brand;
        let range = run.end.map_or_else(|| keys::packs(brand), |end| keys::packs_up_to(brand, end));
        let mut ended = ControlFlow::Continue(());
        let view = self.view;
        view.scan(range, ScanOrder::Descending, &mut |key, bytes| {
            let Some(pack) = keys::id(key) else { return Ok(ControlFlow::Continue(())) };
            ended = self.pack(pack, &run, decode::<PackRecord>(view, key, bytes)?)?;
            // A pack that begins before the run is the last that may hold a part of it.
            let is_last = run.start.is_some_and(|start| pack <= start);
            Ok(if is_last { ControlFlow::Break(()) } else { ended })
        })?;
        Ok(ended)
    }

    /// Looks at the messages of a pack, newest first.
    fn pack(
        &mut self,
        pack: MessageId,
        run: &Range<Option<MessageId>>,
        record: PackRecord,
    ) -> Result<ControlFlow<()>, StoreError> {
        let states = PackStates::load(self.view, self.brand, pack)?;
        for packed in record.messages.into_iter().rev() {
            let id = packed.id(self.view)?;
            let is_outside = [run.end, self.run.end].into_iter().flatten().any(|end| id >= end)
                || run.start.is_some_and(|start| id < start);
            // Of the messages around those of a contact, only their contact is looked at.
            let is_others =
                self.filter.contact.as_ref().is_some_and(|contact| contact.as_str() != packed.contact_id);
            if is_outside || is_others {
                continue;
            }
            if self.run.start.is_some_and(|from| id < from) {
                return Ok(ControlFlow::Break(()));
            }
            if self.items.len() >= self.size || self.examined >= MAX_EXAMINED {
                self.next = self.last;
                return Ok(ControlFlow::Break(()));
            }
            self.examined += 1;
            self.last = Some(id);
            let found = LocatedMessage { location: MessageLocation { pack, number: packed.number }, packed };
            self.items.extend(self.matching(&found, &states)?);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The message, when the filter lets it through. It is read whole only when what stands beside it does.
    fn matching(
        &self,
        found: &LocatedMessage,
        states: &PackStates,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let MessageFilter { states: wanted, labels, without_receipt, .. } = self.filter;
        let state = states.state(self.view, found.location.number)?;
        let may_lack_receipt =
            !matches!(state, MessageState::Accepted | MessageState::Delivered | MessageState::Read);
        if !wanted.is_empty() && !wanted.contains(&state) || *without_receipt && !may_lack_receipt {
            return Ok(None);
        }
        let stored = read_stored(self.view, self.brand, found, states)?;
        let carries = |(key, value): (&String, &String)| stored.message.labels.get(key) == Some(value);
        let is_wanted = labels.iter().all(carries) && (!without_receipt || stored.history.lacks_receipt());
        Ok(is_wanted.then_some(stored))
    }
}
