//! Streams events from the log: first what is there already, then what comes, by one and the same way.
//!
//! The log is read by cursor, and the signal only says when to read again. So nothing is lost or doubled between
//! catching up and keeping up, and a slow reader costs no memory: it just reads the log later.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;
use tonic::Code;

use super::{MessageApi, ResponseStream, WATCH};
use crate::api::auth::{BrandCaller, Caller};
use crate::api::error::ApiError;
use crate::api::limits::{self, WATCHED};
use crate::api::stream_limit::StreamPermit;
use crate::api::{Gate, ShutdownSignal};
use crate::model::{ContactEventDetail, MessageId};
use crate::store::{JournalEvent, JournalEventKind, MessageStore};
use crate::wire::{FieldPath, Violations, v1};

/// Events read at once.
const BATCH: usize = 100;

/// One watch.
struct MessageWatch {
    gate: Gate,
    store: Arc<dyn MessageStore>,
    caller: BrandCaller,
    /// All messages when empty.
    only: HashSet<MessageId>,
    cursor: u64,
    read: VecDeque<JournalEvent>,
    signal: watch::Receiver<u64>,
    _slot: StreamPermit,
}

impl MessageApi {
    pub(super) async fn watch(
        &self,
        caller: BrandCaller,
        request: v1::WatchMessagesRequest,
    ) -> Result<ResponseStream<v1::WatchMessagesResponse>, ApiError> {
        let (cursor, only) = read_request(&request)?;
        let slot = self.watches.try_acquire(&caller.key);
        let slot = slot.ok_or_else(|| ApiError::too_many_streams(self.watches.max()))?;
        let signal = self.store.event_signal();
        let cursor = self.start(cursor).await?;
        let (gate, actor) = (self.gate.clone(), Caller::from(&caller));
        let store = Arc::clone(&self.store);
        let watch = MessageWatch {
            gate: gate.clone(),
            store,
            caller,
            only,
            cursor,
            read: VecDeque::new(),
            signal,
            _slot: slot,
        };
        let events = stream::try_unfold(watch, |mut watch| async move {
            let event = watch.next().await?;
            Ok(Some((event, watch)))
        });
        Ok(events.map_err(move |failure| gate.log_and_convert(WATCH, Some(&actor), failure)).boxed())
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
        let stop = self.gate.stop().clone();
        loop {
            if stop.is_triggered() {
                return Err(ApiError::stopping());
            }
            while let Some(event) = self.read.pop_front() {
                self.cursor = event.cursor;
                if self.wants(&event) {
                    return Ok(answer(&event));
                }
            }
            self.read_on(&stop).await?;
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

    /// Reads what comes next, or waits until there may be something.
    async fn read_on(&mut self, stop: &ShutdownSignal) -> Result<(), ApiError> {
        self.gate.still_valid(&self.caller.key).await?;
        self.signal.mark_unchanged();
        self.read = self.store.events(&self.caller.brand, self.cursor, BATCH).await?.into();
        if self.read.is_empty() {
            tokio::select! {
                () = stop.clone().triggered() => {}
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
