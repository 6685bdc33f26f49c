//! Follows what happens to messages and providers, and tells it as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail};
use tonic::Streaming;

use super::client::DemoClient;
use super::say;
use super::telling::{self, Roster, journey, line};
use crate::wire::v1::{self, event::Detail};

/// How long a scene may take. It is long past what any should; a scene that is not over by then never will be.
const PATIENCE: Duration = Duration::from_secs(25);

/// Follows messages and providers.
pub(super) struct Watch {
    client: DemoClient,
    roster: Roster,
    events: Streaming<v1::WatchMessagesResponse>,
    health: Streaming<v1::WatchProvidersResponse>,
    breakers: BTreeMap<String, v1::BreakerState>,
    /// The ids of the messages that were acknowledged, in order.
    accepted: Vec<String>,
    ended: BTreeSet<String>,
    /// Why each message waits that does.
    waiting: BTreeMap<String, String>,
}

impl Watch {
    /// Starts to watch, from the first event on.
    pub(super) async fn start(mut client: DemoClient, roster: Roster) -> anyhow::Result<Self> {
        let request = v1::WatchMessagesRequest { cursor: "0".to_owned(), message_ids: Vec::new() };
        let events = client.messages.watch_messages(request).await.context("WatchMessages failed")?;
        let health = client.providers.watch_providers(v1::WatchProvidersRequest {}).await;
        Ok(Self {
            roster,
            events: events.into_inner(),
            health: health.context("WatchProviders failed")?.into_inner(),
            client,
            breakers: BTreeMap::new(),
            accepted: Vec::new(),
            ended: BTreeSet::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// Takes note of messages that were acknowledged.
    pub(super) fn add_sent(&mut self, answers: &[v1::SendResponse]) {
        let new = answers.iter().filter(|own| !own.duplicate);
        self.accepted.extend(new.map(|own| own.message_id.clone()));
    }

    /// The ids of the messages that were acknowledged, in order.
    pub(super) fn accepted(&self) -> &[String] {
        &self.accepted
    }

    /// What has to be known besides a message to tell its way.
    pub(super) fn roster(&self) -> &Roster {
        &self.roster
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

    /// The state of a provider's breaker.
    pub(super) fn breaker(&self, provider: &str) -> v1::BreakerState {
        self.breakers.get(provider).copied().unwrap_or_default()
    }

    /// Tells what happens until `done`.
    ///
    /// # Errors
    /// When that takes too long, with what is missing.
    pub(super) async fn until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let follow = async {
            while !done(self) {
                self.next().await?;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(PATIENCE, follow).await {
            Ok(followed) => followed,
            Err(_) => bail!("{what}: not so after {} s. {}", PATIENCE.as_secs(), self.missing()),
        }
    }

    fn missing(&self) -> String {
        let missing: Vec<_> = self.accepted.iter().filter(|id| !self.ended.contains(*id)).cloned().collect();
        let waiting = |id: &String| self.waiting.get(id).map_or("no end yet", String::as_str);
        let listed: Vec<_> = missing.iter().take(5).map(|id| format!("{id} ({})", waiting(id))).collect();
        format!(
            "{} of {} messages are not at their end: {}",
            missing.len(),
            self.accepted.len(),
            listed.join(", ")
        )
    }

    async fn next(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            event = self.events.message() => {
                let event = event.context("WatchMessages failed")?.context("WatchMessages ended")?;
                self.handle_event(event).await
            }
            change = self.health.message() => {
                let change = change.context("WatchProviders failed")?.context("WatchProviders ended")?;
                self.see(&change.provider.unwrap_or_default())
            }
        }
    }

    /// Looks at a message when something happened that may have ended it, and tells its way once it has.
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
        if journey(&message, &self.roster).end.is_some() {
            say(&line(&message, &self.roster))?;
            self.ended.insert(id);
        }
        Ok(())
    }

    fn see(&mut self, provider: &v1::Provider) -> anyhow::Result<()> {
        let (name, state) = (&provider.provider, provider.breaker());
        let before = self.breakers.insert(name.clone(), state);
        if before.is_some_and(|before| before != state) {
            let why = match state {
                v1::BreakerState::Open => format!(": the last call was {}", provider.last_failure),
                v1::BreakerState::HalfOpen => ": a message may try it again".to_owned(),
                v1::BreakerState::Closed | v1::BreakerState::Unspecified => String::new(),
            };
            say(&format!(" ! the breaker of {name} is {}{why}", telling::breaker(provider.breaker)))?;
        }
        Ok(())
    }
}
