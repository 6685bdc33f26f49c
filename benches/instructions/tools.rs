//! The programs that count, installed by `benches/peers/install.sh`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Where each program is.
pub struct Tools {
    folders: Vec<PathBuf>,
}

impl Tools {
    /// Finds them.
    ///
    /// # Errors
    /// Which of them is not there, and why.
    pub fn find() -> Result<Self, String> {
        let folders = ["valgrind", "gungraun-runner"].into_iter().map(folder).collect::<Result<_, _>>()?;
        Ok(Self { folders })
    }

    /// A search path that finds these programs first.
    ///
    /// # Errors
    /// When a folder cannot stand in a search path.
    pub fn path(&self) -> anyhow::Result<OsString> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = self.folders.iter().cloned().chain(env::split_paths(&path));
        env::join_paths(folders).context("the folder's name cannot stand in a search path")
    }
}

/// The folder of a program: the one installed here, else the machine's own.
fn folder(name: &str) -> Result<PathBuf, String> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join(".bench");
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = [bench.join(name).join("bin")].into_iter().chain(env::split_paths(&path));
    folders.find(|folder| folder.join(name).is_file()).ok_or_else(|| {
        let reason = fs::read_to_string(bench.join(format!("skipped-{name}")));
        let reason = reason.unwrap_or_else(|_| "run `make bench-instructions`, which installs it".to_owned());
        format!("{name} is not there ({})", reason.trim())
    })
}
