//! Quiet hours, right across changes of the clocks.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::model::{QuietHours, Timestamp};

/// When the quiet hours that `now` falls into end; `None` outside of them.
///
/// The hours are read on the wall clock of `zone`. An end that the clocks skip in spring comes at the moment they jump;
/// one that comes twice in autumn counts the first time, and the second pass through the hours is quiet again.
pub fn held_until(hours: &QuietHours, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let local = zone.to_datetime(now);
    let (date, time) = (local.date(), local.time());
    let end_date = end_date(hours, date, time)?;
    let end = end_date.to_datetime(hours.end);
    let ambiguous = zone.to_ambiguous_timestamp(end);
    let first = ambiguous.compatible().ok()?;
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        // `first` is as far behind the jump as the end would be, so the jump is the last change before it.
        return zone.preceding(first).next().map(|jump| jump.timestamp()).filter(|jump| *jump > now);
    }
    if first > now { Some(first) } else { ambiguous.later().ok().filter(|later| *later > now) }
}

/// The local date on which the quiet hours that `time` falls into end.
fn end_date(hours: &QuietHours, date: Date, time: Time) -> Option<Date> {
    let (start, end) = (hours.start, hours.end);
    if start < end {
        return (start <= time && time < end).then_some(date);
    }
    if time < end {
        return Some(date);
    }
    if time >= start { date.tomorrow().ok() } else { None }
}
