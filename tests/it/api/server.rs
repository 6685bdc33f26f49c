//! What every gRPC server should do: tell its health, describe itself, bound what it takes, and stop gracefully.

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding;
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
    gateway.server.await.unwrap();
}

#[tokio::test]
async fn each_service_has_the_health_of_the_gateway_and_an_unknown_one_is_told() {
    let gateway = Gateway::start().await;
    let mut health = HealthClient::new(gateway.client_with(None));
    let request = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["relevo.v1.MessageService", "relevo.v1.KeyService"] {
        let now = health.check(request(service)).await.unwrap().into_inner();
        assert_eq!(now.status(), ServingStatus::Serving);
    }
    let answer = health.check(request("relevo.v1.NoService")).await;
    assert_eq!(code_and_reason(answer), expected(Code::NotFound, "SERVICE_UNKNOWN"));

    let mut known = health.watch(request("relevo.v1.MessageService")).await.unwrap().into_inner();
    let mut unknown = health.watch(request("relevo.v1.NoService")).await.unwrap().into_inner();
    assert_eq!(known.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(unknown.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    gateway.stop.send(()).unwrap();
    assert_eq!(known.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn compressed_requests_at_once_are_held_at_their_true_size() {
    let (stores, held) = Held::stores();
    let gateway = Gateway::with(stores, ApiSettings::default()).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    // Each could become 4 MiB, by its length alone, and there is room for 8 of those.
    let mut random = fastrand::Rng::with_seed(7);
    let text: String = (0..10_000).map(|_| random.lowercase()).collect();
    let messages = gateway.messages(&key).send_compressed(CompressionEncoding::Gzip);
    let mut calls = JoinSet::new();
    for number in 1..=20 {
        let (mut messages, text) = (messages.clone(), text.clone());
        let mut spec = spec(&text);
        spec.content.as_mut().unwrap().subject = "Long".into();
        calls.spawn(async move { messages.send(send(spec)).await });
        held.until_begun(number).await;
    }
    held.permits.add_permits(20);
    calls.join_all().await.into_iter().for_each(|answer| drop(answer.unwrap()));
}

/// What the reflection service answers.
async fn reflect(gateway: &Gateway, request: MessageRequest) -> Result<MessageResponse, Status> {
    let mut reflection = ServerReflectionClient::new(gateway.client_with(None));
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut answers = reflection.server_reflection_info(tokio_stream::once(request)).await?.into_inner();
    Ok(answers.next().await.unwrap()?.message_response.unwrap())
}

#[tokio::test]
async fn the_details_of_errors_are_described_too() {
    let gateway = Gateway::start().await;
    for name in ["ErrorInfo", "BadRequest", "RetryInfo"] {
        let symbol = MessageRequest::FileContainingSymbol(format!("google.rpc.{name}"));
        let answer = reflect(&gateway, symbol).await.unwrap();
        assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn the_server_does_not_describe_itself_when_it_is_told_not_to() {
    let settings = ApiSettings { reflection: false, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let answer = reflect(&gateway, MessageRequest::ListServices(String::new())).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_compressed_request_is_taken_and_bounded_by_what_comes_out_of_it() {
    let settings = ApiSettings { max_message_bytes: 1_500_000, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key).send_compressed(CompressionEncoding::Gzip);
    messages.send(send(spec("hello"))).await.unwrap();
    let bomb = send(spec(&"x".repeat(10_000_000)));
    let answer = messages.send(bomb.clone()).await;
    assert_eq!(code_and_reason(answer), expected(Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    let requests = tokio_stream::once(v1::SendStreamRequest { message: bomb.message, sequence: 1 });
    let mut answers = messages.send_stream(requests).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap();
    assert_eq!(code_and_reason(answer), expected(Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
}

#[tokio::test]
async fn the_server_describes_itself() {
    let gateway = Gateway::start().await;
    let answer = reflect(&gateway, MessageRequest::ListServices(String::new())).await.unwrap();
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
    gateway.server.await.unwrap();
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
    timeout(PATIENCE, gateway.server).await.expect("the drain is bounded").unwrap();
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
    assert_eq!(code_and_reason(answer), expected(Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
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
    let planner = Planner::new(
        stores.consents.clone(),
        policies.clone(),
        board.clone(),
        RetrySettings::default(),
        ProviderQueues::default(),
    );
    let rooms = ServiceDependencies {
        stores: stores.clone(),
        cursor_key: stores.messages.cursor_key([7; 32]).await.unwrap(),
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
