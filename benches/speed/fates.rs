//! What became of the messages of a run. It is read when the run is over, so that watching costs the run nothing, and
//! every message is looked at.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use relevo::model::Timestamp;
use relevo::wire::{timestamp, v1};
use v1::event::Detail;
use v1::message_service_client::MessageServiceClient;
use v1::{MessageState, OutcomeKind};

use crate::client::Client;
use crate::stopwatch::Stopwatch;

/// The largest page that the API gives.
const PAGE: i32 = 1_000;

/// How often to look whether all is over.
const PAUSE: Duration = Duration::from_millis(100);

/// How long all of it may take to be over.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of one message.
pub struct Fate {
    /// The state it ended in.
    pub state: MessageState,
    /// When its last outcome was recorded, in milliseconds since the Unix epoch.
    pub ended_ms: i64,
    id: String,
}

/// Waits until every message accepted since `from` has ended.
pub async fn all_over(client: &mut MessageServiceClient<Client>, from: Timestamp) -> anyhow::Result<()> {
    const OPEN: [MessageState; 3] = [MessageState::Accepted, MessageState::Waiting, MessageState::Sending];
    let watch = Stopwatch::start();
    // The newest come first and end last, so that this look is short until the end.
    while !list(client, from, &OPEN, 1).await?.is_empty() {
        ensure!(watch.elapsed() < PATIENCE, "some messages had no outcome after {PATIENCE:?}");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What became of every message accepted since `from`.
pub async fn of_all(client: &mut MessageServiceClient<Client>, from: Timestamp) -> anyhow::Result<Vec<Fate>> {
    let ended = list(client, from, &[], usize::MAX).await?;
    ended.into_iter().map(fate).collect()
}

/// Messages in one of these states (any when empty), the newest first, at most `limit` or one page more.
async fn list(
    client: &mut MessageServiceClient<Client>,
    from: Timestamp,
    states: &[MessageState],
    limit: usize,
) -> anyhow::Result<Vec<v1::Message>> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListMessagesRequest {
            states: states.iter().map(|&state| state.into()).collect(),
            accepted_from: Some(timestamp(from)),
            page_size: PAGE.min(i32::try_from(limit).unwrap_or(PAGE)),
            page_token,
            ..v1::ListMessagesRequest::default()
        };
        let page = client.list_messages(request).await?.into_inner();
        found.extend(page.messages);
        page_token = page.next_page_token;
        if found.len() >= limit || page_token.is_empty() {
            return Ok(found);
        }
    }
}

fn fate(message: v1::Message) -> anyhow::Result<Fate> {
    let ended = message.update_time.context("a message that ended has a time")?;
    let ended_ms = ended.seconds * 1_000 + i64::from(ended.nanos) / 1_000_000;
    Ok(Fate { state: message.state(), ended_ms, id: message.message_id })
}

/// What each call to a provider came to, for each of these messages.
pub async fn outcomes(
    client: &MessageServiceClient<Client>,
    fates: &[Fate],
) -> anyhow::Result<Vec<Vec<OutcomeKind>>> {
    let histories = fates.iter().map(|fate| {
        let (mut client, message_id) = (client.clone(), fate.id.clone());
        async move {
            let answer = client.get_message(v1::GetMessageRequest { message_id }).await?;
            let message = answer.into_inner().message.context("a message that was listed")?;
            Ok(message.history.iter().filter_map(outcome).collect())
        }
    });
    // As many at once as the gateway takes on one connection.
    stream::iter(histories).buffer_unordered(200).try_collect().await
}

fn outcome(event: &v1::Event) -> Option<OutcomeKind> {
    match &event.detail {
        Some(Detail::AttemptFinished(finished)) => finished.outcome.as_ref().map(v1::Outcome::kind),
        _ => None,
    }
}
