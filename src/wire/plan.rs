//! Verdicts, ways and plans.

use super::{
    AddressFormat, FieldPath, Violations, read_address, read_channel, read_order_source, read_time,
    timestamp, v1,
};
use crate::model::{ConsentDecision, LeftOut, Plan, Verdict, Way};

impl From<&Plan> for v1::Plan {
    fn from(plan: &Plan) -> Self {
        Self {
            verdicts: plan.verdicts.iter().map(Into::into).collect(),
            ways: plan.ways.iter().map(Into::into).collect(),
            left_out: plan.left_out.iter().map(Into::into).collect(),
            order_source: plan.order_source.as_str().to_owned(),
        }
    }
}

impl From<&Verdict> for v1::Verdict {
    fn from(verdict: &Verdict) -> Self {
        let (decision, hold_until) = match verdict.decision {
            ConsentDecision::Allow => (v1::Decision::Allow, None),
            ConsentDecision::Hold { until } => (v1::Decision::Hold, Some(timestamp(until))),
            ConsentDecision::Deny => (v1::Decision::Deny, None),
        };
        Self {
            channel: v1::Channel::from(verdict.channel).into(),
            address: Some((&verdict.address).into()),
            decision: decision.into(),
            reason: verdict.reason.to_string(),
            explanation: verdict.explanation.clone(),
            hold_until,
        }
    }
}

impl From<&Way> for v1::Way {
    fn from(way: &Way) -> Self {
        Self {
            channel: v1::Channel::from(way.channel).into(),
            address: Some((&way.address).into()),
            provider: way.provider.as_str().to_owned(),
            failure_domain: way.failure_domain.clone(),
        }
    }
}

impl From<&LeftOut> for v1::LeftOut {
    fn from(left: &LeftOut) -> Self {
        Self {
            channel: v1::Channel::from(left.channel).into(),
            address: left.address.as_ref().map(Into::into),
            provider: left.provider.as_ref().map_or_else(String::new, |name| name.as_str().to_owned()),
            reason: left.reason.to_string(),
            explanation: left.explanation.clone(),
        }
    }
}

/// Reads a plan.
pub fn read_plan(plan: v1::Plan, path: &FieldPath<'_>, violations: &mut Violations) -> Option<Plan> {
    let verdicts = read_all(plan.verdicts, &path.field("verdicts"), violations, read_verdict);
    let ways = read_all(plan.ways, &path.field("ways"), violations, read_way);
    let left_out = read_all(plan.left_out, &path.field("left_out"), violations, read_left_out);
    let order_source = read_order_source(&plan.order_source, &path.field("order_source"), violations);
    Some(Plan { verdicts: verdicts?, ways: ways?, left_out: left_out?, order_source: order_source? })
}

fn read_all<P, T>(
    list: Vec<P>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
    read: fn(P, &FieldPath<'_>, &mut Violations) -> Option<T>,
) -> Option<Vec<T>> {
    list.into_iter().enumerate().map(|(index, item)| read(item, &path.index(index), violations)).collect()
}

/// Reads a verdict.
pub fn read_verdict(
    verdict: v1::Verdict,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Verdict> {
    let channel = read_channel(verdict.channel, &path.field("channel"), violations);
    let decision = read_decision(&verdict, path, violations);
    let address = read_address(verdict.address, AddressFormat::Stored, &path.field("address"), violations);
    Some(Verdict {
        channel: channel?,
        address: address?,
        decision: decision?,
        reason: verdict.reason.into(),
        explanation: verdict.explanation,
    })
}

fn read_decision(
    verdict: &v1::Verdict,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ConsentDecision> {
    match verdict.decision() {
        v1::Decision::Allow => Some(ConsentDecision::Allow),
        v1::Decision::Hold => {
            let until = read_time(verdict.hold_until, &path.field("hold_until"), violations)?;
            Some(ConsentDecision::Hold { until })
        }
        v1::Decision::Deny => Some(ConsentDecision::Deny),
        v1::Decision::Unspecified => {
            violations.add(&path.field("decision"), "must be one of allow, hold and deny");
            None
        }
    }
}

/// Reads a way.
pub fn read_way(way: v1::Way, path: &FieldPath<'_>, violations: &mut Violations) -> Option<Way> {
    let channel = read_channel(way.channel, &path.field("channel"), violations);
    let address = read_address(way.address, AddressFormat::Stored, &path.field("address"), violations);
    let provider = violations.parsed(&way.provider, &path.field("provider"));
    Some(Way {
        channel: channel?,
        address: address?,
        provider: provider?,
        failure_domain: way.failure_domain,
    })
}

fn read_left_out(left: v1::LeftOut, path: &FieldPath<'_>, violations: &mut Violations) -> Option<LeftOut> {
    let channel = read_channel(left.channel, &path.field("channel"), violations);
    let address = match left.address {
        Some(address) => {
            Some(read_address(Some(address), AddressFormat::Stored, &path.field("address"), violations)?)
        }
        None => None,
    };
    let provider = match left.provider.as_str() {
        "" => None,
        name => Some(violations.parsed(name, &path.field("provider"))?),
    };
    Some(LeftOut {
        channel: channel?,
        address,
        provider,
        reason: left.reason.into(),
        explanation: left.explanation,
    })
}
