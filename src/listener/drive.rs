//! Drives an HTTP connection to its end, by itself or because the listener stops.

use std::error::Error;
use std::pin::pin;

use hyper_util::server::graceful::GracefulConnection;

use super::activity::ConnectionActivity;

/// Drives `connection` until it ends. When `stopping` resolves, it takes no further calls, and ends with those in work.
///
/// # Errors
/// When the connection does not end well.
pub async fn drive<C>(
    connection: C,
    activity: &ConnectionActivity,
    stopping: impl Future<Output = ()>,
) -> Result<(), C::Error>
where
    C: GracefulConnection,
    C::Error: Error,
{
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stopping => {}
    }
    activity.note_stop();
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = activity.idle() => Ok(()),
    }
}
