//! How the program ends when it cannot do what was asked.

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Gateway, done_of, nobody, relevo, run};

#[tokio::test]
async fn a_wrong_command_line_exits_with_2() {
    assert_eq!(run(&["send", "--no-such-flag"]).await.code, 2);
    let done = run(&["provider", "list"]).await;
    assert_eq!(done.code, 2);
    assert!(done.err.contains("RELEVO_API_KEY"), "{}", done.err);
    let mut absent = relevo(&["provider", "list", "--key-file", "/absent/key"]);
    assert_eq!(done_of(&mut absent).await.code, 2);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_exits_with_3() {
    let server = format!("http://{}", nobody().await);
    let mut command = relevo(&["provider", "list", "--server", &server]);
    let done = done_of(command.env("RELEVO_API_KEY", "rlv_a_b")).await;
    assert_eq!((done.code, done.out.as_str()), (3, ""));
    assert!(done.err.contains(&format!("{server} cannot be reached")), "{}", done.err);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_exits_with_3() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let mut command = relevo(&["provider", "list", "--server", &server, "--timeout", "200ms"]);
    assert_eq!(done_of(command.env("RELEVO_API_KEY", "rlv_a_b")).await.code, 3);
}

#[tokio::test]
async fn a_refusal_exits_with_1_and_names_the_fields() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let done = gateway.run(&["send", "--contact", "ana", "--topic", "Orders!", "--text", "x"]).await;
    assert_eq!((done.code, done.out.as_str()), (1, ""));
    assert!(
        done.err.starts_with("relevo: refused (INVALID_ARGUMENT): correct the request\n"),
        "{}",
        done.err
    );
    assert!(done.err.contains("\n  message.topic must be 1 to 8 lower-case words"), "{}", done.err);

    let mut command = gateway.command(&["provider", "list"]);
    let done = done_of(command.env("RELEVO_API_KEY", "rlv_a_b")).await;
    assert_eq!(done.code, 1);
    assert!(done.err.contains("refused (UNAUTHENTICATED)"), "{}", done.err);
}

/// A server of grpc.health.v1 that says of itself that it does not serve.
async fn not_serving() -> (String, JoinHandle<()>) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder().add_service(health).serve_with_incoming(incoming);
    (url, tokio::spawn(async move { server.await.unwrap() }))
}

#[tokio::test]
async fn health_is_told_by_the_exit_code_and_needs_no_key() {
    let gateway = Gateway::start().await;
    let serving = run(&["health", "--server", &gateway.url]).await;
    assert_eq!((serving.code, serving.out.as_str(), serving.err.as_str()), (0, "serving\n", ""));
    let json = run(&["health", "--server", &gateway.url, "--json"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&json.out).unwrap(),
        serde_json::json!({ "status": "SERVING", "clock": "SERVING" })
    );

    let (url, server) = not_serving().await;
    let sick = run(&["health", "--server", &url]).await;
    server.abort();
    assert_eq!((sick.code, sick.out.as_str()), (1, ""));
    assert!(sick.err.contains("NOT_SERVING"), "{}", sick.err);

    let absent = run(&["health", "--server", &format!("http://{}", nobody().await)]).await;
    assert_eq!((absent.code, absent.out.as_str()), (3, ""));
}
