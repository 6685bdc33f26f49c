//! The results of the messages of a run. They are read when the run is over, so that reading costs the run nothing, and
//! every message is read.

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

/// How long to wait between two looks at whether all messages have ended.
const PAUSE: Duration = Duration::from_millis(100);

/// How long all messages may take to end after the run.
const PATIENCE: Duration = Duration::from_secs(120);

/// The result of one message.
pub struct MessageResult {
    /// The state it ended in.
    pub state: MessageState,
    /// When its last outcome was recorded, in milliseconds since the Unix epoch.
    pub ended_ms: i64,
    id: String,
}

/// Waits until every message accepted since `from` has ended.
pub async fn wait_until_all_ended(
    client: &mut MessageServiceClient<Client>,
    from: Timestamp,
) -> anyhow::Result<()> {
    const OPEN: [MessageState; 3] = [MessageState::Accepted, MessageState::Waiting, MessageState::Sending];
    let watch = Stopwatch::start();
    // The newest message is listed first and ends last, so one page of one message answers until the end.
    while !list(client, from, &OPEN, 1).await?.is_empty() {
        ensure!(watch.elapsed() < PATIENCE, "some messages had no outcome after {PATIENCE:?}");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The result of every message accepted since `from`.
pub async fn of_all(
    client: &mut MessageServiceClient<Client>,
    from: Timestamp,
) -> anyhow::Result<Vec<MessageResult>> {
    let ended = list(client, from, &[], usize::MAX).await?;
    ended.into_iter().map(result).collect()
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

fn result(message: v1::Message) -> anyhow::Result<MessageResult> {
    let ended = message.update_time.context("a message that ended has a time")?;
    let ended_ms = ended.seconds * 1_000 + i64::from(ended.nanos) / 1_000_000;
    Ok(MessageResult { state: message.state(), ended_ms, id: message.message_id })
}

/// What each call to a provider came to, for each of these messages.
pub async fn outcomes(
    client: &MessageServiceClient<Client>,
    results: &[MessageResult],
) -> anyhow::Result<Vec<Vec<OutcomeKind>>> {
    let histories = results.iter().map(|result| {
        let (mut client, message_id) = (client.clone(), result.id.clone());
        async move {
            let answer =
                client.get_message(v1::GetMessageRequest { message_id, ..Default::default() }).await?;
            let message = answer.into_inner().message.context("a message that was listed")?;
            Ok(message.history.iter().filter_map(outcome).collect())
        }
    });
    // 200 calls at once keep the connection busy, far below the streams that the gateway allows on one.
    stream::iter(histories).buffer_unordered(200).try_collect().await
}

fn outcome(event: &v1::Event) -> Option<OutcomeKind> {
    match &event.detail {
        Some(Detail::AttemptFinished(finished)) => finished.outcome.as_ref().map(v1::Outcome::kind),
        _ => None,
    }
}
