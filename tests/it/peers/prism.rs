//! Prism: a server made from a provider's own description of its API, which refuses what the description forbids.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::{Peer, installed, root};

/// Starts Prism with the description `NAME.json`, or says that the test is skipped where the descriptions are not
/// present: they are not part of the repository. `RELEVO_PROVIDERS` says where they are, `../shared/providers` by
/// default.
pub fn prism(name: &str) -> Option<Peer> {
    let folder = std::env::var_os("RELEVO_PROVIDERS")
        .map_or_else(|| root().join("../shared/providers"), PathBuf::from);
    let description = folder.join("openapi").join(format!("{name}.json"));
    if !description.exists() {
        // Not by `eprintln!`, which the test harness keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: no {} (set RELEVO_PROVIDERS to the providers' descriptions)",
            description.display()
        );
        return None;
    }
    Some(Peer::start(&format!("prism-{name}"), |port| {
        let mut command = Command::new("node");
        command.arg(installed("node_modules/@stoplight/prism-cli/dist/index.js"));
        command.args(["mock", "--host", "127.0.0.1", "--port", &port.to_string()]).arg(&description);
        command
    }))
}
