//! The table: what was measured, what it is held against, and whether that is enough.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::sample::{Sample, Skipped};

/// What a row has to reach.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Nothing: it is there to be seen.
    Seen,
    /// At least this many times what it is held against.
    Ratio(f64),
    /// At most this.
    AtMost(f64),
}

/// What a row is held against.
pub enum Against {
    /// Nothing.
    Nothing,
    /// This, measured in the same run.
    Measured(Sample),
    /// This could not be measured.
    Skipped(Skipped),
}

/// One line of the table.
pub struct Row {
    /// What was measured.
    pub ours: Sample,
    /// What it is held against.
    pub against: Against,
    /// What it has to reach.
    pub goal: Goal,
}

impl Row {
    /// A figure that stands for itself.
    pub fn measured(ours: Sample) -> Self {
        Self { ours, against: Against::Nothing, goal: Goal::Seen }
    }

    /// A figure that must not be larger.
    pub fn at_most(ours: Sample, most: f64) -> Self {
        Self { ours, against: Against::Nothing, goal: Goal::AtMost(most) }
    }

    /// A figure that must be at least `ratio` times another.
    pub fn ratio(ours: Sample, against: Sample, ratio: f64) -> Self {
        Self { ours, against: Against::Measured(against), goal: Goal::Ratio(ratio) }
    }

    /// A figure next to another that could not be had, of which it should be at least so many times.
    pub fn skipped(ours: Sample, why: Skipped, ratio: Option<f64>) -> Self {
        Self { ours, against: Against::Skipped(why), goal: ratio.map_or(Goal::Seen, Goal::Ratio) }
    }

    /// A figure next to another, whatever their ratio.
    pub fn beside(ours: Sample, against: Sample) -> Self {
        Self { ours, against: Against::Measured(against), goal: Goal::Seen }
    }

    fn ratio_reached(&self) -> Option<f64> {
        match &self.against {
            Against::Measured(other) if other.median() > 0.0 => Some(self.ours.median() / other.median()),
            _ => None,
        }
    }

    fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::Seen => None,
            Goal::Ratio(least) => self.ratio_reached().map(|ratio| ratio >= least),
            Goal::AtMost(most) => Some(self.ours.median() <= most),
        }
    }

    fn markdown(&self) -> String {
        let (against, other) = match &self.against {
            Against::Nothing => (String::new(), String::new()),
            Against::Measured(other) => (other.name.clone(), figure(other)),
            Against::Skipped(Skipped(why)) => (format!("not measured: {why}"), String::new()),
        };
        let ratio = self.ratio_reached().map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let goal = match self.goal {
            Goal::Seen => String::new(),
            Goal::Ratio(least) => format!(">= {least}"),
            Goal::AtMost(most) => format!("<= {} {}", number(most), self.ours.unit),
        };
        let met = self.is_met().map_or("", |met| if met { "yes" } else { "**no**" });
        let cells =
            [&self.ours.name, &figure(&self.ours), &against, &other, &ratio, &goal, met, &self.note()];
        format!("| {} |", cells.join(" | "))
    }

    fn note(&self) -> String {
        match &self.against {
            Against::Measured(other) if !other.note.is_empty() => {
                format!("{} {}: {}", self.ours.note, other.name, other.note).trim().to_owned()
            }
            _ => self.ours.note.clone(),
        }
    }

    fn json(&self) -> Value {
        let (against, skipped) = match &self.against {
            Against::Nothing => (Value::Null, Value::Null),
            Against::Measured(other) => (sample(other), Value::Null),
            Against::Skipped(Skipped(why)) => (Value::Null, json!(why)),
        };
        let goal = match self.goal {
            Goal::Seen => Value::Null,
            Goal::Ratio(least) => json!({ "ratio_at_least": least }),
            Goal::AtMost(most) => json!({ "at_most": most }),
        };
        let (ratio, met) = (self.ratio_reached(), self.is_met());
        json!({ "ours": sample(&self.ours), "against": against, "skipped": skipped, "ratio": ratio, "goal": goal, "met": met })
    }
}

/// All rows, by the part that measured them.
#[derive(Default)]
pub struct Report {
    parts: Vec<(&'static str, Vec<Row>)>,
}

impl Report {
    /// Adds what a part measured.
    pub fn add(&mut self, part: &'static str, rows: Vec<Row>) {
        self.parts.push((part, rows));
    }

    /// What was measured of ours under this name, to stand in another row too.
    pub fn sample(&self, name: &str) -> Option<Sample> {
        let mut rows = self.parts.iter().flat_map(|(_, rows)| rows);
        rows.find(|row| row.ours.name == name).map(|row| row.ours.called(name))
    }

    /// The report as a page.
    pub fn markdown(&self, machine: &Machine) -> String {
        let mut page = format!("# How fast Relevo is\n\n{}\n", machine.markdown());
        for (part, rows) in &self.parts {
            let _ = write!(page, "## {part}\n\n{HEAD}");
            for row in rows {
                let _ = writeln!(page, "{}", row.markdown());
            }
            page.push('\n');
        }
        page
    }

    /// Writes `report.md` and `report.json` into `folder`.
    pub fn write(&self, machine: &Machine, folder: &Path) -> std::io::Result<()> {
        let parts = self.parts.iter().map(|(part, rows)| {
            let rows: Vec<Value> = rows.iter().map(Row::json).collect();
            json!({ "part": part, "rows": rows })
        });
        let all = json!({ "machine": machine.json(), "parts": parts.collect::<Vec<_>>() });
        std::fs::write(folder.join("report.md"), self.markdown(machine))?;
        std::fs::write(folder.join("report.json"), format!("{all:#}\n"))
    }
}

const HEAD: &str = "| work | ours: median (min - max) | against | its median (min - max) | ratio | goal | met | note |\n\
                    |---|---|---|---|---|---|---|---|\n";

fn sample(sample: &Sample) -> Value {
    json!({ "name": sample.name, "unit": sample.unit, "median": sample.median(), "runs": sample.runs, "note": sample.note })
}

fn figure(sample: &Sample) -> String {
    let (least, most) = sample.spread();
    let median = number(sample.median());
    match sample.runs.len() {
        0 => "nothing".to_owned(),
        1 => format!("{median} {}", sample.unit),
        _ => format!("{median} {} ({} - {})", sample.unit, number(least), number(most)),
    }
}

/// A number as people read it: three digits that count, and a comma for every thousand.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        whole if whole.fract() == 0.0 => 0,
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or_else(|| grouped.clone(), |rest| format!("{grouped}.{rest}"))
}
