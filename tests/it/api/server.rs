//! What every gRPC server should do: tell its health, describe itself, bound what it takes, and stop gracefully.

use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::held::Held;
use super::*;

#[tokio::test]
async fn health_needs_no_key_and_changes_when_the_gateway_stops() {
    let gateway = Gateway::start().await;
    let mut health = HealthClient::new(gateway.client_with(None));
    let request = || HealthCheckRequest { service: String::new() };
    let now = health.check(request()).await.unwrap().into_inner();
    assert_eq!(now.status(), ServingStatus::Serving);
    let watch = health.watch(request()).await.unwrap().into_inner();
    let mut watch = watch.map(|actual: Result<HealthCheckResponse, _>| actual.unwrap().status());
    assert_eq!(watch.next().await, Some(ServingStatus::Serving));
    gateway.stop.send(()).unwrap();
    assert_eq!(watch.next().await, Some(ServingStatus::NotServing));
    assert_eq!(timeout(PATIENCE, watch.next()).await.expect("the watch should end"), None);
    gateway.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_server_describes_itself() {
    let gateway = Gateway::start().await;
    let mut reflection = ServerReflectionClient::new(gateway.client_with(None));
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut answers =
        reflection.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in [
        "MessageService",
        "ContactService",
        "ConsentService",
        "ProviderService",
        "KeyService",
        "SandboxService",
    ] {
        assert!(names.contains(&format!("relevo.v1.{name}")), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn calls_in_flight_finish_and_streams_end_when_the_gateway_stops() {
    let (stores, held) = Held::stores();
    let gateway = Gateway::with(stores, ApiSettings::default()).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    let mut watching = messages.clone();
    let mut streaming = messages.clone();
    let mut events = watching.watch_messages(v1::WatchMessagesRequest::default()).await.unwrap().into_inner();
    let (requests, receiver) = mpsc::channel(1);
    let receiver = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = streaming.send_stream(receiver).await.unwrap().into_inner();
    let in_flight = tokio::spawn(async move { messages.send(send(spec("hello"))).await });
    held.until_begun(1).await;
    requests.send(v1::SendStreamRequest { message: Some(spec("hello")), sequence: 9 }).await.unwrap();
    held.until_begun(2).await;

    gateway.stop.send(()).unwrap();
    assert_eq!(code_and_reason(events.next().await.unwrap()), expected(Code::Unavailable, "STOPPING"));
    assert!(!gateway.server.is_finished(), "it waits for what is in flight");
    held.permits.add_permits(2);
    in_flight.await.unwrap().unwrap();
    let answer = answers.next().await.unwrap().unwrap();
    assert!(matches!(answer.result, Some(v1::send_stream_response::Result::Accepted(_))), "{answer:?}");
    assert_eq!(code_and_reason(answers.next().await.unwrap()), expected(Code::Unavailable, "STOPPING"));
    gateway.server.await.unwrap().unwrap();
    let refused = tokio::net::TcpStream::connect(gateway.address).await;
    assert!(refused.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_call_that_never_ends_does_not_keep_the_gateway_from_stopping() {
    let (stores, held) = Held::stores();
    let settings =
        ApiSettings { drain_timeout_ms: 1, request_timeout_ms: 3_600_000, ..ApiSettings::default() };
    let gateway = Gateway::with(stores, settings).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    let stuck = tokio::spawn(async move { messages.send(send(spec("hello"))).await });
    held.until_begun(1).await;
    gateway.stop.send(()).unwrap();
    timeout(PATIENCE, gateway.server).await.expect("the drain is bounded").unwrap().unwrap();
    stuck.abort();
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends() {
    let (stores, held) = Held::stores();
    let settings = ApiSettings { request_timeout_ms: 50, ..ApiSettings::default() };
    let gateway = Gateway::with(stores, settings).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let answer = gateway.messages(&key).send(send(spec("hello"))).await;
    assert_eq!(code_and_reason(answer), expected(Code::DeadlineExceeded, "TIMEOUT"));
    assert_eq!(*held.begun.borrow(), 1);
}

#[tokio::test]
async fn a_request_larger_than_allowed_is_refused() {
    let settings = ApiSettings { max_message_bytes: 1_500_000, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let key = gateway.acme().await;
    let answer = gateway.messages(&key).send(send(spec(&"x".repeat(1_500_000)))).await;
    assert_eq!(answer.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_for_another_to_close() {
    let settings = ApiSettings { max_connections: 1, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let key = gateway.acme().await;
    let mut first = gateway.messages(&key);
    let mut second = gateway.messages(&key);
    let list = || v1::ListMessagesRequest::default();
    first.list_messages(list()).await.unwrap();
    let mut waiting = std::pin::pin!(second.list_messages(list()));
    // The server answers a call on the open connection, but not the one that waits.
    for _ in 0..100 {
        tokio::select! {
            biased;
            answer = &mut waiting => panic!("{answer:?}"),
            answer = first.list_messages(list()) => drop(answer.unwrap()),
        }
    }
    drop(first);
    timeout(PATIENCE, waiting).await.expect("a place should come free").unwrap();
}

#[tokio::test]
async fn the_sandbox_service_exists_only_with_a_sandbox() {
    let stores = Stores::memory();
    let clock = Clock::simulated(START, 7);
    let policies = Arc::new(policies());
    let board = ProviderRegistry::new(Vec::new(), &relevo::health::HealthSettings::default(), Vec::new());
    let planner =
        Planner::new(stores.consents.clone(), policies.clone(), board.clone(), RetrySettings::default());
    let rooms = ServiceDependencies {
        stores: stores.clone(),
        clock,
        policies,
        registry: board,
        planner,
        sandboxes: Sandboxes::default(),
        telegram: bots(&[]),
    };
    let services = ApiServices::new(rooms, &ApiSettings::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        serve(listener, services, &ApiSettings::default(), None, std::future::pending()).await
    });
    let mut sandbox = SandboxServiceClient::connect(format!("http://{address}")).await.unwrap();
    let answer = sandbox.list_outbox(v1::ListOutboxRequest::default()).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    server.abort();
}
