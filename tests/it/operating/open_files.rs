//! How many files and connections the gateway may have open.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// systemd and many shells start with a soft limit of 1024, which the connections that the settings allow would go beyond.
#[tokio::test]
async fn the_gateway_takes_all_the_open_files_that_the_system_gives_it_and_says_when_they_are_few() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("relevo.toml");
    let text = "[server]\nlisten = '127.0.0.1:0'\nmax_connections = 3000\n[log]\nformat = 'json'\n[brands.acme]\n\
                [[providers]]\nname = 'a'\nchannel = 'sms'\nfailure_domain = 'a'\n[providers.sandbox]\n";
    std::fs::write(&config, text).unwrap();
    let line =
        "ulimit -Sn 256 && ulimit -Hn 2000 && exec setpriv --pdeathsig KILL -- \"$0\" serve --config \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_relevo")]).arg(&config);
    let mut gateway = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut log = BufReader::new(gateway.stderr.take().unwrap()).lines();
    let mut told = String::new();
    while !told.contains("relevo is ready") {
        told += &log.next_line().await.unwrap().expect("the gateway should be ready");
    }
    // `sh` and `setpriv` became the gateway, so the process is its own.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.id().unwrap())).unwrap();
    let open = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(open.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["2000", "2000"], "{limits}");
    assert!(
        told.contains("the system lets this process have 2000 open, and the settings allow 3150"),
        "{told}"
    );
    gateway.kill().await.unwrap();
}
