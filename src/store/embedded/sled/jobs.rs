//! The jobs of the writer: operations, each with a caller who waits for its answer.

use tokio::sync::oneshot;

use super::super::engine::WriteClass;
use super::super::txn::{Txn, WriteGroup};
use crate::store::StoreError;

/// What the writer is asked to do.
pub enum WriterCommand {
    /// Run an operation.
    Run(Box<dyn WriteJob>),
    /// Open the tree again if it is closed.
    Reopen,
    /// Finish.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// An operation with somebody waiting for its answer.
pub trait WriteJob: Send {
    /// Whether it may use the room that is kept free.
    fn class(&self) -> WriteClass;

    /// Runs it within a group. The answer waits until the group is durable.
    fn run(&mut self, group: &mut WriteGroup<'_>);

    /// Answers: with what `run` gave, or with the error that kept it from being durable.
    fn answer(self: Box<Self>, durable: Result<(), StoreError>);
}

/// A closure that runs as a [`WriteJob`], and the channel for its answer.
pub struct WriteOperation<F, R> {
    class: WriteClass,
    operation: Option<F>,
    result: Option<Result<R, StoreError>>,
    reply: oneshot::Sender<Result<R, StoreError>>,
}

impl<F, R> WriteOperation<F, R> {
    pub fn new(class: WriteClass, operation: F, reply: oneshot::Sender<Result<R, StoreError>>) -> Self {
        Self { class, operation: Some(operation), result: None, reply }
    }
}

impl<F, R> WriteJob for WriteOperation<F, R>
where
    R: Send,
    F: FnOnce(&mut Txn<'_>) -> Result<R, StoreError> + Send,
{
    fn class(&self) -> WriteClass {
        self.class
    }

    fn run(&mut self, group: &mut WriteGroup<'_>) {
        self.result = self.operation.take().map(|operation| group.run(operation));
    }

    fn answer(self: Box<Self>, durable: Result<(), StoreError>) {
        let not_run = || Err(StoreError::Io { detail: "the operation was not run".to_owned() });
        let Self { result, reply, .. } = *self;
        let answer = durable.and_then(|()| result.unwrap_or_else(not_run));
        // Nobody waits when the caller has gone away; what it asked for is done all the same.
        let _ = reply.send(answer);
    }
}
