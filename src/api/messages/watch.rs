//! Streams events from the journal: first those that are there already, then new ones, by one and the same way.
//!
//! The journal is read by cursor, and the signal only says when to read again. So no event is lost or doubled between
//! catching up and keeping up, and a slow reader costs no memory: it just reads the journal later.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tonic::Code;

use super::{MessageApi, ResponseStream};
use crate::api::caller::Call;
use crate::api::error::ApiError;
use crate::api::limits::{self, WATCHED};
use crate::api::stream_session::StreamSession;
use crate::model::{BrandId, ContactEventDetail, MessageId};
use crate::store::{JournalEvent, JournalEventKind, MessageStore};
use crate::wire::{FieldPath, Violations, v1};

/// Events read at once.
const BATCH: usize = 100;

/// One watch.
struct MessageWatch {
    session: StreamSession,
    store: Arc<dyn MessageStore>,
    brand: BrandId,
    /// All messages when empty.
    only: HashSet<MessageId>,
    /// Of the last event that was streamed or passed over.
    cursor: u64,
    /// Events that were read from the journal and not yet streamed.
    ready: VecDeque<JournalEvent>,
    signal: watch::Receiver<u64>,
}

impl MessageApi {
    pub(super) async fn watch(
        &self,
        call: Call,
        brand: BrandId,
        request: v1::WatchMessagesRequest,
    ) -> Result<ResponseStream<v1::WatchMessagesResponse>, ApiError> {
        let (cursor, only) = read_request(&request)?;
        let session = self.watches.open(call)?;
        let signal = self.store.event_signal(&brand);
        let cursor = self.start(cursor).await?;
        let (store, ready) = (Arc::clone(&self.store), VecDeque::new());
        let watch = MessageWatch { session, store, brand, only, cursor, ready, signal };
        let events = stream::try_unfold(watch, |mut watch| async move {
            let event = watch.next().await.map_err(|error| watch.session.fail(error))?;
            Ok(Some((event, watch)))
        });
        Ok(events.boxed())
    }

    /// Where to start: after the cursor given, or after what there is now.
    async fn start(&self, cursor: Option<u64>) -> Result<u64, ApiError> {
        let last = self.store.last_cursor().await?;
        match cursor {
            Some(cursor) if cursor > last => Err(cursor_ahead(cursor)),
            Some(cursor) => Ok(cursor),
            None => Ok(last),
        }
    }
}

impl MessageWatch {
    async fn next(&mut self) -> Result<v1::WatchMessagesResponse, ApiError> {
        loop {
            self.session.check_running()?;
            while let Some(event) = self.ready.pop_front() {
                self.cursor = event.cursor;
                if self.wants(&event) {
                    return Ok(answer(&event));
                }
            }
            self.read_on().await?;
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

    /// Reads the next events, or waits until there may be some.
    async fn read_on(&mut self) -> Result<(), ApiError> {
        self.session.check_key().await?;
        // Before the read: an event that arrives during it must wake the wait below.
        self.signal.mark_unchanged();
        self.ready = self.store.events(&self.brand, self.cursor, BATCH).await?.into();
        if self.ready.is_empty() {
            tokio::select! {
                () = self.session.stopped() => {}
                changed = self.signal.changed() => changed.map_err(|_| ApiError::stopping())?,
            }
        }
        Ok(())
    }
}

fn read_request(request: &v1::WatchMessagesRequest) -> Result<(Option<u64>, HashSet<MessageId>), ApiError> {
    let mut violations = Violations::default();
    let path = FieldPath::new("cursor");
    let cursor = match request.cursor.as_str() {
        "" => None,
        text => text
            .parse()
            .map_err(|_| violations.add(&path, "must be the cursor of an event, `0` or empty"))
            .ok(),
    };
    let path = FieldPath::new("message_ids");
    limits::count(request.message_ids.len(), WATCHED, &path, &mut violations);
    let ids = request.message_ids.iter().enumerate();
    let only = ids.filter_map(|(index, id)| violations.parsed(id, &path.index(index))).collect();
    Ok(violations.finish(Some((cursor, only)))?)
}

fn answer(event: &JournalEvent) -> v1::WatchMessagesResponse {
    let answer = v1::WatchMessagesResponse {
        cursor: event.cursor.to_string(),
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

fn cursor_ahead(cursor: u64) -> ApiError {
    let message = format!(
        "the cursor {cursor} lies after the newest event, so it is from another store or from before a restore: \
         start again from `0`"
    );
    ApiError::new(Code::OutOfRange, "CURSOR_AHEAD", message)
}
