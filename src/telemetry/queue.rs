//! The lines that wait to be written: at most so many bytes of them. Whoever logs never waits.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::told::TARGET;

/// Room beyond the bound for what the log tells of itself, in bytes: that lines were lost must not be lost with them.
const RESERVED_BYTES: usize = 16 << 10;

/// The queue between those who log and the thread that writes.
pub(super) struct LineQueue {
    max_bytes: usize,
    state: Mutex<QueueState>,
    /// Something came, or the queue was closed.
    changed: Condvar,
    /// The writer has written everything.
    finished: Condvar,
}

#[derive(Default)]
struct QueueState {
    /// Whole lines, one behind the other.
    lines: Vec<u8>,
    /// The bytes that the writer has taken and not yet written.
    bytes_in_writing: usize,
    lost_lines: u64,
    is_closed: bool,
    is_finished: bool,
}

/// Whether more can be expected of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueuePhase {
    /// The process runs.
    Open,
    /// The process ends, and waits for what is queued.
    Closed,
}

impl LineQueue {
    /// A queue of at most `max_bytes`, what is being written included.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, state: Mutex::default(), changed: Condvar::new(), finished: Condvar::new() }
    }

    /// Queues a line, which ends with its line break, or counts it as lost where there is no room. `is_reserved` says that it may use
    /// the room kept for what the log tells of itself.
    pub(super) fn push(&self, line: &[u8], is_reserved: bool) {
        let mut state = self.lock();
        let room = self.max_bytes + if is_reserved { RESERVED_BYTES } else { 0 };
        if state.lines.len() + state.bytes_in_writing + line.len() > room {
            state.lost_lines += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        self.changed.notify_one();
    }

    /// Replaces what was `written` by what is queued. Waits up to `patience` while nothing is.
    pub(super) fn take(&self, written: &mut Vec<u8>, patience: Duration) -> QueuePhase {
        written.clear();
        let mut state = self.lock();
        state.bytes_in_writing = 0;
        if state.lines.is_empty() && !state.is_closed {
            state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        mem::swap(&mut state.lines, written);
        state.bytes_in_writing = written.len();
        if state.is_closed { QueuePhase::Closed } else { QueuePhase::Open }
    }

    /// Adds lines that could not be written to those that found no room.
    pub(super) fn add_lost(&self, lines: u64) {
        self.lock().lost_lines += lines;
    }

    /// How many lines were lost since this was last asked.
    pub(super) fn take_lost(&self) -> u64 {
        mem::take(&mut self.lock().lost_lines)
    }

    /// Ends the writer's work if nothing is queued any more. Returns whether it did.
    pub(super) fn finish_if_empty(&self) -> bool {
        let mut state = self.lock();
        state.is_finished = state.lines.is_empty();
        if state.is_finished {
            self.finished.notify_all();
        }
        state.is_finished
    }

    /// Closes the queue, and waits up to `patience` until everything is written.
    pub(super) fn finish(&self, patience: Duration) {
        let mut state = self.lock();
        state.is_closed = true;
        self.changed.notify_one();
        drop(self.finished.wait_timeout_while(state, patience, |state| !state.is_finished));
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the formatter a queue to write its lines to.
pub(super) struct QueueLines(Arc<LineQueue>);

impl QueueLines {
    /// Lines that go to this queue.
    pub(super) fn new(queue: Arc<LineQueue>) -> Self {
        Self(queue)
    }
}

impl<'a> MakeWriter<'a> for QueueLines {
    type Writer = QueuedLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        QueuedLine { queue: &self.0, is_reserved: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        QueuedLine { queue: &self.0, is_reserved: metadata.target() == TARGET }
    }
}

/// One line on its way to the queue. The formatter writes it whole, with one call.
pub(super) struct QueuedLine<'a> {
    queue: &'a LineQueue,
    is_reserved: bool,
}

impl io::Write for QueuedLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(line, self.is_reserved);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_WAIT: Duration = Duration::ZERO;

    fn taken(queue: &LineQueue) -> String {
        let mut lines = Vec::new();
        queue.take(&mut lines, NO_WAIT);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let queue = LineQueue::new(10);
        for line in ["1234\n", "5678\n", "9\n", "0\n"] {
            queue.push(line.as_bytes(), false);
        }
        assert_eq!(taken(&queue), "1234\n5678\n");
        queue.push(b"while those are written there is no room\n", false);
        assert_eq!((queue.take_lost(), queue.take_lost()), (3, 0));
        assert_eq!(taken(&queue), "");
        queue.push(b"now\n", false);
        assert_eq!(taken(&queue), "now\n");
    }

    #[test]
    fn what_the_log_tells_of_itself_has_room_of_its_own() {
        let queue = LineQueue::new(10);
        queue.push(b"123456789\n", false);
        queue.push(b"3 lines were lost\n", true);
        assert_eq!(taken(&queue), "123456789\n3 lines were lost\n");
    }

    #[test]
    fn a_closed_queue_is_finished_when_it_is_empty() {
        let queue = LineQueue::new(100);
        queue.push(b"last\n", false);
        queue.finish(NO_WAIT);
        assert!(!queue.finish_if_empty());
        let mut lines = Vec::new();
        assert_eq!(queue.take(&mut lines, Duration::MAX), QueuePhase::Closed);
        assert!(queue.finish_if_empty());
        queue.finish(Duration::MAX);
    }
}
