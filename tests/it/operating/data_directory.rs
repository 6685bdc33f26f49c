//! One data directory serves one process at a time.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use relevo::wire::v1::MessageState;

use crate::gateway::order;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::provider;

#[tokio::test]
async fn a_second_process_on_the_same_data_stops_at_once_and_says_why() {
    let directory = GatewayDirectory::new(&provider("sms", "sms", "", "[providers.sandbox]")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(crate::gateway::ana()).await;
    let commands: [&[&str]; 2] =
        [&["serve"], &["keys", "create", "--local", "--brand", "acme", "--scope", "send", "--label", "late"]];
    for command in commands {
        let second = directory.run(command).await;
        assert_eq!(second.status.code(), Some(1), "{command:?}: {second:?}");
        assert!(second.stdout.is_empty(), "{command:?}: {second:?}");
        let stderr = String::from_utf8(second.stderr).unwrap();
        let error = stderr.lines().last().unwrap();
        assert!(error.starts_with("relevo: "), "{command:?}: {stderr}");
        assert!(
            error.ends_with(
                "/data is in use by another process: stop that one, or give this one a data directory of its own"
            ),
            "{command:?}: {stderr}"
        );
    }
    // The first one has not noticed.
    assert_eq!(gateway.send_until_ended(order()).await.state(), MessageState::Sent);
    gateway.stop().await;
    assert!(directory.run(commands[1]).await.status.success(), "the data is free again");
}

/// Messages and addresses lie there in clear.
#[tokio::test]
async fn nobody_but_its_user_gets_at_what_the_gateway_writes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let directory =
        GatewayDirectory::with_data(&data, &provider("sms", "sms", "", "[providers.sandbox]")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(crate::gateway::ana()).await;
    let open = |path: &Path| {
        let mode = std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
        (mode & 0o077 != 0).then(|| format!("{} has mode {mode:04o}", path.display()))
    };
    let mut found: Vec<PathBuf> = vec![data];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        if path.is_dir() {
            found.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
        next += 1;
    }
    assert!(found.len() > 4, "{found:?}");
    assert_eq!(found.iter().filter_map(|path| open(path)).collect::<Vec<_>>(), Vec::<String>::new());
    gateway.stop().await;
}
