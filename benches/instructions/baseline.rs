//! The counts that new ones are held against, in `benches/instructions/baseline.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::counts::Count;

const HEAD: &str = "\
# Instructions a call. Written by `make bench-instructions ARGS=--write-baseline`, never by hand.
";

/// The counts of an earlier version.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// What compiled it, and for what: another compiler counts differently.
    pub compiler: String,
    /// The instructions of a call, by function and case.
    instructions: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Baseline {
    /// The counts as a baseline.
    pub fn new(compiler: &str, counts: &[Count]) -> Self {
        let mut baseline = Self { compiler: compiler.to_owned(), ..Self::default() };
        for Count { function, case, instructions } in counts {
            baseline.instructions.entry(function.clone()).or_default().insert(case.clone(), *instructions);
        }
        baseline
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is not there, or is no baseline.
    pub fn read() -> anyhow::Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self) -> anyhow::Result<()> {
        let path = path();
        fs::write(&path, format!("{HEAD}{}", toml::to_string(self)?))
            .with_context(|| path.display().to_string())
    }

    /// What a case took, if it was there.
    pub fn of(&self, function: &str, case: &str) -> Option<u64> {
        self.instructions.get(function)?.get(case).copied()
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "instructions", "baseline.toml"].iter().collect()
}

/// The compiler's version, and what it compiles for.
///
/// # Errors
/// When `rustc` does not say.
pub fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc")?;
    ensure!(output.status.success(), "rustc -vV failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let version = text.lines().next().unwrap_or_default();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    Ok(format!("{version} for {host}"))
}
