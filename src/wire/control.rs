//! Operators' control of providers.

use super::{FieldPath, Violations, read_control_mode, read_optional_time, read_time, timestamp, v1};
use crate::model::{ProviderControl, ProviderControlChange};

impl From<&ProviderControl> for v1::ProviderControl {
    fn from(control: &ProviderControl) -> Self {
        Self {
            mode: v1::ControlMode::from(control.mode).into(),
            reason: control.reason.clone(),
            actor: control.actor.clone(),
            update_time: Some(timestamp(control.updated_at)),
            expire_time: control.expire_at.map(timestamp),
        }
    }
}

impl From<&ProviderControlChange> for v1::ProviderControlChange {
    fn from(change: &ProviderControlChange) -> Self {
        Self { provider: change.provider.as_str().to_owned(), control: Some((&change.control).into()) }
    }
}

/// Reads a required control.
pub fn read_control(
    control: Option<v1::ProviderControl>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ProviderControl> {
    let control = violations.required(control, path)?;
    let mode = read_control_mode(control.mode, &path.field("mode"), violations);
    let updated_at = read_time(control.update_time, &path.field("update_time"), violations);
    let expire_at = read_optional_time(control.expire_time, &path.field("expire_time"), violations);
    Some(ProviderControl {
        mode: mode?,
        reason: control.reason,
        actor: control.actor,
        updated_at: updated_at?,
        expire_at,
    })
}

/// Reads a change of control.
pub fn read_control_change(
    change: v1::ProviderControlChange,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ProviderControlChange> {
    let provider = violations.parsed(&change.provider, &path.field("provider"));
    let control = read_control(change.control, &path.field("control"), violations);
    Some(ProviderControlChange { provider: provider?, control: control? })
}
