//! Incidents.

use super::{FieldPath, Violations, duration, read_duration, read_optional_time, read_time, timestamp, v1};
use super::{
    read_breaker_state, read_cell_dimension, read_control_mode, read_incident_cause, read_incident_end,
};
use crate::model::{
    BrandId, CellDimension, HealthCell, Incident, IncidentImpact, IncidentUpdate, IncidentUpdateDetail,
    RecordedFailure,
};
use v1::incident_update::Detail;

/// The incident, with all that a key of the gateway is shown.
impl From<&Incident> for v1::Incident {
    fn from(incident: &Incident) -> Self {
        let impacts = incident.impacts.iter().filter(|(_, impact)| !impact.is_empty());
        let (ended_at, end) = incident.ended.unzip();
        Self {
            incident_id: incident.id.to_string(),
            provider: incident.provider.to_string(),
            cell: incident.cell.as_ref().map(Into::into),
            cause: v1::IncidentCause::from(incident.cause).into(),
            begin_time: Some(timestamp(incident.began_at)),
            end_time: ended_at.map(timestamp),
            end: end.map_or(v1::IncidentEnd::Unspecified, Into::into).into(),
            update_time: Some(timestamp(incident.updated_at)),
            updates: incident.updates.iter().map(Into::into).collect(),
            forgotten_updates: incident.forgotten_updates,
            impacts: impacts.map(|(brand, impact)| impact_of(brand, impact)).collect(),
        }
    }
}

impl From<&HealthCell> for v1::IncidentCell {
    fn from(cell: &HealthCell) -> Self {
        let name = match cell {
            HealthCell::Sender(name) | HealthCell::Template(name) => name.clone(),
            HealthCell::Country(code) => code.to_string(),
        };
        let dimension = v1::CellDimension::from(cell.dimension()).into();
        Self { dimension, name, of_other_brand: false }
    }
}

impl From<&IncidentUpdate> for v1::IncidentUpdate {
    fn from(update: &IncidentUpdate) -> Self {
        let detail = match &update.detail {
            IncidentUpdateDetail::Breaker { state, reason, failure } => {
                let (failure, failure_text) =
                    failure.clone().map(|failure| (failure.brief, failure.whole)).unwrap_or_default();
                let (state, reason) = (v1::BreakerState::from(*state).into(), reason.clone());
                Detail::Breaker(v1::IncidentBreakerChange { state, reason, failure, failure_text })
            }
            IncidentUpdateDetail::Weight { from, to, reason } => Detail::Weight(v1::IncidentWeightChange {
                from_percent: from * 100.0,
                to_percent: to * 100.0,
                reason: reason.clone(),
            }),
            IncidentUpdateDetail::Throttled { paused } => Detail::Throttled(duration(*paused)),
            IncidentUpdateDetail::Control { mode, reason, actor } => {
                let mode = v1::ControlMode::from(*mode).into();
                let (reason, actor) = (reason.clone(), actor.clone());
                Detail::Control(v1::IncidentControlChange { mode, reason, actor })
            }
        };
        Self {
            first_time: Some(timestamp(update.first_at)),
            last_time: Some(timestamp(update.last_at)),
            count: update.count,
            detail: Some(detail),
        }
    }
}

fn impact_of(brand: &BrandId, impact: &IncidentImpact) -> v1::IncidentImpact {
    let rescued = impact.rescued.iter().map(|(provider, count)| (provider.to_string(), *count));
    v1::IncidentImpact {
        brand: brand.to_string(),
        rescued: rescued.collect(),
        doubled: impact.doubled,
        expired: impact.expired,
        waiting: impact.waiting,
    }
}

