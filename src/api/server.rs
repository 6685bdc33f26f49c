//! Serves the API on a socket until it is asked to stop.
//!
//! Stopping is graceful: the listener closes at once, calls in flight finish, and streams end with UNAVAILABLE so that
//! their callers resume elsewhere.

use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tracing::{info, warn};

use super::connections::bounded;
use super::services::ApiServices;
use super::settings::ApiSettings;
use super::shutdown::ShutdownSignal;
use super::tls::ServerTls;
use crate::wire::DESCRIPTORS;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The server failed.
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves, with `tls` or in plain text, until `shutdown`, and then until the calls in flight are done or the drain timeout has passed.
///
/// # Errors
/// When the server fails.
pub async fn serve(
    listener: TcpListener,
    services: ApiServices,
    settings: &ApiSettings,
    tls: Option<&ServerTls>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let signal = services.shutdown().clone();
    let (health, reporter) = health();
    let routes = services.into_routes(settings.max_message_bytes).add_service(health);
    let routes = with_reflection(routes);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let incoming = bounded(incoming, settings.max_connections);
    let mut server = configured(settings, tls)?;
    let server = server.add_routes(routes).serve_with_incoming_shutdown(incoming, signal.clone().triggered());
    let mut server = pin!(server);
    tokio::select! {
        ended = &mut server => return Ok(ended?),
        () = shutdown => {}
    }
    drain(server, signal, reporter, Duration::from_millis(settings.drain_timeout_ms)).await
}

async fn drain(
    server: impl Future<Output = Result<(), tonic::transport::Error>>,
    signal: ShutdownSignal,
    mut reporter: HealthReporter,
    timeout: Duration,
) -> Result<(), ServeError> {
    info!("the gRPC server is stopping: it lets calls in flight finish");
    reporter.set_service_status("", ServingStatus::NotServing).await;
    // Ends the watches of the health service, once they have streamed the change.
    reporter.clear_service_status("").await;
    signal.trigger();
    match tokio::time::timeout(timeout, server).await {
        Ok(ended) => Ok(ended?),
        Err(_) => {
            warn!(
                timeout_ms = timeout.as_millis(),
                "calls were still in flight when the drain timeout passed"
            );
            Ok(())
        }
    }
}

fn configured(settings: &ApiSettings, tls: Option<&ServerTls>) -> Result<Server, ServeError> {
    let ms = Duration::from_millis;
    let server = Server::builder()
        // The guard bounds the calls of our own services first, and its error says why; this bounds those of the others.
        .timeout(2 * ms(settings.request_timeout_ms))
        .concurrency_limit_per_connection(settings.max_calls_per_connection)
        .max_concurrent_streams(settings.max_streams_per_connection)
        .http2_keepalive_interval(Some(ms(settings.keepalive_interval_ms)))
        .http2_keepalive_timeout(Some(ms(settings.keepalive_timeout_ms)));
    Ok(match tls {
        Some(tls) => server.tls_config(tls.config())?,
        None => server,
    })
}

fn health() -> (HealthServer<HealthService>, HealthReporter) {
    let reporter = HealthReporter::new();
    (HealthServer::new(HealthService::from_health_reporter(reporter.clone())), reporter)
}

/// Adds the reflection service, by which tools such as grpcurl learn the services and methods, in both versions of the protocol that are in use.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    const VALID: &str = "the descriptors were made by our own build";
    routes
        .add_service(builder().build_v1().expect(VALID))
        .add_service(builder().build_v1alpha().expect(VALID))
}
