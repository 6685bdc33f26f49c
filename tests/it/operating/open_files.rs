//! How many files and connections the gateway may have open.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use relevo::wire::v1::{self, Channel};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::abuse::RawClient;
use crate::api::send;
use crate::gateway::client::has_ended;
use crate::gateway::history::route_taken;
use crate::gateway::process::{GatewayDirectory, PATIENCE};
use crate::gateway::providers::{twilio, twilio_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

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

/// Opens connections that have a key, until one more is not answered.
async fn crowd(address: SocketAddr, key: &str) -> Vec<RawClient> {
    let mut crowd = Vec::new();
    loop {
        let answered = timeout(NO_PLACE, async {
            let mut client = RawClient::connect(address, 65_535).await;
            let answered =
                client.call("relevo.v1.MessageService/ListMessages", Some(key)).await.refused().await;
            (client, answered)
        });
        match answered.await {
            Ok((client, None)) => crowd.push(client),
            _ => return crowd,
        }
    }
}

/// A connection that is not answered for so long has no place.
const NO_PLACE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn however_many_connect_the_providers_can_be_called() {
    let sms = WiremockStubs::new("files-crowd-sms");
    sms.answer(json!({}), twilio_accepts()).await;
    let directory = GatewayDirectory::new(&twilio("sms", sms.url(), "")).await;
    let gateway = directory.start_with_files(300).await;
    gateway.upsert_contact(ana()).await;
    // A place of our own before there is none left.
    let mut messages = gateway.messages();
    messages.list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    let crowd = crowd(gateway.address, &directory.brand_key).await;
    assert!(crowd.len() > 100, "only {} found a place", crowd.len());
    for _ in 0..10 {
        let spec = by(&[Channel::Sms], order());
        let message_id = messages.send(send(spec)).await.unwrap().into_inner().message_id;
        let ended = async {
            loop {
                let request = v1::GetMessageRequest { message_id: message_id.clone(), ..Default::default() };
                let message = messages.get_message(request).await.unwrap().into_inner().message.unwrap();
                if has_ended(message.state()) {
                    return message;
                }
            }
        };
        let message = timeout(PATIENCE, ended).await.expect("the message should end");
        assert_eq!(route_taken(&message), "sms SENT");
    }
    drop((crowd, messages));
    gateway.stop().await;
}
