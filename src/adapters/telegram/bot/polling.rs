//! Long polling (core.telegram.org/bots/api#getupdates), for a gateway that Telegram cannot call: a call is held until there
//! is something to tell.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{TelegramBot, TelegramReply, updates};
use crate::adapters::http::{self, HttpResponse};
use crate::adapters::webhooks::{EventSink, ProviderEvent};
use crate::model::{Outcome, Timestamp};

/// How long Telegram holds a call while there is nothing to tell.
const HOLD: Duration = Duration::from_secs(50);

/// How long the whole call may take.
const TIMEOUT: Duration = Duration::from_secs(65);

/// The longest answer: a hundred updates, of which each is shorter than 64 KiB.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// How long to wait before the next call after one that brought no update: a server that holds no call must not be asked
/// without a pause.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait after failures.
const MAX_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct UpdatesResponse {
    ok: bool,
    result: Vec<Value>,
}

/// Where the next call goes on, and how long to wait before it.
#[derive(Clone, Copy)]
struct NextPoll {
    offset: i64,
    wait: Duration,
}

impl TelegramBot {
    /// Asks for updates without end. Telegram forgets an update only when it is asked for those after it, and that is
    /// when it is durable.
    pub(super) async fn poll(&self, sink: &dyn EventSink) {
        let mut next = NextPoll { offset: 0, wait: Duration::ZERO };
        loop {
            tokio::time::sleep(next.wait).await;
            next = match self.updates(next.offset, sink.now()).await {
                Ok(updates) => self.handle_updates(updates, next, sink).await,
                Err(outcome) => failed(next, &outcome),
            };
        }
    }

    async fn updates(&self, offset: i64, now: Timestamp) -> Result<Vec<Value>, Outcome> {
        let allowed_updates = updates::ALLOWED_UPDATES;
        let payload =
            json!({ "offset": offset, "timeout": HOLD.as_secs(), "allowed_updates": allowed_updates });
        let request = self.request("getUpdates", &payload).timeout(TIMEOUT);
        self.updates_in(&http::exchange_up_to(MAX_ANSWER_BYTES, request, now).await?)
    }

    pub(super) fn updates_in(&self, answer: &HttpResponse) -> Result<Vec<Value>, Outcome> {
        if answer.is_success()
            && let Ok(UpdatesResponse { ok: true, result }) = serde_json::from_slice(&answer.body)
        {
            return Ok(result);
        }
        Err(match self.reply(answer) {
            Some(TelegramReply::Outcome(outcome)) => outcome,
            Some(TelegramReply::Moved(_)) | None => answer.unrecognized_outcome(),
        })
    }

    async fn handle_updates(&self, updates: Vec<Value>, next: NextPoll, sink: &dyn EventSink) -> NextPoll {
        let last = updates.iter().filter_map(|update| update.get("update_id")?.as_i64()).max();
        let Some(last) = last else { return NextPoll { wait: PAUSE, ..next } };
        let events = updates.into_iter().filter_map(|update| self.parse_update(update)).collect();
        match sink.record(events).await {
            Ok(()) => NextPoll { offset: last + 1, wait: Duration::ZERO },
            Err(_) => NextPoll { wait: longer(next.wait), ..next },
        }
    }

    /// The event of an update. An update that cannot be read is passed over: otherwise none after it would ever be received.
    fn parse_update(&self, update: Value) -> Option<ProviderEvent> {
        updates::read(update, self.links.as_ref()).unwrap_or_else(|error| {
            tracing::warn!(error, "an update of Telegram's is not what the Bot API describes");
            None
        })
    }
}

/// A conflict (409) says that a webhook is set, or that somebody else asks with the same token.
fn failed(before: NextPoll, outcome: &Outcome) -> NextPoll {
    let asked = match outcome {
        Outcome::Throttled { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    let wait = longer(before.wait).max(asked);
    let evidence = outcome.evidence().map(ToString::to_string).unwrap_or_default();
    let wait_ms = wait.as_millis();
    tracing::warn!(
        outcome = outcome.as_str(),
        evidence,
        wait_ms,
        "Telegram gives no updates; asking again later"
    );
    NextPoll { wait, ..before }
}

fn longer(wait: Duration) -> Duration {
    (wait * 2).clamp(PAUSE, MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OutcomeEvidence, ThrottleScope};

    #[test]
    fn failures_are_waited_for_longer_and_longer_and_lose_no_update() {
        let evidence = OutcomeEvidence::new(409, "Conflict");
        let conflict = Outcome::Misconfigured { evidence: evidence.clone() };
        let mut next = NextPoll { offset: 7, wait: Duration::ZERO };
        let waits = (0..8).map(|_| {
            next = failed(next, &conflict);
            (next.offset, next.wait.as_secs())
        });
        assert_eq!(waits.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 60, 60].map(|wait| (7, wait)));
        let asked = |seconds| Outcome::Throttled {
            retry_after: Some(Duration::from_secs(seconds)),
            scope: ThrottleScope::Provider,
            evidence: evidence.clone(),
        };
        let wait =
            |seconds| failed(NextPoll { offset: 7, wait: Duration::ZERO }, &asked(seconds)).wait.as_secs();
        assert_eq!([wait(0), wait(300)], [1, 300]);
    }
}
