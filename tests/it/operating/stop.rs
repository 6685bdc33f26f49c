//! A gateway that is asked to stop lets what is in flight finish, and the next one goes on where it left off.

use std::collections::BTreeSet;

use relevo::wire::v1::{self, MessageState};
use tokio_stream::StreamExt;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::abuse::{RawCall, RawClient};
use crate::gateway::history::route_taken;
use crate::gateway::load::{Load, ReceivingServers};
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::sandbox;

const HOUR: &str = "3600000";

/// A call that begins and never ends.
async fn unfinished(gateway: &Gateway) -> (RawClient, RawCall) {
    let mut client = RawClient::connect(gateway.address, 65_535).await;
    let call = client.begin("relevo.v1.MessageService/Send", Some(&gateway.brand_key)).await;
    // The gateway answers calls in the order in which they begin, so it knows of that one.
    let mut list = client.call("relevo.v1.MessageService/ListMessages", Some(&gateway.brand_key)).await;
    assert_eq!(list.refused().await, None);
    (client, call)
}

#[tokio::test]
async fn a_hangup_does_not_hurt() {
    let directory = GatewayDirectory::new(&sandbox()).await;
    let gateway = directory.start().await;
    gateway.signal("HUP").await;
    gateway.log.wait_for("SIGHUP is ignored: SIGTERM stops the gateway").await;
    gateway.messages().list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_asked_twice_to_stop_does_not_wait() {
    let server = format!("drain_timeout_ms = {HOUR}\nrequest_timeout_ms = {HOUR}");
    let directory = GatewayDirectory::with_server(&server, &sandbox()).await;
    let mut gateway = directory.start().await;
    let _unfinished = unfinished(&gateway).await;
    gateway.terminate().await;
    gateway.log.wait_for("the gRPC server is stopping: it lets calls in flight finish").await;
    gateway.signal("INT").await;
    assert_eq!(gateway.ended().await.code(), Some(1), "{:#?}", gateway.log.lines());
    assert!(directory.path("data/SEAL").exists(), "the store was closed well");
    directory.start().await.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_about_to_stop_says_so_and_serves_on() {
    let directory = GatewayDirectory::with_server(&format!("stop_delay_ms = {HOUR}"), &sandbox()).await;
    let mut gateway = directory.start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.address)).unwrap();
    let mut health = HealthClient::new(endpoint.connect_lazy());
    let watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let mut watch = watch.map(|answer| answer.unwrap().status());
    assert_eq!(watch.next().await, Some(ServingStatus::Serving));
    gateway.terminate().await;
    assert_eq!(watch.next().await, Some(ServingStatus::NotServing));
    // By a new connection.
    gateway.messages().list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    gateway.terminate().await;
    assert_eq!(gateway.ended().await.code(), Some(1));
}

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