/// Reads an incident, as a key of the gateway is shown it.
pub fn read_incident(
    incident: v1::Incident,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Incident> {
    let id = violations.parsed(&incident.incident_id, &path.field("incident_id"));
    let provider = violations.parsed(&incident.provider, &path.field("provider"));
    let cell = match incident.cell {
        None => None,
        Some(cell) => Some(read_cell(cell, &path.field("cell"), violations)?),
    };
    let cause = read_incident_cause(incident.cause, &path.field("cause"), violations);
    let began_at = read_time(incident.begin_time, &path.field("begin_time"), violations);
    let ended = match read_optional_time(incident.end_time, &path.field("end_time"), violations) {
        None => None,
        Some(at) => Some((at, read_incident_end(incident.end, &path.field("end"), violations)?)),
    };
    let updated_at = read_time(incident.update_time, &path.field("update_time"), violations);
    let updates_path = path.field("updates");
    let read = |(index, update)| read_update(update, &updates_path.index(index), violations);
    let updates = incident.updates.into_iter().enumerate().map(read).collect::<Option<Vec<_>>>();
    let impacts_path = path.field("impacts");
    let read = |(index, impact)| read_impact(impact, &impacts_path.index(index), violations);
    let impacts = incident.impacts.into_iter().enumerate().map(read).collect::<Option<_>>();
    Some(Incident {
        id: id?,
        provider: provider?,
        cell,
        cause: cause?,
        began_at: began_at?,
        ended,
        updated_at: updated_at?,
        updates: updates?,
        forgotten_updates: incident.forgotten_updates,
        impacts: impacts?,
    })
}

fn read_cell(
    cell: v1::IncidentCell,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<HealthCell> {
    Some(match read_cell_dimension(cell.dimension, &path.field("dimension"), violations)? {
        CellDimension::Sender => HealthCell::Sender(cell.name),
        CellDimension::Template => HealthCell::Template(cell.name),
        CellDimension::Country => HealthCell::Country(violations.parsed(&cell.name, &path.field("name"))?),
    })
}

fn read_update(
    update: v1::IncidentUpdate,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<IncidentUpdate> {
    let first_at = read_time(update.first_time, &path.field("first_time"), violations);
    let last_at = read_time(update.last_time, &path.field("last_time"), violations);
    let detail_path = path.field("detail");
    let detail = match violations.required(update.detail, &detail_path)? {
        Detail::Breaker(v1::IncidentBreakerChange { state, reason, failure, failure_text }) => {
            let state = read_breaker_state(state, &detail_path.field("state"), violations)?;
            let failure =
                (!failure.is_empty()).then_some(RecordedFailure { brief: failure, whole: failure_text });
            IncidentUpdateDetail::Breaker { state, reason, failure }
        }
        Detail::Weight(v1::IncidentWeightChange { from_percent, to_percent, reason }) => {
            IncidentUpdateDetail::Weight { from: from_percent / 100.0, to: to_percent / 100.0, reason }
        }
        Detail::Throttled(paused) => {
            let paused = read_duration(Some(paused), &detail_path.field("throttled"), violations)?;
            IncidentUpdateDetail::Throttled { paused }
        }
        Detail::Control(v1::IncidentControlChange { mode, reason, actor }) => {
            let mode = read_control_mode(mode, &detail_path.field("mode"), violations)?;
            IncidentUpdateDetail::Control { mode, reason, actor }
        }
    };
    Some(IncidentUpdate { first_at: first_at?, last_at: last_at?, count: update.count, detail })
}

fn read_impact(
    impact: v1::IncidentImpact,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<(BrandId, IncidentImpact)> {
    let brand = violations.parsed(&impact.brand, &path.field("brand"));
    let rescued_path = path.field("rescued");
    let read = |(provider, count): (String, u64)| Some((violations.parsed(&provider, &rescued_path)?, count));
    let rescued = impact.rescued.into_iter().map(read).collect::<Option<_>>();
    let (doubled, expired, waiting) = (impact.doubled, impact.expired, impact.waiting);
    Some((brand?, IncidentImpact { rescued: rescued?, doubled, expired, waiting }))
}
