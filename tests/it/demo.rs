//! The demonstration, as a newcomer runs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

/// Longer than a demonstration ever takes, on a machine that is busy with the other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// `relevo`, with its temporary files in `folder`, and nothing of the tester's own settings.
fn relevo(folder: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relevo"));
    command.args(line).env_clear().env("TMPDIR", folder).kill_on_drop(true);
    command
}

fn left_behind(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// The numbers of the summary, by name.
fn numbers(out: &str) -> BTreeMap<&str, usize> {
    let (_, summary) = out.split_once("\nSummary").expect("there is a summary");
    let fact = |line: &'_ str| -> Option<(usize, usize)> {
        let end = line.find(':')?;
        Some((end, line[end + 1..].split_whitespace().next()?.parse().ok()?))
    };
    summary.lines().filter_map(|line| fact(line).map(|(end, number)| (line[..end].trim(), number))).collect()
}

#[tokio::test]
async fn an_outage_comes_and_goes_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let done = timeout(PATIENCE, relevo(folder.path(), &["demo", "--once"]).output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{out}\n{err}");
    assert_eq!(err, "");

    let numbers = numbers(&out);
    let number = |name: &str| *numbers.get(name).unwrap_or_else(|| panic!("{name} is missing in {out}"));
    assert_eq!((number("lost"), number("sent twice")), (0, 0), "{out}");
    let ends = ["sent", "suppressed", "held", "in doubt", "unsent", "lost"];
    assert_eq!(ends.map(number).iter().sum::<usize>(), number("accepted"), "{out}");
    for name in ["fell back", "waited", "suppressed", "delivered", "in doubt"] {
        assert!(number(name) > 0, "{name}: {out}");
    }
    assert_eq!((number("held"), number("unsent")), (1, 0), "{out}");

    // Each message accepted is told once, and the summary counts what was told.
    let way =
        |line: &&str| ["   transactional ", "   commercial "].iter().any(|start| line.starts_with(start));
    let printed = |end: &str| out.lines().filter(way).filter(|line| line.contains(end)).count();
    assert_eq!(printed(""), number("accepted"), "{out}");
    assert_eq!(printed(" ✓ "), number("sent"), "{out}");
    assert_eq!(printed("  suppressed: "), number("suppressed"), "{out}");
    for news in ["is open", "is closed"].map(|state| format!("whatsapp-main {state}")) {
        assert!(out.contains(&news), "{news}: {out}");
    }
    assert_eq!(left_behind(folder.path()), 0);
}

#[tokio::test]
async fn it_stays_up_to_be_tried_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = relevo(folder.path(), &["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let server = after(&mut lines, "The gateway stays up, at ").await;
    let server = format!("http://{}", server.split(',').next().unwrap());
    let key = after(&mut lines, "   export RELEVO_API_KEY=").await;
    let get = after(&mut lines, "   relevo message get ").await;

    for line in [&["message", "get", &get][..], &["provider", "list"]] {
        let mut command = relevo(folder.path(), line);
        let done = command.env("RELEVO_SERVER", &server).env("RELEVO_API_KEY", &key).output().await.unwrap();
        assert!(done.status.success(), "{line:?}: {done:?}");
        assert!(String::from_utf8_lossy(&done.stdout).contains("whatsapp-main"), "{line:?}: {done:?}");
    }

    let pid = demo.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let status = timeout(PATIENCE, demo.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(left_behind(folder.path()), 0);
}

#[tokio::test]
async fn a_demonstration_cut_short_says_so_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = relevo(folder.path(), &["demo", "--once"]);
    let mut demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    after(&mut lines, "2. meta goes down").await;
    let pid = demo.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    // Its output must go somewhere until the end.
    let rest = async { while lines.next_line().await.unwrap().is_some() {} };
    let (done, ()) = timeout(PATIENCE, async { tokio::join!(demo.wait_with_output(), rest) }).await.unwrap();
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&done.stderr), "relevo: stopped before the demonstration was over\n");
    assert_eq!(left_behind(folder.path()), 0);
}

/// What follows `start` on the next line that begins with it.
async fn after(lines: &mut Lines<BufReader<ChildStdout>>, start: &str) -> String {
    let find = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
        panic!("the demonstration ended before it said {start:?}");
    };
    timeout(PATIENCE, find).await.unwrap_or_else(|_| panic!("the demonstration does not say {start:?}"))
}
