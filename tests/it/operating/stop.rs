//! A gateway that is asked to stop lets what is in flight finish, and the next one goes on where it left off.

use std::collections::BTreeSet;

use relevo::wire::v1::MessageState;

use crate::gateway::history::route_taken;
use crate::gateway::load::{Load, ReceivingServers};
use crate::gateway::process::{GatewayDirectory, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_asked_to_stop_finishes_what_is_in_flight_and_loses_nothing() {
    let servers = ReceivingServers::start("stop", "stop-sms", "stop-whatsapp", 200).await;
    let directory = GatewayDirectory::new(&servers.providers()).await;
    let load = Load::default();
    let mut gateway = directory.start().await;
    Load::prepare(&gateway).await;
    let (callers, mut acknowledged) = load.start(&gateway, 100);
    let reached = acknowledged.wait_for(|count| *count >= 200);
    tokio::time::timeout(PATIENCE, reached).await.expect("the load goes on").unwrap();
    gateway.terminate().await;
    let status = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{:#?}", gateway.log.lines());
    gateway.log.wait_for("relevo has stopped").await;
    callers.join_all().await;

    let gateway = directory.start().await;
    let answered: BTreeSet<String> = load.asked().into_values().flatten().collect();
    assert_eq!(
        gateway.all_ids().await,
        answered,
        "what was stored was answered, and what was answered is stored"
    );
    let messages = gateway.wait_until_ended(&answered.into_iter().collect::<Vec<_>>()).await;
    let asked = load.asked();
    let mut effects = servers.effects(|key| asked[key].clone().unwrap()).await;
    for message in &messages {
        let seen = effects.remove(&message.message_id).unwrap_or_default();
        // One attempt each, and none that the stop cut off.
        assert_eq!(message.state(), MessageState::Sent, "{}", route_taken(message));
        assert!(!route_taken(message).contains(','), "{}", route_taken(message));
        assert_eq!(seen.attempts.values().sum::<usize>() + seen.sms, 1, "{seen:?} {}", route_taken(message));
    }
    assert!(effects.is_empty(), "{effects:?}");
    gateway.stop().await;
}
