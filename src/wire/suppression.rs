//! Suppressions: those that stand, and those that were lifted.

use super::{
    AddressFormat, FieldPath, Violations, read_address, read_channel, read_evidence, read_optional_time,
    read_suppression_reason, read_time, timestamp, v1,
};
use crate::model::{LiftedSuppression, Suppression, SuppressionLift};

impl From<&Suppression> for v1::Suppression {
    fn from(suppression: &Suppression) -> Self {
        Self {
            channel: v1::Channel::from(suppression.channel).into(),
            address: Some((&suppression.address).into()),
            reason: suppression.reason.as_str().to_owned(),
            explanation: suppression.explanation.clone(),
            create_time: Some(timestamp(suppression.created_at)),
            recorded_by: suppression.recorded_by.clone(),
            last_report_time: Some(timestamp(suppression.last_reported_at)),
            lift: None,
        }
    }
}

impl From<&LiftedSuppression> for v1::Suppression {
    fn from(lifted: &LiftedSuppression) -> Self {
        Self { lift: Some((&lifted.lift).into()), ..(&lifted.suppression).into() }
    }
}

impl From<&SuppressionLift> for v1::SuppressionLift {
    fn from(lift: &SuppressionLift) -> Self {
        Self {
            lift_time: Some(timestamp(lift.at)),
            recorded_by: lift.recorded_by.clone(),
            evidence: Some((&lift.evidence).into()),
        }
    }
}

/// Reads a suppression as stored, and how it ended if it has. Older builds did not write when it was last told.
pub fn read_suppression(
    suppression: v1::Suppression,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<(Suppression, Option<SuppressionLift>)> {
    let channel = read_channel(suppression.channel, &path.field("channel"), violations);
    let address =
        read_address(suppression.address, AddressFormat::Stored, &path.field("address"), violations);
    let reason = read_suppression_reason(&suppression.reason, &path.field("reason"), violations);
    let created_at = read_time(suppression.create_time, &path.field("create_time"), violations)?;
    let last_path = path.field("last_report_time");
    let last_reported_at = read_optional_time(suppression.last_report_time, &last_path, violations);
    let lift = match suppression.lift {
        Some(lift) => Some(read_lift(lift, &path.field("lift"), violations)?),
        None => None,
    };
    let suppression = Suppression {
        channel: channel?,
        address: address?,
        reason: reason?,
        explanation: suppression.explanation,
        created_at,
        last_reported_at: last_reported_at.unwrap_or(created_at),
        recorded_by: suppression.recorded_by,
    };
    Some((suppression, lift))
}

fn read_lift(
    lift: v1::SuppressionLift,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<SuppressionLift> {
    let at = read_time(lift.lift_time, &path.field("lift_time"), violations);
    let evidence = read_evidence(lift.evidence, None, &path.field("evidence"), violations);
    Some(SuppressionLift { at: at?, recorded_by: lift.recorded_by, evidence: evidence? })
}
