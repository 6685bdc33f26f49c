//! One step of a message: its progress, and every index that follows from it.

use super::engine::{Get, damaged, load};
use super::keys::{self, Sequence};
use super::records::{EventPlace, Progress};
use super::txn::Txn;
use crate::model::{Message, MessageId, Timestamp};
use crate::store::{StoreError, Stored};

impl Progress {
    /// When the message was finished, if dispatch has nothing more to do with it.
    pub fn finished_at(&self) -> Option<Timestamp> {
        if self.next_at.is_some() {
            return None;
        }
        self.history.events().last().map(|event| event.at)
    }

    /// Together with its message.
    pub fn with(self, message: Message) -> Stored {
        Stored { message, history: self.history, next_at: self.next_at }
    }
}

/// Writes a message's progress, logs the events that `before` did not have, and moves the message in the due order.
pub fn save(
    txn: &mut Txn<'_>,
    id: MessageId,
    before: Option<&Progress>,
    mut after: Progress,
) -> Result<Progress, StoreError> {
    log_new_events(txn, id, &mut after)?;
    let old_due = before.and_then(|old| old.next_at);
    let old_finished = before.and_then(Progress::finished_at);
    if let Some(at) = old_due {
        txn.delete(keys::due(after.class, at, id));
    }
    if let Some(at) = old_finished {
        txn.delete(keys::finished(at, id));
    }
    if let Some(at) = after.next_at {
        txn.put(keys::due(after.class, at, id), Vec::new());
        txn.wake();
    }
    if let Some(at) = after.finished_at() {
        txn.put(keys::finished(at, id), Vec::new());
    }
    txn.save(keys::progress(id), &after);
    Ok(after)
}

fn log_new_events(txn: &mut Txn<'_>, id: MessageId, progress: &mut Progress) -> Result<(), StoreError> {
    for index in progress.cursors.len()..progress.history.version() {
        let cursor = txn.count(Sequence::Events)?;
        // A history is bounded far below the range of u32.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let place = EventPlace { message: id, index, contact: progress.contact.clone() };
        txn.save(keys::event(&progress.brand, cursor), &place);
        txn.logged(cursor);
        progress.cursors.push(cursor);
    }
    Ok(())
}

/// The message with what has happened to it.
pub fn load_stored(from: &(impl Get + ?Sized), id: MessageId) -> Result<Option<Stored>, StoreError> {
    let Some(progress) = load::<Progress>(from, &keys::progress(id))? else { return Ok(None) };
    join(from, id, progress).map(Some)
}

/// The message that belongs to a progress.
pub fn join(from: &(impl Get + ?Sized), id: MessageId, progress: Progress) -> Result<Stored, StoreError> {
    let message = load::<Message>(from, &keys::message(id))?
        .ok_or_else(|| damaged(from, format!("message {id} has progress and no content")))?;
    Ok(progress.with(message))
}
