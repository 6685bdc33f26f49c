//! A time limit that a pause of this process does not use up.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

/// How long an answer that arrived in time may take to be read once its time is over.
const READING_TIME: Duration = Duration::from_millis(50);

/// Waits for an answer, at most for `limit` and a moment to read what has arrived by then. `None` when there is none.
///
/// When the process or its machine was paused (SIGSTOP, a virtual machine that moves), the answer lies in the socket and the time is over
/// both at once, and whoever is asked first decides. An answer that is not read leaves its message in doubt, so it is read.
pub async fn answer_within<T>(limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = pin!(answer);
    match timeout(limit, &mut answer).await {
        Ok(answer) => Some(answer),
        Err(_) => timeout(READING_TIME, answer).await.ok(),
    }
}
