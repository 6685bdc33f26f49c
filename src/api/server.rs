//! Serves the API on a socket until it is asked to stop.
//!
//! Stopping is graceful: the listener closes at once, calls in flight finish, and streams end with UNAVAILABLE so that
//! their callers resume elsewhere.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use std::{fs, io};

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tracing::{info, warn};

use super::connections::bounded;
use super::services::ApiServices;
use super::settings::{ApiSettings, TlsSettings};
use super::shutdown::ShutdownSignal;
use crate::wire::DESCRIPTORS;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of the TLS settings cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The certificate and its key cannot be used.
    #[error("the certificate {cert} with the key {key} cannot be used: {source}", cert = cert.display(), key = key.display())]
    Tls {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of its key.
        key: PathBuf,
        /// What went wrong.
        source: tonic::transport::Error,
    },
    /// The server failed.
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `shutdown`, and then until the calls in flight are done or the drain timeout has passed.
///
/// # Errors
/// When the TLS settings cannot be used, or the server fails.
pub async fn serve(
    listener: TcpListener,
    services: ApiServices,
    settings: &ApiSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let signal = services.shutdown().clone();
    let (health, reporter) = health();
    let routes = services.into_routes(settings.max_message_bytes).add_service(health);
    let routes = with_reflection(routes);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let incoming = bounded(incoming, settings.max_connections);
    let mut server = configured(settings)?;
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

fn configured(settings: &ApiSettings) -> Result<Server, ServeError> {
    let ms = Duration::from_millis;
    let server = Server::builder()
        // The guard bounds the calls of our own services first, and its error says why; this bounds those of the others.
        .timeout(2 * ms(settings.request_timeout_ms))
        .concurrency_limit_per_connection(settings.max_calls_per_connection)
        .max_concurrent_streams(settings.max_streams_per_connection)
        .http2_keepalive_interval(Some(ms(settings.keepalive_interval_ms)))
        .http2_keepalive_timeout(Some(ms(settings.keepalive_timeout_ms)));
    let Some(tls) = &settings.tls else { return Ok(server) };
    server.tls_config(tls_config(tls)?).map_err(|source| ServeError::Tls {
        cert: tls.cert_file.clone(),
        key: tls.key_file.clone(),
        source,
    })
}

fn tls_config(tls: &TlsSettings) -> Result<ServerTlsConfig, ServeError> {
    let config =
        ServerTlsConfig::new().identity(Identity::from_pem(read(&tls.cert_file)?, read(&tls.key_file)?));
    Ok(match &tls.client_ca_file {
        Some(file) => config.client_ca_root(Certificate::from_pem(read(file)?)),
        None => config,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    fs::read(path).map_err(|source| ServeError::File { path: path.to_owned(), source })
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
