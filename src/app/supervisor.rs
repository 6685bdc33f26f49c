//! The loops that the gateway lives by, each a task of its own with a name.
//!
//! # Why
//!
//! A loop that died alone would leave a gateway that looks well and does only a part of its work: messages would be accepted
//! and never sent. So none may end before the gateway is asked to stop. When one does, because it panicked, failed or returned, the
//! gateway stops as if it had been asked to, but for its exit code: health turns to NOT_SERVING, what is in flight ends, and the
//! store is closed, so that whoever watches the process starts it again.

use std::collections::HashMap;
use std::future::Future;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::error::AppError;

/// How a loop ended.
type Ended = Result<(Id, Result<(), AppError>), JoinError>;

/// Runs loops, and stops all of them when one ends.
pub(super) struct Supervisor {
    stopping: watch::Sender<bool>,
    /// Those that end by themselves when they are asked to stop.
    draining: JoinSet<Result<(), AppError>>,
    /// Those that run for as long as any of the others does, and are then cut off.
    background: JoinSet<Result<(), AppError>>,
    names: HashMap<Id, String>,
}

impl Supervisor {
    /// A supervisor of no loops yet.
    pub(super) fn new() -> Self {
        let (draining, background) = (JoinSet::new(), JoinSet::new());
        Self { stopping: watch::Sender::new(false), draining, background, names: HashMap::new() }
    }

    /// Resolves when the loops are asked to stop.
    pub(super) fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        // A supervisor that is gone has cut off its loops.
        async move { drop(stopping.wait_for(|stopping| *stopping).await) }
    }

    /// Starts a loop that ends by itself after [`Self::stopping`] resolved.
    pub(super) fn spawn(
        &mut self,
        name: impl Into<String>,
        run: impl Future<Output = Result<(), AppError>> + Send + 'static,
    ) {
        let id = self.draining.spawn(run).id();
        self.names.insert(id, name.into());
    }

    /// Starts a loop without end, which runs for as long as one of the others. It can be cut off at any time.
    pub(super) fn spawn_background(
        &mut self,
        name: impl Into<String>,
        run: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.background.spawn(run.map(Ok)).id();
        self.names.insert(id, name.into());
    }

    /// Waits until `stop` resolves, or until a loop ends by itself; then asks all to stop, and waits until they have.
    ///
    /// # Errors
    /// The first loop that failed, or that ended before it was asked to.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let mut failure = tokio::select! {
            () = stop => None,
            ended = self.next() => Some(self.error_of(ended)),
        };
        self.stopping.send_replace(true);
        if let Some(error) = &failure {
            tracing::error!(%error, "a loop that the gateway cannot do without ended; the gateway stops");
        }
        while let Some(ended) = self.draining.join_next_with_id().await {
            if !matches!(ended, Ok((_, Ok(())))) {
                let error = self.error_of(ended);
                tracing::error!(%error, "a loop failed while the gateway stopped");
                failure.get_or_insert(error);
            }
        }
        self.background.shutdown().await;
        failure.map_or(Ok(()), Err)
    }

    /// The next loop that ends.
    async fn next(&mut self) -> Ended {
        tokio::select! {
            Some(ended) = self.draining.join_next_with_id() => ended,
            Some(ended) = self.background.join_next_with_id() => ended,
            else => std::future::pending().await,
        }
    }

    fn error_of(&self, ended: Ended) -> AppError {
        let name = |id| self.names.get(&id).cloned().unwrap_or_default();
        match ended {
            Ok((_, Err(error))) => error,
            Ok((id, Ok(()))) => AppError::LoopEnded { name: name(id), how: "ended by itself" },
            // What it said is in the log, as far as it may be.
            Err(error) => AppError::LoopEnded { name: name(error.id()), how: "panicked" },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A supervisor of a loop that ends when it is asked to, and then sets the flag.
    fn supervisor() -> (Supervisor, Arc<AtomicBool>) {
        let (mut supervisor, drained) = (Supervisor::new(), Arc::new(AtomicBool::new(false)));
        let (stopping, flag) = (supervisor.stopping(), Arc::clone(&drained));
        supervisor.spawn("the other loop", async move {
            stopping.await;
            flag.store(true, Ordering::Relaxed);
            Ok(())
        });
        (supervisor, drained)
    }

    async fn error_of(supervisor: Supervisor) -> String {
        supervisor.run(pending()).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_loop_that_panics_stops_the_others_and_is_named() {
        let (mut supervisor, drained) = supervisor();
        supervisor.spawn("dispatch", async { panic!("a message nobody should see") });
        let error = error_of(supervisor).await;
        assert!(error.starts_with("dispatch panicked"), "{error}");
        assert!(!error.contains("nobody should see"), "{error}");
        assert!(drained.load(Ordering::Relaxed), "the others end in order");
    }

    #[tokio::test]
    async fn a_loop_that_returns_or_fails_stops_the_others_and_is_named() {
        let (mut supervisor, drained) = supervisor();
        supervisor.spawn_background("the purge of old records", ready(()));
        let error = error_of(supervisor).await;
        assert!(error.starts_with("the purge of old records ended by itself"), "{error}");
        assert!(drained.load(Ordering::Relaxed), "the others end in order");

        let (mut supervisor, _) = self::supervisor();
        let address = "127.0.0.1:1".parse().unwrap();
        let source = std::io::ErrorKind::AddrInUse.into();
        supervisor.spawn("the gRPC API", async move { Err(AppError::Listen { address, source }) });
        let error = error_of(supervisor).await;
        assert!(error.starts_with("cannot listen on 127.0.0.1:1"), "{error}");
    }

    #[tokio::test]
    async fn loops_that_are_asked_to_stop_end_well_and_background_loops_are_cut_off() {
        let (mut supervisor, drained) = supervisor();
        supervisor.spawn_background("a listener", pending());
        assert!(supervisor.run(ready(())).await.is_ok());
        assert!(drained.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_loop_that_panics_while_it_stops_is_an_error_too() {
        let (mut supervisor, _) = supervisor();
        let stopping = supervisor.stopping();
        supervisor.spawn("dispatch", async move {
            stopping.await;
            panic!("too late");
        });
        let error = supervisor.run(ready(())).await.unwrap_err().to_string();
        assert!(error.starts_with("dispatch panicked"), "{error}");
    }
}
