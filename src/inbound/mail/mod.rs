//! The LMTP server (RFC 2033), to which a mail server hands the reports on our mail. The events in a mail are durable before
//! the mail is accepted; until then it stays in the queue of the mail server.

mod conversation;
mod session;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::WebhookRouter;
use super::settings::MailSettings;

/// Serves until `stop` resolves, and then lets mail in flight end within the stop timeout.
pub async fn serve(
    listener: TcpListener,
    router: WebhookRouter,
    settings: MailSettings,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(settings.max_connections));
    let settings = Arc::new(settings);
    let (stopping, stopped) = watch::channel(false);
    let accept = async {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an LMTP connection could not be accepted");
                    tokio::time::sleep(settings.timeout() / 100).await;
                    continue;
                }
            };
            let session = session::run(stream, router.clone(), Arc::clone(&settings), stopped.clone());
            tokio::spawn(async move {
                let _permit = permit;
                // A mail server that goes away in mid-mail delivers it again.
                if let Err(error) = session.await {
                    tracing::debug!(%error, "an LMTP connection ended in mid-session");
                }
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    stopping.send_replace(true);
    let all = u32::try_from(settings.max_connections).unwrap_or(u32::MAX);
    if timeout(settings.stop_timeout(), permits.acquire_many(all)).await.is_err() {
        tracing::warn!("mail was still in flight when the time to finish it had passed");
    }
}
