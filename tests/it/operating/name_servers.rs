//! The name server of this machine, and those of the providers.

use std::net::{IpAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use relevo::wire::v1::{self, BreakerState, Channel, OutcomeKind};
use tokio::process::{Child, Command};

use crate::gateway::history::attempts;
use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::{provider, smpp, twilio};
use crate::gateway::{ana, by, order};

/// More than it takes to open a breaker.
const MESSAGES: usize = 8;

/// Providers whose hosts only a name server knows, one for each way of connecting.
fn providers() -> String {
    let mail = "[providers.smtp]\nhost = 'mail.example.com'\nport = 2525\nfrom = 'Shop <shop@example.com>'";
    twilio("sms", "http://api.example.com:8080", "")
        + &provider("email", "email", "", mail)
        + &smpp("smpp", 2775).replace("localhost", "smsc.example.com")
}

/// Sends messages by SMS and by mail.
async fn send_messages(gateway: &Gateway) -> Vec<String> {
    gateway.upsert_contact(ana()).await;
    let mut ids = Vec::new();
    for channel in [Channel::Sms, Channel::Email] {
        for _ in 0..MESSAGES {
            ids.push(gateway.send(by(&[channel], order())).await);
        }
    }
    ids
}

/// Asserts what came of every attempt so far.
async fn assert_outcomes(gateway: &Gateway, ids: &[String], expected: OutcomeKind) {
    for id in ids {
        for attempt in attempts(&gateway.message(id).await).iter().filter(|attempt| attempt.ended.is_some()) {
            assert_eq!(attempt.outcome(), expected, "{attempt:?}");
        }
    }
}

async fn a_name_server_that_does_not_answer_is_no_providers_fault(server: IpAddr) {
    let directory = GatewayDirectory::new(&providers()).await;
    let Some(gateway) = directory.start_with_name_server(server).await else { return };
    let ids = send_messages(&gateway).await;
    let was_tried = |event: &v1::Event| matches!(event.detail, Some(v1::event::Detail::AttemptFinished(_)));
    gateway.wait_until_all(&ids, was_tried).await;
    assert_outcomes(&gateway, &ids, OutcomeKind::LocalFailure).await;
    for name in ["sms", "email", "smpp"] {
        let provider = gateway.provider(name).await;
        assert_eq!((provider.breaker(), provider.recent_failures), (BreakerState::Closed, 0), "{name}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_name_server_that_is_not_there_is_no_providers_fault() {
    a_name_server_that_does_not_answer_is_no_providers_fault([127, 53, 0, 1].into()).await;
}

#[tokio::test]
async fn a_name_server_that_is_silent_is_no_providers_fault() {
    let address = IpAddr::from([127, 53, 0, 2]);
    let Ok(_silent) = UdpSocket::bind((address, 53)) else {
        assert!(std::env::var("CI").is_err(), "no name server can be run here");
        return;
    };
    a_name_server_that_does_not_answer_is_no_providers_fault(address).await;
}

/// A name server that works, and does not get an answer from those of `example.com`.
async fn dnsmasq(address: IpAddr) -> Child {
    let listen = format!("--listen-address={address}");
    let mut command = Command::new("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--bind-interfaces", &listen]);
    command.args(["--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--local=/invalid/"]);
    let spawned = command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn();
    let dnsmasq = spawned.expect("tests/peers/install.sh installs dnsmasq");
    // Until the place is taken.
    while UdpSocket::bind((address, 53)).is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    dnsmasq
}

#[tokio::test]
async fn a_host_whose_own_name_servers_fail_counts_against_its_provider() {
    let address = IpAddr::from([127, 53, 0, 3]);
    if UdpSocket::bind((address, 53)).is_err() {
        assert!(std::env::var("CI").is_err(), "no name server can be run here");
        return;
    }
    let _dns = dnsmasq(address).await;
    let directory = GatewayDirectory::new(&providers()).await;
    let Some(gateway) = directory.start_with_name_server(address).await else { return };
    let ids = send_messages(&gateway).await;
    for name in ["sms", "email"] {
        gateway.wait_for_breaker(name, BreakerState::Open).await;
    }
    assert_outcomes(&gateway, &ids, OutcomeKind::Unavailable).await;
    gateway.stop().await;
}
