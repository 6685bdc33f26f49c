//! Samples made and read.

use crate::sample::Sample;

/// The unit of rates.
pub const RATE: &str = "messages/s";

impl Sample {
    /// A sample without runs yet.
    pub fn new(name: impl Into<String>, unit: &'static str, note: impl Into<String>) -> Self {
        Self { name: name.into(), unit, runs: Vec::new(), note: note.into() }
    }

    /// A sample of one run that gave this.
    pub fn once(name: impl Into<String>, unit: &'static str, value: f64, note: impl Into<String>) -> Self {
        Self { runs: vec![value], ..Self::new(name, unit, note) }
    }

    /// The same runs, to stand beside others under this name.
    pub fn called(&self, name: &str) -> Self {
        Self { runs: self.runs.clone(), ..Self::new(name, self.unit, "") }
    }

    /// The middle of the runs; of an even number the mean of the two in the middle, of none 0.
    pub fn median(&self) -> f64 {
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
        }
    }

    /// The least and the most that a run gave.
    pub fn spread(&self) -> (f64, f64) {
        let least = self.runs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.runs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    }
}
