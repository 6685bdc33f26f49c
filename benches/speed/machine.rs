//! What the figures were measured on, and with which versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::rivals;
use crate::workload;

/// The head of the report: names and what they are.
pub struct Machine(Vec<(&'static str, String)>);

impl Machine {
    /// Looks around. What cannot be told is left out.
    pub fn look(folder: &Path, gateway: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let gateway = gateway.strip_prefix(root).unwrap_or(gateway);
        let facts = [
            ("date", workload::now().ok().map(|now| now.to_string())),
            ("processor", processor()),
            ("memory", after(&read("/proc/meminfo"), "MemTotal:")),
            ("kernel", Some(read("/proc/sys/kernel/osrelease").trim().to_owned())),
            (
                "disk",
                output_of("findmnt", &["-n", "-o", "SOURCE,FSTYPE", "-T", &folder.display().to_string()]),
            ),
            ("rustc", output_of("rustc", &["--version"])),
            (
                "relevo",
                output_of("git", &["-C", &root.display().to_string(), "describe", "--always", "--dirty"]),
            ),
            ("gateway", Some(gateway.display().to_string())),
            ("sled", locked("sled")),
            ("tonic", locked("tonic")),
        ];
        let facts = facts.into_iter().chain(rivals::versions());
        Self(facts.filter_map(|(name, fact)| Some((name, fact?))).collect())
    }

    /// As the head of a page.
    pub fn markdown(&self) -> String {
        self.0.iter().map(|(name, fact)| format!("- {name}: {fact}\n")).collect()
    }

    /// As an object.
    pub fn json(&self) -> Value {
        self.0.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact))).collect()
    }
}

fn processor() -> Option<String> {
    let cores = std::thread::available_parallelism().ok()?;
    let model = after(&read("/proc/cpuinfo"), "model name\t:")?;
    Some(format!("{model}, {cores} cores"))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn after(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned())
}

/// What a program says, in one line.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    (output.status.success() && !words.is_empty()).then(|| words.join(" "))
}

/// The version of a crate that this was built with.
fn locked(name: &str) -> Option<String> {
    let lock: toml::Table = include_str!("../../Cargo.lock").parse().ok()?;
    let package =
        lock["package"].as_array()?.iter().find(|package| package["name"].as_str() == Some(name))?;
    package["version"].as_str().map(str::to_owned)
}
