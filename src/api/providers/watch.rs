//! Streams the providers now, and each one again when its health or control changes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;
use tonic::Status;

use super::{ProviderApi, WATCH};
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::stream_limit::StreamPermit;
use crate::wire::v1;

/// One watch. It keeps what it last told of each provider and tells what differs, so that a slow reader skips what is
/// over instead of being told of it late.
struct ProviderWatch {
    service: ProviderApi,
    caller: Caller,
    told: BTreeMap<String, v1::Provider>,
    ready: VecDeque<v1::Provider>,
    signal: watch::Receiver<u64>,
    _slot: StreamPermit,
}

/// Some changes come with time alone: a breaker lets probes through, a throttle ends, a control expires.
const RECHECK: Duration = Duration::from_secs(1);

impl ProviderApi {
    pub(super) fn watch(
        self,
        caller: Caller,
    ) -> Result<stream::BoxStream<'static, Result<v1::WatchProvidersResponse, Status>>, ApiError> {
        let slot = self.watches.try_acquire(&caller.key);
        let slot = slot.ok_or_else(|| ApiError::too_many_streams(self.watches.max()))?;
        let (gate, actor) = (self.gate.clone(), caller.clone());
        let signal = self.board.subscribe();
        let watch = ProviderWatch {
            service: self,
            caller,
            told: BTreeMap::new(),
            ready: VecDeque::new(),
            signal,
            _slot: slot,
        };
        let providers = stream::try_unfold(watch, |mut watch| async move {
            let provider = Some(watch.next().await?);
            Ok(Some((v1::WatchProvidersResponse { provider }, watch)))
        });
        Ok(providers.map_err(move |failure| gate.log_and_convert(WATCH, Some(&actor), failure)).boxed())
    }
}

impl ProviderWatch {
    async fn next(&mut self) -> Result<v1::Provider, ApiError> {
        let stop = self.service.gate.stop().clone();
        loop {
            if stop.is_triggered() {
                return Err(ApiError::stopping());
            }
            if let Some(provider) = self.ready.pop_front() {
                return Ok(provider);
            }
            self.service.gate.still_valid(&self.caller.key).await?;
            self.look();
            if self.ready.is_empty() {
                tokio::select! {
                    () = stop.clone().triggered() => {}
                    () = tokio::time::sleep(RECHECK) => {}
                    changed = self.signal.changed() => changed.map_err(|_| ApiError::stopping())?,
                }
            }
        }
    }

    /// Makes ready what differs from what was told.
    fn look(&mut self) {
        self.signal.mark_unchanged();
        for provider in self.service.seen(&self.caller) {
            let bare = without_counts(&provider);
            if self.told.get(&provider.provider) != Some(&bare) {
                self.told.insert(provider.provider.clone(), bare);
                self.ready.push_back(provider);
            }
        }
    }
}

/// Counts of calls are shown, but their change alone is not worth telling.
fn without_counts(provider: &v1::Provider) -> v1::Provider {
    v1::Provider { in_flight: 0, recent_calls: 0, recent_failures: 0, ..provider.clone() }
}
