//! The listener for mail: a mail server that takes reports on our mail hands them over here by LMTP (RFC 2033). What a mail
//! says is durable before it is accepted; until then it stays in that server's queue.

mod conversation;
mod session;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::WebhookRouter;
use super::settings::MailSettings;

/// Serves until `stop` resolves, and then lets mail in flight end.
pub async fn serve(
    listener: TcpListener,
    hooks: WebhookRouter,
    settings: MailSettings,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let settings = Arc::new(settings);
    let (stopping, stopped) = watch::channel(false);
    let accept = async {
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a mail server's connection could not be accepted");
                    tokio::time::sleep(settings.timeout() / 100).await;
                    continue;
                }
            };
            let session = session::run(stream, hooks.clone(), Arc::clone(&settings), stopped.clone());
            tokio::spawn(async move {
                let _place = place;
                // A client that goes away in mid-mail tries again.
                if let Err(error) = session.await {
                    tracing::debug!(%error, "a mail server's connection ended early");
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
    if timeout(settings.stop_timeout(), places.acquire_many(all)).await.is_err() {
        tracing::warn!("mail was still in flight when the time for it had passed");
    }
}
