//! The timeline of a trial: where the calls went, how long messages took, what was sent and what waited.

use crate::record::{MessageRecord, ProviderRecord, Record};
use crate::svg::{Drawing, GREY, Scale, Series};

/// The step of the curves, in seconds.
const STEP: f64 = 0.5;

/// The least and the greatest time that is told apart, in seconds.
const LATENCIES: (f64, f64) = (0.05, 100.0);

/// Draws a record as SVG.
pub fn draw(title: &str, record: &Record) -> String {
    let span = record.span;
    let last = record.messages.iter().filter_map(MessageRecord::first_taken).fold(span.ended, f64::max);
    let seconds = last - span.began + STEP;
    let mut drawing = Drawing::new(title, seconds, (span.from - span.began, span.until - span.began));
    let calls = calls(record, seconds);
    drawing.panel("calls a second", Scale::Linear(greatest(&calls)), &calls);
    let (least, most) = LATENCIES;
    let latencies = latencies(record, seconds);
    drawing.panel("seconds until taken, nine of ten within", Scale::Logarithmic(least, most), &latencies);
    let messages = messages(record, seconds);
    drawing.panel("messages a second", Scale::Linear(greatest(&messages)), &messages);
    let waiting = waiting(record, seconds);
    drawing.panel("messages that wait", Scale::Linear(greatest(&waiting)), &waiting);
    drawing.finish()
}

/// The times at which the curves have points, since the trial began.
fn times(seconds: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(0.0), |at| Some(at + STEP)).take_while(move |at| *at + STEP <= seconds)
}

/// A curve: the value of each step, from its beginning and end.
fn curve(record: &Record, seconds: f64, value: impl Fn(f64, f64) -> Option<f64>) -> Vec<(f64, f64)> {
    let began = record.span.began;
    let point = |at: f64| Some((at + STEP / 2.0, value(began + at, began + at + STEP)?));
    times(seconds).filter_map(point).collect()
}

fn calls(record: &Record, seconds: f64) -> Vec<Series> {
    let one = |(look, provider): (usize, &ProviderRecord)| {
        let rate = |from, until| {
            let came = provider.calls.iter().filter(|call| (from..until).contains(&call.came));
            Some(came.count() as f64 / STEP)
        };
        Series {
            name: provider.name.into(),
            look,
            is_area: false,
            step: STEP,
            points: curve(record, seconds, rate),
        }
    };
    record.providers.iter().enumerate().map(one).collect()
}

fn latencies(record: &Record, seconds: f64) -> Vec<Series> {
    let one = |look: usize| {
        let high = |from, until| {
            let by_this =
                |message: &&MessageRecord| message.taken.first().is_some_and(|taken| taken.0 == look);
            let mut latencies: Vec<f64> =
                record.planned_in((from, until)).filter(by_this).map(MessageRecord::latency).collect();
            latencies.sort_by(f64::total_cmp);
            latencies.get(latencies.len() * 9 / 10).copied()
        };
        let name = record.providers[look].name.into();
        Series { name, look, is_area: false, step: STEP, points: curve(record, seconds, high) }
    };
    (0..record.providers.len()).map(one).collect()
}

fn messages(record: &Record, seconds: f64) -> Vec<Series> {
    let planned =
        curve(record, seconds, |from, until| Some(record.planned_in((from, until)).count() as f64 / STEP));
    let taken = curve(record, seconds, |from, until| Some(record.taken_rate((from, until))));
    vec![
        Series { name: "planned".into(), look: GREY, is_area: true, step: STEP, points: planned },
        Series { name: "taken".into(), look: 2, is_area: false, step: STEP, points: taken },
    ]
}

fn waiting(record: &Record, seconds: f64) -> Vec<Series> {
    let points = curve(record, seconds, |_, until| Some(record.waiting_at(until) as f64));
    vec![Series { name: "waiting".into(), look: 3, is_area: true, step: STEP, points }]
}

/// The top of a panel: a round number that is not below any point.
fn greatest(series: &[Series]) -> f64 {
    let greatest = series.iter().flat_map(|series| &series.points).map(|point| point.1).fold(1.0, f64::max);
    let unit = 10_f64.powf(greatest.log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .map(|times| times * unit)
        .into_iter()
        .find(|top| *top >= greatest)
        .unwrap_or(greatest)
}
