//! A loop that the gateway cannot do without dies: the gateway does not go on by halves, but stops in order and says what died.

use std::sync::Arc;

use async_trait::async_trait;
use relevo::adapters::EventListener;
use relevo::adapters::webhooks::EventSink;
use relevo::app::Gateway;
use relevo::clock::Clock;
use relevo::config::Config;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::gateway::process::PATIENCE;
use crate::gateway::providers::provider;
use crate::support::log_lines::LogLines;

/// A listener that ends when it is told to, which no listener should.
#[derive(Debug)]
struct Mortal {
    ends: Arc<Notify>,
    panics: bool,
}

#[async_trait]
impl EventListener for Mortal {
    async fn listen(&self, _: &dyn EventSink) {
        self.ends.notified().await;
        assert!(!self.panics, "ana@example.com was too much for it");
    }
}

/// Runs a whole gateway in this process whose listener is mortal, and ends that. Asserts that the gateway ends with it, in order.
async fn assert_ends_with_its_listener(panics: bool, how: &str) {
    let (lines, _logging) = LogLines::collect();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[brands.acme]\n{}",
        provider("sms", "sms", "", "[providers.sandbox]")
    );
    let mut config = Config::built_in("relevo.toml", &text).unwrap();
    config.store.path = folder.path().join("data");
    let ends = Arc::new(Notify::new());
    config.providers[0].parts.listener = Some(Arc::new(Mortal { ends: Arc::clone(&ends), panics }));
    let gateway = Gateway::open(config, Clock::system().unwrap()).await.unwrap();
    let url = format!("http://{}", gateway.address());
    let gateway = tokio::spawn(gateway.run(std::future::pending(), std::future::pending()));

    let connection = Endpoint::from_shared(url).unwrap().connect_lazy();
    let mut health = HealthClient::new(connection);
    let health = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let mut health = Box::pin(health.map(|answer| answer.unwrap().status()).timeout(PATIENCE));
    assert_eq!(health.next().await, Some(Ok(ServingStatus::Serving)));
    ends.notify_one();
    assert_eq!(health.next().await, Some(Ok(ServingStatus::NotServing)));
    let ended = timeout(PATIENCE, gateway).await.expect("the gateway should end").unwrap();

    let error = ended.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the listener of provider sms {how}")), "{error}");
    let text = lines.text();
    let told = text.lines().filter(|line| line.contains("a loop that the gateway cannot do without ended"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "{text}");
    assert!(told[0].contains("\"ERROR\"") && told[0].contains("the listener of provider sms"), "{text}");
    assert!(!text.contains("ana@example.com"), "{text}");
    assert!(folder.path().join("data/SEAL").exists(), "the store was closed cleanly");
}

#[tokio::test]
async fn a_loop_that_panics_stops_the_gateway_in_order() {
    assert_ends_with_its_listener(true, "panicked").await;
}

#[tokio::test]
async fn a_loop_that_returns_stops_the_gateway_in_order() {
    assert_ends_with_its_listener(false, "ended by itself").await;
}
