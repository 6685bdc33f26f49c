//! One data directory serves one process at a time.

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
