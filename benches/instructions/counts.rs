//! How many instructions a call of each case takes.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::harness::CALLS;
use crate::tools::Tools;

/// Set where this program is to be gungraun's harness.
pub const HARNESS: &str = "RELEVO_BENCH_HARNESS";

/// What one case takes.
pub struct Count {
    /// The function called.
    pub function: String,
    /// The case.
    pub case: String,
    /// The instructions of a call, the mean of [`CALLS`].
    pub instructions: u64,
}

/// Counts every case, by running this program again as gungraun's harness.
///
/// # Errors
/// When gungraun or valgrind fails, or answers what this does not understand.
pub fn count(tools: &Tools) -> anyhow::Result<Vec<Count>> {
    let output = Command::new(env::current_exe()?)
        .args(["--bench", "--output-format=json"])
        .env(HARNESS, "1")
        .env("PATH", tools.path()?)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "gungraun failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    ensure!(!text.is_empty(), "gungraun counted nothing");
    text.lines().map(|line| read(line).with_context(|| format!("gungraun answered: {line}"))).collect()
}

/// Reads gungraun's summary of one case.
fn read(line: &str) -> anyhow::Result<Count> {
    let summary: Value = serde_json::from_str(line)?;
    let word = |key: &str| summary[key].as_str().map(str::to_owned).with_context(|| format!("no {key}"));
    let total = &summary["profiles"][0]["data"]["total"];
    let instructions =
        total["metrics"]["Ir"]["values"]["new"].as_u64().context("no count of instructions")?;
    Ok(Count { function: word("function_name")?, case: word("id")?, instructions: instructions / CALLS })
}
