//! Consent: the ledger, and evidence.

use super::{FieldPath, Violations, read_action, read_channel, read_time, timestamp, v1};
use crate::model::{
    Channel, ConsentAction, ConsentEntry, ConsentEvidence, DecidingEntry, Timestamp, TopicScope,
};

impl From<&ConsentEntry> for v1::ConsentEntry {
    fn from(entry: &ConsentEntry) -> Self {
        Self {
            // A ledger never grows beyond the range of either type.
            sequence: i64::try_from(entry.sequence).unwrap_or(i64::MAX),
            action: v1::ConsentAction::from(entry.action).into(),
            channel: v1::Channel::from(entry.channel).into(),
            topic: entry.scope.to_string(),
            evidence: Some((&entry.evidence).into()),
            record_time: Some(timestamp(entry.recorded_at)),
            recorded_by: entry.recorded_by.clone(),
        }
    }
}

/// As it is stored beside the ledger: without the evidence that decides nothing.
impl From<&DecidingEntry> for v1::ConsentEntry {
    fn from(entry: &DecidingEntry) -> Self {
        let evidence = v1::Evidence {
            source: entry.source.clone(),
            method: entry.method.clone(),
            time: Some(timestamp(entry.time)),
            ..v1::Evidence::default()
        };
        Self {
            sequence: i64::try_from(entry.sequence).unwrap_or(i64::MAX),
            action: v1::ConsentAction::from(entry.action).into(),
            channel: v1::Channel::from(entry.channel).into(),
            topic: entry.scope.to_string(),
            evidence: Some(evidence),
            ..Self::default()
        }
    }
}

impl From<&ConsentEvidence> for v1::Evidence {
    fn from(evidence: &ConsentEvidence) -> Self {
        Self {
            source: evidence.source.clone(),
            method: evidence.method.clone(),
            wording: evidence.wording.clone(),
            time: Some(timestamp(evidence.time)),
            origin: evidence.origin.clone(),
            actor: evidence.actor.clone(),
        }
    }
}

/// Reads a ledger entry as stored.
pub fn read_entry(
    mut entry: v1::ConsentEntry,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ConsentEntry> {
    let recorded_at = read_time(entry.record_time, &path.field("record_time"), violations);
    let recorded_by = std::mem::take(&mut entry.recorded_by);
    let (sequence, action, channel, scope, evidence) = read_parts(entry, path, violations)?;
    Some(ConsentEntry { sequence, action, channel, scope, evidence, recorded_at: recorded_at?, recorded_by })
}

/// Reads what decides of a ledger entry, as stored beside the ledger.
pub fn read_deciding_entry(
    entry: v1::ConsentEntry,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<DecidingEntry> {
    let (sequence, action, channel, scope, evidence) = read_parts(entry, path, violations)?;
    let ConsentEvidence { source, method, time, .. } = evidence;
    Some(DecidingEntry { sequence, action, channel, scope, source, method, time })
}

/// What every entry has.
type EntryParts = (u64, ConsentAction, Channel, TopicScope, ConsentEvidence);

fn read_parts(
    entry: v1::ConsentEntry,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<EntryParts> {
    let sequence = u64::try_from(entry.sequence).ok().filter(|sequence| *sequence > 0);
    if sequence.is_none() {
        violations.add(&path.field("sequence"), "must be 1 or more");
    }
    let action = read_action(entry.action, &path.field("action"), violations);
    let channel = read_channel(entry.channel, &path.field("channel"), violations);
    let scope = violations.parsed(&entry.topic, &path.field("topic"));
    let evidence = read_evidence(entry.evidence, None, &path.field("evidence"), violations);
    Some((sequence?, action?, channel?, scope?, evidence?))
}

/// Reads required evidence. In a request, `now` stands for an absent time and bounds a given one, and source and method
/// are required; a record is taken as it was stored.
pub fn read_evidence(
    evidence: Option<v1::Evidence>,
    now: Option<Timestamp>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ConsentEvidence> {
    let evidence = violations.required(evidence, path)?;
    if now.is_some() {
        for (text, name) in [(&evidence.source, "source"), (&evidence.method, "method")] {
            violations.required((!text.is_empty()).then_some(()), &path.field(name));
        }
    }
    let time = read_time(evidence.time.or(now.map(timestamp)), &path.field("time"), violations)?;
    if now.is_some_and(|now| time > now) {
        violations.add(&path.field("time"), "must not be in the future");
    }
    Some(ConsentEvidence {
        source: evidence.source,
        method: evidence.method,
        wording: evidence.wording,
        time,
        origin: evidence.origin,
        actor: evidence.actor,
    })
}
