//! The event log: where each event of a brand stands. The events themselves are read from the histories.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use super::engine::{Order, View, damaged, decode, load};
use super::keys;
use super::records::{EventPlace, Progress};
use crate::model::{BrandId, MessageId};
use crate::store::{LoggedEvent, StoreError};

/// The brand's events after `cursors.start` and up to `cursors.end`, oldest first.
pub fn read(
    view: &dyn View,
    brand: &BrandId,
    cursors: Range<u64>,
    limit: usize,
) -> Result<Vec<LoggedEvent>, StoreError> {
    let mut places = Vec::new();
    let range = keys::event(brand, cursors.start.saturating_add(1))
        ..keys::event(brand, cursors.end.saturating_add(1));
    view.scan(range, Order::Ascending, &mut |key, value| {
        if places.len() >= limit {
            return Ok(ControlFlow::Break(()));
        }
        let cursor = keys::number(key)
            .ok_or_else(|| damaged(view, "a key of the event log is too short".to_owned()))?;
        places.push((cursor, decode::<EventPlace>(view, key, value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    let mut histories = HashMap::new();
    places
        .into_iter()
        .filter_map(|(cursor, place)| resolve(view, &mut histories, cursor, place).transpose())
        .collect()
}

/// The event at a place, or `None` when its message was purged.
fn resolve(
    view: &dyn View,
    histories: &mut HashMap<MessageId, Option<Progress>>,
    cursor: u64,
    place: EventPlace,
) -> Result<Option<LoggedEvent>, StoreError> {
    let EventPlace { message, index, contact } = place;
    let progress = match histories.entry(message) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(new) => {
            new.insert(load::<Progress>(view, &keys::progress(message))?)
        }
    };
    let event = progress.as_ref().and_then(|own| own.history.events().get(index as usize)).cloned();
    Ok(event.map(|event| LoggedEvent { cursor, message, contact, event }))
}
