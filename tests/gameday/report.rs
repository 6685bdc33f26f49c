//! The table: a line for each row.

use std::fmt::Write as _;

use crate::scenarios::Scenario;

/// What a scenario found.
pub struct Findings {
    /// What was measured, in words.
    pub now: String,
    /// Whether that is what is wanted.
    pub is_met: bool,
    /// How many acknowledged messages were lost.
    pub lost: usize,
    /// What else must not be, whatever the machine does meanwhile.
    pub faults: Vec<String>,
}

/// A row of the table.
pub struct Row {
    /// What was played.
    pub scenario: &'static Scenario,
    /// What was found, or why nothing was.
    pub findings: anyhow::Result<Findings>,
}

impl Row {
    /// Whether the run fails by it: by anything that must not be, or in the whole form by what was lost, since there the
    /// table is the point.
    pub fn is_fault(&self, is_full: bool) -> bool {
        match &self.findings {
            Ok(findings) if is_full => findings.lost > 0,
            Ok(findings) => findings.lost > 0 || !findings.faults.is_empty(),
            Err(_) => true,
        }
    }

    /// What was found, in one line.
    pub fn line(&self) -> String {
        let (now, verdict) = self.now();
        format!("{verdict:>5}  {}: {now}", self.scenario.name)
    }

    fn now(&self) -> (String, &'static str) {
        let findings = match &self.findings {
            Ok(findings) => findings,
            Err(error) => return (format!("could not be played: {error:#}"), "fault"),
        };
        let mut now = findings.now.clone();
        let lost = (findings.lost > 0).then(|| format!("{} acknowledged and LOST", findings.lost));
        for fault in lost.iter().chain(&findings.faults) {
            let _ = write!(now, "; {fault}");
        }
        let is_met = findings.is_met && lost.is_none() && findings.faults.is_empty();
        (now, if is_met { "ok" } else { "short" })
    }
}

/// The table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| scenario | trouble | before cells, live weights and one order | now | wanted | |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (now, verdict) = row.now();
        let Scenario { name, trouble, before, wanted, .. } = row.scenario;
        let _ = writeln!(table, "| {name} | {trouble} | {before} | {now} | {wanted} | {verdict} |");
    }
    table
}
