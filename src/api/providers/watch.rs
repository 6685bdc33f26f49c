//! Streams the providers now, and each one again when its health or control changes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tonic::Status;

use super::ProviderApi;
use crate::api::caller::{Call, Caller};
use crate::api::error::ApiError;
use crate::api::stream_session::StreamSession;
use crate::wire::v1;

/// One watch. It keeps what it last streamed of each provider and streams those that differ, so that a slow reader skips
/// states that are over instead of reading them late.
struct ProviderWatch {
    service: ProviderApi,
    caller: Caller,
    session: StreamSession,
    streamed: BTreeMap<String, v1::Provider>,
    ready: VecDeque<v1::Provider>,
    signal: watch::Receiver<u64>,
}

/// How often the providers are looked at without a signal. Some changes come with time alone: a breaker lets probes
/// through, a throttle ends, a control expires.
const RECHECK: Duration = Duration::from_secs(1);

impl ProviderApi {
    pub(super) fn watch(
        self,
        call: Call,
    ) -> Result<stream::BoxStream<'static, Result<v1::WatchProvidersResponse, Status>>, ApiError> {
        let caller = call.caller.clone();
        let session = self.watches.open(call)?;
        let (streamed, ready, signal) = (BTreeMap::new(), VecDeque::new(), self.registry.subscribe());
        let watch = ProviderWatch { service: self, caller, session, streamed, ready, signal };
        let providers = stream::try_unfold(watch, |mut watch| async move {
            let provider = watch.next().await.map_err(|error| watch.session.fail(error))?;
            Ok(Some((v1::WatchProvidersResponse { provider: Some(provider) }, watch)))
        });
        Ok(providers.boxed())
    }
}

impl ProviderWatch {
    async fn next(&mut self) -> Result<v1::Provider, ApiError> {
        loop {
            self.session.check_running()?;
            if let Some(provider) = self.ready.pop_front() {
                return Ok(provider);
            }
            self.session.check_key().await?;
            self.find_changes();
            if self.ready.is_empty() {
                tokio::select! {
                    () = self.session.stopped() => {}
                    () = tokio::time::sleep(RECHECK) => {}
                    changed = self.signal.changed() => changed.map_err(|_| ApiError::stopping())?,
                }
            }
        }
    }

    /// Makes ready the providers that differ from what was streamed.
    fn find_changes(&mut self) {
        // Before the look: a change that comes during it must wake the wait.
        self.signal.mark_unchanged();
        for provider in self.service.visible_to(&self.caller) {
            let bare = without_counts(&provider);
            if self.streamed.get(&provider.provider) != Some(&bare) {
                self.streamed.insert(provider.provider.clone(), bare);
                self.ready.push_back(provider);
            }
        }
    }
}

/// The provider without its counts of calls and its learned rate, whose change alone is not streamed: it comes with every call.
fn without_counts(provider: &v1::Provider) -> v1::Provider {
    v1::Provider {
        in_flight: 0,
        recent_calls: 0,
        recent_failures: 0,
        learned_rate_per_second: None,
        calls_per_second: 0.0,
        median_duration: None,
        p99_duration: None,
        // Its changes are those of the last shift.
        live_weight_percent: 0.0,
        ..provider.clone()
    }
}
