//! A PostgreSQL cluster of its own, on disk, as durable as it is by default.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::installed;
use super::process::{Process, free_port, is_root, run, unprivileged};

/// A running cluster, which everyone on this machine may use while it lives.
pub struct Cluster {
    programs: PathBuf,
    port: u16,
    _process: Process,
}

impl Cluster {
    /// Creates one below `folder` and starts it.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let programs = programs()?;
        let data = folder.join("postgres");
        let owner: &[&str] = if is_root() { &["-o", "nobody"] } else { &[] };
        run(Command::new("install").args(["-d", "-m", "700"]).args(owner).arg(&data))?;
        let mut initdb = unprivileged(programs.join("initdb"));
        run(initdb.args(["--auth=trust", "--username=bench", "--encoding=UTF8", "-D"]).arg(&data))?;
        let port = free_port()?;
        let mut command = unprivileged(programs.join("postgres"));
        command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        command.args(["-c", "unix_socket_directories="]);
        // What its documentation recommends to begin with: a quarter of the memory.
        command.args(["-c", &format!("shared_buffers={}MB", memory_mb()? / 4)]);
        let mut process = Process::start("postgres", folder, &command)?;
        process.listens(port).await?;
        Ok(Self { programs, port, _process: process })
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        format!("postgres://bench@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs statements, each in a transaction of its own, and gives what the last one answered.
    pub fn query<const N: usize>(&self, statements: [&str; N]) -> anyhow::Result<String> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "-Atq", "-v", "ON_ERROR_STOP=1", "-d", &self.url()]);
        command.args(statements.iter().flat_map(|statement| ["-c", statement]));
        Ok(run(&mut command)?.trim().to_owned())
    }
}

/// The folder with the server's programs: the machine's own, or what was unpacked.
pub fn programs() -> anyhow::Result<PathBuf> {
    let newest = |versions: &Path| {
        let versions = fs::read_dir(versions).ok()?.flatten().map(|version| version.path().join("bin"));
        versions.filter(|bin| bin.join("initdb").exists() && bin.join("psql").exists()).max()
    };
    if let Some(installed) = newest(Path::new("/usr/lib/postgresql")) {
        return Ok(installed);
    }
    newest(&installed("postgresql", "usr/lib/postgresql")?)
        .context("the PostgreSQL in .bench/ is not complete")
}

fn memory_mb() -> anyhow::Result<u64> {
    let memory = fs::read_to_string("/proc/meminfo")?;
    let total = memory.split_whitespace().nth(1).context("/proc/meminfo begins with the memory's size")?;
    Ok(total.parse::<u64>()? / 1024)
}
