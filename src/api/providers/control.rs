//! The operator's control, and the audit log of its changes.

use std::time::Duration;

use tokio::task::JoinError;

use super::ProviderApi;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::limits::{self, NAME, REASON};
use crate::api::page::{PageTokenScope, collect};
use crate::model::{
    ControlMode, KeyId, ProviderControl, ProviderControlChange, ProviderName, Timestamp, later,
};
use crate::store::{PageRequest, StoreError};
use crate::wire::{FieldPath, Violations, read_control_mode, read_optional_time, v1};

/// How far ahead a control may expire.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3_600);

impl ProviderApi {
    pub(super) async fn set_control(
        &self,
        caller: &Caller,
        request: v1::SetProviderControlRequest,
    ) -> Result<v1::SetProviderControlResponse, ApiError> {
        let now = self.clock.now();
        let change = read_change(caller, request, now)?;
        let provider = self.access.find_visible(caller, &change.provider)?;
        self.access.check_control(caller, provider)?;
        let name = provider.name.clone();
        // In a task of its own: a caller that goes away must not leave a change on record that is not in force.
        let in_force = tokio::spawn(self.clone().put_in_force(change, caller.key.clone())).await;
        // Only the end of the runtime cuts it off.
        let lost =
            |error: JoinError| if error.is_panic() { ApiError::panicked() } else { ApiError::stopping() };
        in_force.map_err(lost)??;
        let status = self.registry.status(&name, self.clock.moment());
        Ok(v1::SetProviderControlResponse { provider: status.map(|status| self.view(caller, status)) })
    }

    async fn put_in_force(self, change: ProviderControlChange, key: KeyId) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        // On record first: a switch that nobody can explain is worse than one that failed.
        self.store.set_control(change.clone()).await?;
        let ProviderControlChange { provider, control } = &change;
        tracing::info!(
            provider.name = %provider,
            mode = control.mode.as_str(),
            key.id = %key,
            expires = control.expire_at.map(tracing::field::display),
            "the control of a provider was changed"
        );
        self.registry.set_control(change);
        Ok(())
    }

    pub(super) async fn list_changes(
        &self,
        caller: &Caller,
        request: v1::ListProviderControlChangesRequest,
    ) -> Result<v1::ListProviderControlChangesResponse, ApiError> {
        let mut violations = Violations::default();
        let listing = PageTokenScope::new(
            &self.tokens,
            "control changes",
            caller.brand.as_ref(),
            request.provider.as_bytes(),
        );
        let wanted = listing.request(request.page_size, &request.page_token, &mut violations);
        let provider: Option<ProviderName> = match request.provider.as_str() {
            "" => None,
            name => violations.parsed(name, &FieldPath::new("provider")),
        };
        let (wanted, provider) = violations.finish(Some((wanted, provider)))?;
        if let Some(name) = &provider {
            self.access.find_visible(caller, name)?;
        }
        let read = |page: PageRequest| async {
            let mut page = self.store.control_changes(provider.as_ref(), page).await?;
            page.items.retain(|change| self.is_change_visible(caller, change));
            Ok::<_, StoreError>(page)
        };
        let page = collect(wanted, read, |change| v1::ProviderControlChange::from(change)).await?;
        let next_page_token = listing.token(page.next);
        Ok(v1::ListProviderControlChangesResponse { changes: page.items, next_page_token })
    }

    /// Whether `caller` sees a change. A gateway key also sees those of providers that are no longer configured.
    fn is_change_visible(&self, caller: &Caller, change: &ProviderControlChange) -> bool {
        let is_visible = || self.access.find_visible(caller, &change.provider).is_ok();
        caller.brand.is_none() || is_visible()
    }
}

fn read_change(
    caller: &Caller,
    request: v1::SetProviderControlRequest,
    now: Timestamp,
) -> Result<ProviderControlChange, ApiError> {
    let mut violations = Violations::default();
    let provider = violations.parsed(&request.provider, &FieldPath::new("provider"));
    let mode = read_control_mode(request.mode, &FieldPath::new("mode"), &mut violations);
    limits::required_line(&request.reason, REASON, &FieldPath::new("reason"), &mut violations);
    limits::line(&request.actor, NAME, &FieldPath::new("actor"), &mut violations);
    let path = FieldPath::new("expire_time");
    let expire_at = read_optional_time(request.expire_time, &path, &mut violations);
    if expire_at.is_some_and(|at| at <= now || at > later(now, YEAR)) {
        violations.add(&path, "must be in the future, and at most 366 days ahead");
    }
    if expire_at.is_some() && mode == Some(ControlMode::InService) {
        violations
            .add(&path, "must be absent when the mode is CONTROL_MODE_IN_SERVICE, which does not expire");
    }
    let (provider, mode) = violations.finish(provider.zip(mode))?;
    let actor = actor(caller, &request.actor);
    Ok(ProviderControlChange {
        provider,
        control: ProviderControl { mode, reason: request.reason, actor, updated_at: now, expire_at },
    })
}

/// Who changed the control: the id of the key, which is authenticated, and the name that the caller gave, which is not.
fn actor(caller: &Caller, name: &str) -> String {
    if name.is_empty() { caller.key.to_string() } else { format!("{} ({name})", caller.key) }
}
