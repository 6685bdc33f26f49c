//! Serves the API on a socket until it is asked to stop.
//!
//! Stopping is graceful: the listener closes at once, calls in flight finish, and streams end with UNAVAILABLE so that
//! their callers resume elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing::info;

use super::connections::ConnectionServer;
use super::services::ApiServices;
use super::settings::ApiSettings;
use super::tls::ServerTls;
use crate::listener::{self, ListenerLimits};

/// Serves until `shutdown`, and then until the calls in flight are done or the drain timeout has passed. Without `tls` it serves
/// plain text.
pub async fn serve(
    listener: TcpListener,
    services: ApiServices,
    settings: &ApiSettings,
    tls: Option<&ServerTls>,
    shutdown: impl Future<Output = ()>,
) {
    let (signal, health) = (services.shutdown().clone(), services.health().clone());
    let server = Arc::new(ConnectionServer::new(services.into_routes(settings), settings, tls));
    let stop = async {
        shutdown.await;
        info!("the gRPC server is stopping: it lets calls in flight finish");
        health.stop_serving();
        signal.trigger();
    };
    listener::serve(listener, limits(settings), stop, |connection| Arc::clone(&server).serve(connection))
        .await;
}

fn limits(settings: &ApiSettings) -> ListenerLimits {
    let ms = Duration::from_millis;
    ListenerLimits {
        protocol: "gRPC",
        max_connections: settings.max_connections,
        max_unproven: settings.max_unauthenticated_connections,
        write_timeout: ms(settings.write_timeout_ms),
        keepalive: ms(settings.keepalive_interval_ms),
        drain_timeout: ms(settings.drain_timeout_ms),
    }
}
