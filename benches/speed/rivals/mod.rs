//! What Relevo is held against: other software that does part of the same work, run as its own documentation recommends
//! for speed, on the same machine and with the same loopback receivers. `benches/peers/install.sh` installs it.
//!
//! Everything a rival writes lies below the folder of its [`Place`], and every process started ends with the measurement.

pub mod kannel;
pub mod notifyd;
pub mod postfix;
pub mod smtp;
pub mod smtp_direct;

mod arrivals;
mod http;
mod postgres;
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::sample::{Skipped, Workspace};

impl From<anyhow::Error> for Skipped {
    fn from(error: anyhow::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

impl Workspace {
    /// How often a thing is measured, and how many messages each run takes: the number given, or a tenth in a hurry.
    fn runs(&self, messages: usize) -> impl Iterator<Item = usize> + use<> {
        let (runs, messages) = if self.quick { (1, messages / 10) } else { (3, messages) };
        std::iter::repeat_n(messages, runs)
    }

    /// An empty folder of this name.
    fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }
}

/// Where `.bench/NAME/PATH` is.
///
/// # Errors
/// When it is not installed, with the reason that the installation left.
fn installed(name: &str, path: &str) -> anyhow::Result<PathBuf> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join(".bench");
    let found = bench.join(name).join(path);
    if found.exists() {
        return Ok(found);
    }
    match fs::read_to_string(bench.join(format!("skipped-{name}"))) {
        Ok(reason) => bail!("{}", reason.trim()),
        Err(_) => bail!("{} is missing: run benches/peers/install.sh", found.display()),
    }
}

/// The rivals and their versions, as far as they are installed.
pub fn versions() -> Vec<(&'static str, Option<String>)> {
    let debian = |name| {
        let version = fs::read_to_string(installed(name, "version").ok()?).ok()?;
        Some(version.trim().to_owned())
    };
    vec![
        ("Postfix", debian("postfix")),
        ("Kannel", debian("kannel")),
        ("notifyd", installed("notifyd", "bin/notifyd").and_then(version_of).ok()),
        ("PostgreSQL", postgres::programs().and_then(|folder| version_of(folder.join("postgres"))).ok()),
    ]
}

fn version_of(program: PathBuf) -> anyhow::Result<String> {
    Ok(process::run(Command::new(program).arg("--version"))?.trim().to_owned())
}
