//! Streams events from the journal: first those that are there already, then new ones, by one and the same way.
//!
//! The journal is read by cursor, and the signal only says when to read again. So no event is lost or doubled between
//! catching up and keeping up, and a slow reader costs no memory: it just reads the journal later. What was purged before
//! it was read is told as a gap.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tonic::Code;

use super::cursor::CursorSealer;
use super::{MessageApi, ResponseStream};
use crate::api::caller::Call;
use crate::api::error::ApiError;
use crate::api::limits::{self, WATCHED};
use crate::api::stream_session::StreamSession;
use crate::model::{BrandId, ContactEventDetail, MessageId};
use crate::store::{JournalCursor, JournalEvent, JournalEventKind, MessageStore};
use crate::wire::{FieldPath, Violations, v1};

/// What is said of any cursor that cannot be read.
const BAD_CURSOR: &str = "must be a cursor as WatchMessages gave it to this brand, `0` for the oldest event kept, or empty for \
                          what happens from now on";
/// Events read at once.
const BATCH: usize = 100;

/// One watch.
struct MessageWatch {
    session: StreamSession,
    store: Arc<dyn MessageStore>,
    cursors: CursorSealer,
    brand: BrandId,
    /// All messages when empty.
    only: HashSet<MessageId>,
    /// Of the last event that was streamed or passed over.
    cursor: JournalCursor,
    /// Events that were read from the journal and not yet streamed.
    ready: VecDeque<JournalEvent>,
    /// The newest purged event of the gap that was last told.
    told: Option<JournalCursor>,
    signal: watch::Receiver<()>,
}

impl MessageApi {
    pub(super) async fn watch(
        &self,
        call: Call,
        brand: BrandId,
        request: v1::WatchMessagesRequest,
    ) -> Result<ResponseStream<v1::WatchMessagesResponse>, ApiError> {
        let (cursor, only) = self.read_request(&brand, &request)?;
        let session = self.watches.open(call)?;
        let signal = self.store.event_signal(&brand);
        let cursor = self.start(cursor).await?;
        let (store, cursors) = (Arc::clone(&self.store), self.cursors.clone());
        let (ready, told) = (VecDeque::new(), None);
        let watch = MessageWatch { session, store, cursors, brand, only, cursor, ready, told, signal };
        let events = stream::try_unfold(watch, |mut watch| async move {
            let event = watch.next().await.map_err(|error| watch.session.fail(error))?;
            Ok(Some((event, watch)))
        });
        Ok(events.boxed())
    }

    /// Where to start: after the cursor given, or after what there is now.
    async fn start(&self, cursor: Option<JournalCursor>) -> Result<JournalCursor, ApiError> {
        let last = self.store.last_cursor().await?;
        match cursor {
            Some(cursor) if cursor.is_beyond(&last) => Err(cursor_ahead()),
            Some(cursor) => Ok(cursor),
            None => Ok(last),
        }
    }

    fn read_request(
        &self,
        brand: &BrandId,
        request: &v1::WatchMessagesRequest,
    ) -> Result<(Option<JournalCursor>, HashSet<MessageId>), ApiError> {
        let mut violations = Violations::default();
        let cursor = match request.cursor.as_str() {
            "" => None,
            text => self.cursors.read(brand, text).or_else(|| {
                violations.add(&FieldPath::new("cursor"), BAD_CURSOR);
                None
            }),
        };
        let path = FieldPath::new("message_ids");
        limits::count(request.message_ids.len(), WATCHED, &path, &mut violations);
        let ids = request.message_ids.iter().enumerate();
        let only = ids.filter_map(|(index, id)| violations.parsed(id, &path.index(index))).collect();
        Ok(violations.finish(Some((cursor, only)))?)
    }
}

impl MessageWatch {
    async fn next(&mut self) -> Result<v1::WatchMessagesResponse, ApiError> {
        loop {
            self.session.check_running()?;
            while let Some(event) = self.ready.pop_front() {
                let wanted = self.wants(&event).then(|| self.answer(&event));
                self.cursor = event.cursor;
                if let Some(answer) = wanted {
                    return Ok(answer);
                }
            }
            if let Some(gap) = self.read_on().await? {
                return Ok(gap);
            }
        }
    }

    fn wants(&self, event: &JournalEvent) -> bool {
        let message = match &event.kind {
            JournalEventKind::Message(id, _) => Some(id),
            JournalEventKind::Contact(event) => match &event.detail {
                ContactEventDetail::Wrote { answers, .. } => answers.as_ref(),
                _ => None,
            },
        };
        self.only.is_empty() || message.is_some_and(|id| self.only.contains(id))
    }

    /// Reads the next events, or waits until there may be some. Returns the answer that tells of a gap before them.
    async fn read_on(&mut self) -> Result<Option<v1::WatchMessagesResponse>, ApiError> {
        self.session.check_key().await?;
        // Before the read: an event that arrives during it must wake the wait below.
        self.signal.mark_unchanged();
        let batch = self.store.events(&self.brand, &self.cursor, BATCH).await?;
        self.ready = batch.events.into();
        if let Some(forgotten) = batch.forgotten
            && self.told.as_ref() != Some(&forgotten)
        {
            self.told = Some(forgotten.clone());
            return Ok(Some(self.gap(forgotten)));
        }
        if self.ready.is_empty() {
            tokio::select! {
                () = self.session.stopped() => {}
                changed = self.signal.changed() => changed.map_err(|_| ApiError::stopping())?,
            }
        }
        Ok(None)
    }

    /// Tells that events up to `forgotten` were purged. The cursor of the answer leads past them only when no event is kept
    /// among them.
    fn gap(&mut self, forgotten: JournalCursor) -> v1::WatchMessagesResponse {
        let oldest = self.ready.front().map(|event| self.seal(&event.cursor));
        if oldest.is_none() {
            self.cursor = forgotten;
        }
        let gap = v1::WatchGap { oldest_cursor: oldest.unwrap_or_default() };
        v1::WatchMessagesResponse { cursor: self.seal(&self.cursor), gap: Some(gap), ..Default::default() }
    }

    fn answer(&self, event: &JournalEvent) -> v1::WatchMessagesResponse {
        let answer = v1::WatchMessagesResponse {
            cursor: self.seal(&event.cursor),
            contact_id: event.contact.to_string(),
            ..Default::default()
        };
        match &event.kind {
            JournalEventKind::Message(id, event) => {
                v1::WatchMessagesResponse { message_id: id.to_string(), event: Some(event.into()), ..answer }
            }
            JournalEventKind::Contact(event) => {
                v1::WatchMessagesResponse { contact_event: Some(event.into()), ..answer }
            }
        }
    }

    fn seal(&self, cursor: &JournalCursor) -> String {
        self.cursors.seal(&self.brand, cursor)
    }
}

fn cursor_ahead() -> ApiError {
    let message = "the cursor lies after the newest event, so it is from another store or from before a restore: \
                   start again from `0`";
    ApiError::new(Code::OutOfRange, "CURSOR_AHEAD", message)
}
