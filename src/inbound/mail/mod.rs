//! The LMTP server (RFC 2033), to which a mail server hands the reports on our mail. The events in a mail are durable before
//! the mail is accepted; until then it stays in the queue of the mail server.

mod conversation;
mod session;

use std::sync::Arc;

use tokio::net::TcpListener;

use super::WebhookRouter;
use super::settings::MailSettings;
use crate::listener::{self, ListenerLimits};

/// Serves until `stop` resolves, and then lets mail in flight end within the stop timeout.
pub async fn serve(
    listener: TcpListener,
    router: WebhookRouter,
    settings: MailSettings,
    stop: impl Future<Output = ()>,
) {
    let limits = ListenerLimits {
        protocol: "LMTP",
        max_connections: settings.max_connections,
        // A mail server proves itself by the first recipient that it names, so whoever has not is the first to leave.
        max_unproven: settings.max_connections,
        write_timeout: settings.write_timeout(),
        keepalive: settings.timeout(),
        drain_timeout: settings.stop_timeout(),
    };
    let settings = Arc::new(settings);
    listener::serve(listener, limits, stop, |connection| {
        let session = session::run(connection, router.clone(), Arc::clone(&settings));
        async {
            // A mail server that goes away in mid-mail delivers it again.
            if let Err(error) = session.await {
                tracing::debug!(%error, "an LMTP connection ended in mid-session");
            }
        }
    })
    .await;
}
