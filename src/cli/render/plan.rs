//! Plans: what consent said, the ways to try, and the ways left out.

use super::format::{address, channel, decision, or_dash, state, time};
use super::{Table, TextWidth};
use crate::wire::v1;

/// What would happen to a message.
pub(crate) fn explanation(answer: &v1::ExplainRouteResponse, within: TextWidth) -> String {
    let mut text = format!("Next: {}", answer.explanation);
    if answer.wait_until.is_some() {
        text += &format!(" (until {})", time(answer.wait_until.as_ref()));
    }
    if answer.final_state != 0 {
        text += &format!(" (it would end {})", state(answer.final_state));
    }
    text.push('\n');
    if let Some(plan) = &answer.plan {
        text += &format!("\n{}", self::plan(plan, "", within));
    }
    if let Some(size) = &answer.sms {
        text += &format!("\nby SMS: {}\n", sms_size(size));
    }
    text + "\nNothing was sent or stored.\n"
}

fn sms_size(size: &v1::SmsSize) -> String {
    let (name, unit) = match size.encoding() {
        v1::SmsEncoding::Gsm7 => ("GSM-7", "septets"),
        v1::SmsEncoding::Ucs2 => ("UCS-2", "units of 16 bits"),
        v1::SmsEncoding::Unspecified => ("an alphabet of tomorrow", "units"),
    };
    let plural = if size.segments == 1 { "" } else { "s" };
    format!("{} segment{plural} of {name} ({} {unit})", size.segments, size.units)
}

/// A plan, each line behind `indent`.
pub(super) fn plan(plan: &v1::Plan, indent: &str, within: TextWidth) -> String {
    let inner = format!("{indent}  ");
    let mut text = format!("{indent}what consent says\n{}", verdicts(&plan.verdicts, &inner, within));
    text += &format!("{indent}ways to try, in the order of the {}\n", plan.order_source);
    text += &ways(&plan.ways, &inner, within);
    if !plan.left_out.is_empty() {
        text += &format!("{indent}left out\n{}", left_out(&plan.left_out, &inner, within));
    }
    text
}

/// Verdicts, each line behind `indent`.
pub(super) fn verdicts(verdicts: &[v1::Verdict], indent: &str, within: TextWidth) -> String {
    if verdicts.is_empty() {
        return format!("{indent}nothing, as there is no address\n");
    }
    let mut table = Table::<4>::bare();
    for verdict in verdicts {
        let hold = match &verdict.hold_until {
            Some(until) => format!(" until {}", time(Some(until))),
            None => String::new(),
        };
        table.row([
            channel(verdict.channel),
            address(verdict.address.as_ref()),
            decision(verdict.decision) + &hold,
            format!("{} [{}]", verdict.explanation, verdict.reason),
        ]);
    }
    table.indented(indent, within)
}

fn ways(ways: &[v1::Way], indent: &str, within: TextWidth) -> String {
    if ways.is_empty() {
        return format!("{indent}none\n");
    }
    let mut table = Table::<4>::bare();
    for (number, way) in (1..).zip(ways) {
        table.row([
            format!("{number}. {}", channel(way.channel)),
            address(way.address.as_ref()),
            format!("by {}", way.provider),
            format!("({})", way.failure_domain),
        ]);
    }
    table.indented(indent, within)
}

fn left_out(ways: &[v1::LeftOut], indent: &str, within: TextWidth) -> String {
    let mut table = Table::<4>::bare();
    for way in ways {
        table.row([
            channel(way.channel),
            address(way.address.as_ref()),
            or_dash(&way.provider),
            format!("{} [{}]", way.explanation, way.reason),
        ]);
    }
    table.indented(indent, within)
}
