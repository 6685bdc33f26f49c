//! Follows what happens to messages and providers, and prints it as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail};
use tonic::Streaming;

use super::client::DemoClient;
use super::output::print_line;
use super::report::{MessageTimeline, ReportContext, breaker_word, message_line};
use crate::wire::v1::{self, event::Detail};

/// How long the monitor waits for one condition. No part of the scenario takes nearly as long, so a condition that does
/// not hold by then never will.
const WAIT_LIMIT: Duration = Duration::from_secs(25);

/// What is known of the messages and the breakers, by the gateway's own event streams.
pub(super) struct GatewayMonitor {
    client: DemoClient,
    context: ReportContext,
    message_events: Streaming<v1::WatchMessagesResponse>,
    provider_changes: Streaming<v1::WatchProvidersResponse>,
    breakers: BTreeMap<String, v1::BreakerState>,
    /// The ids of the messages that were acknowledged, in order.
    accepted: Vec<String>,
    /// The ids of the messages that are at their end.
    ended: BTreeSet<String>,
    /// The reason why a message waits, by the id of each that does.
    waiting: BTreeMap<String, String>,
}

impl GatewayMonitor {
    /// Starts to watch, from the first event on.
    pub(super) async fn start(mut client: DemoClient, context: ReportContext) -> anyhow::Result<Self> {
        let request = v1::WatchMessagesRequest { cursor: "0".to_owned(), message_ids: Vec::new() };
        let message_events = client.messages.watch_messages(request).await.context("WatchMessages failed")?;
        let provider_changes = client.providers.watch_providers(v1::WatchProvidersRequest {}).await;
        Ok(Self {
            context,
            message_events: message_events.into_inner(),
            provider_changes: provider_changes.context("WatchProviders failed")?.into_inner(),
            client,
            breakers: BTreeMap::new(),
            accepted: Vec::new(),
            ended: BTreeSet::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// Adds the messages that these answers acknowledge for the first time.
    pub(super) fn add_accepted(&mut self, answers: &[v1::SendResponse]) {
        let new = answers.iter().filter(|answer| !answer.duplicate);
        self.accepted.extend(new.map(|answer| answer.message_id.clone()));
    }

    /// The ids of the messages that were acknowledged, in order.
    pub(super) fn accepted(&self) -> &[String] {
        &self.accepted
    }

    /// What has to be known besides a message to report on it.
    pub(super) fn context(&self) -> &ReportContext {
        &self.context
    }

    /// Whether every message is at its end.
    pub(super) fn all_ended(&self) -> bool {
        self.accepted.iter().all(|id| self.ended.contains(id))
    }

    /// Whether every message is at its end, or waits on disk for a way to open.
    pub(super) fn all_ended_or_waiting(&self) -> bool {
        let waits = |id| self.waiting.get(id).is_some_and(|reason| reason != "in_doubt");
        self.accepted.iter().all(|id| self.ended.contains(id) || waits(id))
    }

    /// Whether the breaker of this provider is open.
    pub(super) fn is_open(&self, provider: &str) -> bool {
        self.breakers.get(provider) == Some(&v1::BreakerState::Open)
    }

    /// Whether the breaker of this provider is closed.
    pub(super) fn is_closed(&self, provider: &str) -> bool {
        self.breakers.get(provider) == Some(&v1::BreakerState::Closed)
    }

    /// Prints what happens until `condition` holds; `description` says which condition that is.
    ///
    /// # Errors
    /// When it does not hold within [`WAIT_LIMIT`], with the messages that are not at their end.
    pub(super) async fn until(
        &mut self,
        description: &str,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let follow = async {
            while !condition(self) {
                self.next().await?;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(WAIT_LIMIT, follow).await {
            Ok(result) => result,
            Err(_) => bail!("{description}: not so after {} s. {}", WAIT_LIMIT.as_secs(), self.unfinished()),
        }
    }

    fn unfinished(&self) -> String {
        let ids: Vec<_> = self.accepted.iter().filter(|id| !self.ended.contains(*id)).collect();
        let reason = |id: &String| self.waiting.get(id).map_or("no end yet", String::as_str);
        let listed: Vec<_> = ids.iter().take(5).map(|id| format!("{id} ({})", reason(id))).collect();
        format!(
            "{} of {} messages are not at their end: {}",
            ids.len(),
            self.accepted.len(),
            listed.join(", ")
        )
    }

    async fn next(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            event = self.message_events.message() => {
                let event = event.context("WatchMessages failed")?.context("WatchMessages ended")?;
                self.handle_event(event).await
            }
            change = self.provider_changes.message() => {
                let change = change.context("WatchProviders failed")?.context("WatchProviders ended")?;
                self.handle_provider(&change.provider.unwrap_or_default())
            }
        }
    }

    /// Reads a message when an event may have ended it, and prints its line once it is at its end.
    async fn handle_event(&mut self, event: v1::WatchMessagesResponse) -> anyhow::Result<()> {
        let id = event.message_id;
        let detail = event.event.unwrap_or_default().detail;
        match detail {
            Some(Detail::Waiting(waiting)) => {
                self.waiting.insert(id.clone(), waiting.reason);
            }
            Some(Detail::AttemptFinished(_) | Detail::Receipt(_) | Detail::Finished(_)) => {}
            Some(Detail::AttemptStarted(_)) => {
                self.waiting.remove(&id);
                return Ok(());
            }
            _ => return Ok(()),
        }
        if self.ended.contains(&id) {
            return Ok(());
        }
        let message = self.client.message(&id).await?.with_context(|| format!("message {id} is gone"))?;
        if MessageTimeline::read(&message, &self.context).end.is_some() {
            print_line(&message_line(&message, &self.context))?;
            self.ended.insert(id);
        }
        Ok(())
    }

    /// Prints a breaker that has changed its state.
    fn handle_provider(&mut self, provider: &v1::Provider) -> anyhow::Result<()> {
        let (name, state) = (&provider.provider, provider.breaker());
        let before = self.breakers.insert(name.clone(), state);
        if before.is_some_and(|before| before != state) {
            let reason = match state {
                v1::BreakerState::Open => format!(": the last call was {}", provider.last_failure),
                v1::BreakerState::HalfOpen => ": a message may try it again".to_owned(),
                v1::BreakerState::Closed | v1::BreakerState::Unspecified => String::new(),
            };
            let word = breaker_word(provider.breaker);
            print_line(&format!(" ! the breaker of {name} is {word}{reason}"))?;
        }
        Ok(())
    }
}
