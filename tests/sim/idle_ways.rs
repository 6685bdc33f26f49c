//! Invariant 13: what could go at once does not wait. Looked at from outside, every few seconds: a message that waits, and that would
//! be sent now if somebody took it up, by a provider that has nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use relevo::dispatch::Planner;
use relevo::model::{BreakerState, MessageId, MessageState, MonotonicTime};
use relevo::routing::RoutingStep;

use crate::script;
use crate::state::{SimulationState, lock};

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(10);

/// What waits comes back by itself within this, whatever was missed: half a minute where it is remembered in memory, with what
/// spreads it, a look later. A provider that has something to do for a moment, or a task that is free only then, is not seen.
const MARGIN: Duration = Duration::from_secs(50);

/// Since when each waiting message could go.
#[derive(Default)]
struct IdleWays {
    could_go_since: BTreeMap<MessageId, MonotonicTime>,
    told: BTreeSet<MessageId>,
    ended: BTreeSet<MessageId>,
}

/// Looks until the gateway goes down.
pub async fn watch(shared: Arc<SimulationState>, planner: Planner) {
    let mut ways = IdleWays::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        // Whoever set the calendar has held what is due, or moved the times for which messages wait.
        if !shared.script.watches_idle_ways || shared.was_counted("the calendar was set") {
            return;
        }
        ways.look(&shared, &planner).await;
    }
}

impl IdleWays {
    async fn look(&mut self, shared: &Arc<SimulationState>, planner: &Planner) {
        let accepted = lock(&shared.accepted).clone();
        let now = shared.clock.moment();
        for (brand, id) in accepted {
            if self.ended.contains(&id) {
                continue;
            }
            let Ok(Some(stored)) = shared.stores().messages.message(&brand, id).await else { continue };
            let state = stored.history.state();
            if state.is_final() && stored.next_at.is_none() {
                self.ended.insert(id);
            }
            let waits = state == MessageState::Waiting && stored.next_at.is_some();
            let step = match waits {
                true => planner
                    .decide(&stored.message, &stored.history, None, now)
                    .await
                    .map(|decision| decision.step),
                false => Ok(RoutingStep::Idle),
            };
            let idle = match step {
                Ok(RoutingStep::Try { way, .. }) => {
                    shared.board().status(&way.provider, now).filter(|status| {
                        status.breaker == BreakerState::Closed
                            && status.in_flight < script::SLOTS
                            && status.learned_rate_per_second.is_none()
                    })
                }
                _ => None,
            };
            let Some(idle) = idle else {
                self.could_go_since.remove(&id);
                continue;
            };
            let since = *self.could_go_since.entry(id).or_insert(now.monotonic);
            if now.monotonic.since(since) > MARGIN && self.told.insert(id) {
                shared.record_problem(format!(
                    "{id}: waited though {} had nothing to do: {:#?}",
                    idle.provider.name,
                    stored.history.events()
                ));
            }
        }
    }
}
