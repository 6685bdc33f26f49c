//! The counts beside the baseline, and whether they may stand.

use crate::baseline::Baseline;
use crate::counts::Count;

/// By how much a count may grow, in percent: less is the compiler's mood, as when it inlines differently.
const ALLOWED_GROWTH: u64 = 5;

/// One case beside its baseline.
struct Row<'a> {
    count: &'a Count,
    baseline: Option<u64>,
}

impl Row<'_> {
    fn grew(&self) -> bool {
        self.baseline
            .is_some_and(|baseline| self.count.instructions * 100 > baseline * (100 + ALLOWED_GROWTH))
    }

    fn line(&self) -> String {
        let Count { function, case, instructions } = self.count;
        let (baseline, change) = match self.baseline {
            Some(baseline) => {
                let change = (*instructions as f64 / baseline.max(1) as f64 - 1.0) * 100.0;
                (baseline.to_string(), format!("{change:+.1} %"))
            }
            None => ("-".to_owned(), "new".to_owned()),
        };
        format!("| {function:<8} | {case:<26} | {instructions:>12} | {baseline:>8} | {change:>8} |\n")
    }
}

/// The counts, each beside its baseline.
pub struct Report<'a> {
    rows: Vec<Row<'a>>,
}

impl<'a> Report<'a> {
    /// Puts them side by side.
    pub fn new(counts: &'a [Count], baseline: &Baseline) -> Self {
        let row = |count: &'a Count| Row { count, baseline: baseline.of(&count.function, &count.case) };
        Self { rows: counts.iter().map(row).collect() }
    }

    /// As a table.
    pub fn table(&self) -> String {
        let head = format!(
            "| {:<8} | {:<26} | {} | {} | {:>8} |\n",
            "function", "case", "instructions", "baseline", "change"
        );
        let rule = format!("|{:-<10}|{:-<28}|{:->13}:|{:->9}:|{:->9}:|\n", "", "", "", "", "");
        self.rows.iter().fold(head + &rule, |table, row| table + &row.line())
    }

    /// The cases that grew by more than is allowed, in words.
    pub fn complaint(&self) -> Option<String> {
        let name = |row: &Row<'_>| format!("{} {}", row.count.function, row.count.case);
        let grown: Vec<String> = self.rows.iter().filter(|row| row.grew()).map(name).collect();
        let complaint = || format!("more than {ALLOWED_GROWTH} % above the baseline: {}", grown.join(", "));
        (!grown.is_empty()).then(complaint)
    }
}
