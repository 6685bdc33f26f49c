//! The thread that writes the lines, and the only one that waits for whoever reads them.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::queue::{LineQueue, QueuePhase};
use super::repeats::RepeatFilter;
use super::told;

/// How often to look whether there are repeats to tell of.
const TICK: Duration = Duration::from_secs(1);

/// How long to wait for a reader of a pipe that does not block.
const RETRY: Duration = Duration::from_millis(10);

/// Starts the thread, which runs until the queue is closed and empty.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start<W: Write + Send + 'static>(
    out: LineWriter<W>,
    queue: Arc<LineQueue>,
    repeats: RepeatFilter,
) -> io::Result<()> {
    thread::Builder::new().name("log-writer".to_owned()).spawn(move || run(out, &queue, &repeats)).map(drop)
}

fn run<W: Write>(mut out: LineWriter<W>, queue: &LineQueue, repeats: &RepeatFilter) {
    let mut lines = Vec::new();
    loop {
        let phase = queue.take(&mut lines, TICK);
        match out.write(&lines) {
            // Told only once something can be written: the line that tells it would else be one more that is lost.
            0 if !lines.is_empty() => tell_lost(queue),
            lost => queue.add_lost(lost),
        }
        let summaries = match phase {
            QueuePhase::Open => repeats.take_due(Instant::now()),
            QueuePhase::Closed => repeats.take_all(Instant::now()),
        };
        for summary in summaries {
            summary.log();
        }
        if phase == QueuePhase::Closed && queue.finish_if_empty() {
            return;
        }
    }
}

fn tell_lost(queue: &LineQueue) {
    match queue.take_lost() {
        0 => {}
        lines => told::log_lost(lines),
    }
}

/// Writes whole lines, and goes on after those that could not be written.
pub(super) struct LineWriter<W> {
    out: W,
    /// Whether the last line was cut off.
    is_mid_line: bool,
}

impl<W: Write> LineWriter<W> {
    /// A writer to `out`, which buffers nothing.
    pub(super) fn new(out: W) -> Self {
        Self { out, is_mid_line: false }
    }

    /// Writes these lines. Returns how many of them were not written, or not whole.
    fn write(&mut self, lines: &[u8]) -> u64 {
        if lines.is_empty() {
            return 0;
        }
        if self.is_mid_line {
            self.is_mid_line = self.write_until_failure(b"\n") == 0;
        }
        let written = if self.is_mid_line { 0 } else { self.write_until_failure(lines) };
        let (written, rest) = lines.split_at(written);
        self.is_mid_line |= written.last().is_some_and(|&last| last != b'\n');
        rest.iter().map(|&byte| u64::from(byte == b'\n')).sum()
    }

    /// Writes as much as can be written. Returns how many bytes that were.
    fn write_until_failure(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match self.out.write(&bytes[written..]) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Like a pipe that blocks: what comes meanwhile is queued as long as there is room.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(_) => break,
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Takes as many bytes with each call as it was told, or fails so.
    #[derive(Default)]
    struct Scripted {
        answers: VecDeque<io::Result<usize>>,
        written: Vec<u8>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let takes = self.answers.pop_front().unwrap_or(Ok(bytes.len()))?.min(bytes.len());
            self.written.extend_from_slice(&bytes[..takes]);
            Ok(takes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer(answers: impl IntoIterator<Item = io::Result<usize>>) -> LineWriter<Scripted> {
        LineWriter::new(Scripted { answers: answers.into_iter().collect(), ..Scripted::default() })
    }

    fn failure(kind: ErrorKind) -> io::Result<usize> {
        Err(kind.into())
    }

    #[test]
    fn what_is_interrupted_or_slow_is_written_whole() {
        let mut out = writer([Ok(2), failure(ErrorKind::Interrupted), Ok(3), failure(ErrorKind::WouldBlock)]);
        assert_eq!(out.write(b"one\ntwo\nthree\n"), 0);
        assert_eq!(out.out.written, b"one\ntwo\nthree\n");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_the_next_line_begins_on_its_own() {
        for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull, ErrorKind::Other] {
            let mut out = writer([Ok(6), failure(kind), failure(kind), failure(kind)]);
            assert_eq!(out.write(b"one\ntwo\nthree\n"), 2, "the second was cut off and the third not begun");
            assert_eq!(out.write(b"four\n"), 1);
            assert_eq!(out.write(b""), 0);
            assert_eq!(out.write(b"five\n"), 1);
            assert_eq!(out.write(b"six\nseven\n"), 0);
            assert_eq!(String::from_utf8(out.out.written).unwrap(), "one\ntw\nsix\nseven\n");
        }
    }
}
