//! The log: lines for people or for machines, on standard error. Addresses are masked where they are logged, and bodies
//! are never logged; docs/logging.md has the rules.
//!
//! # Why
//!
//! The log tells of the gateway, and must never be what stops it: a reader that has gone away or does not read, a disk without
//! room, a storm of lines and a text that forges some are all nothing to the gateway.
//!
//! # How it works
//!
//! An event that the filter of the configuration lets pass is counted among those of its kind, and left out when there were too
//! many (`repeats`). It becomes a line (`format`), which goes into a bounded queue (`queue`). A thread of the log's own takes the lines
//! from there and writes them (`writer`). Nobody but that thread ever waits for standard error.
//!
//! # What is left out is told
//!
//! How many lines repeated others, when their interval is over; and how many were lost, with the next line that can be written.

mod format;
mod panics;
mod queue;
mod repeats;
mod told;
mod writer;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{LogFormat, LogSettings};
use crate::model::text;
use format::{EscapedFields, EscapedJson};
use queue::{LineQueue, QueueLines};
use repeats::RepeatFilter;
use told::TARGET;
use writer::LineWriter;

/// How long the end of the process waits for what is queued to be written. A reader that reads has it at once.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Logging was started in this process before.
    #[error("the log cannot be started twice: {0}")]
    Started(#[from] TryInitError),
    /// The process may open no more files or start no more threads.
    #[error(
        "the log cannot be started: {0}; does the process have room for one more thread and one more open file?"
    )]
    Resources(#[from] io::Error),
}

/// The log while it runs. Dropping it writes what is queued, for as long as standard error takes it and at most a second.
pub struct RunningLog {
    queue: Arc<LineQueue>,
}

/// Starts logging as the settings say. A panic is from then on an event of the log.
///
/// # Errors
/// When logging was started in this process before, or the system gives no thread for it.
pub fn start(settings: &LogSettings) -> Result<RunningLog, LogError> {
    // A file of our own: whoever waits for standard error holds the lock that the standard library has for it.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let queue = Arc::new(LineQueue::new(settings.queue_bytes));
    let repeats = RepeatFilter::new(settings.max_repeats, settings.repeat_interval());
    let lines = lines_layer(settings.format, QueueLines::new(Arc::clone(&queue)));
    tracing_subscriber::registry().with(filter(settings)).with(repeats.clone()).with(lines).try_init()?;
    writer::start(LineWriter::new(stderr), Arc::clone(&queue), repeats)?;
    panics::log_panics();
    Ok(RunningLog { queue })
}

impl RunningLog {
    /// Writes a text as it is, for people, behind what was logged before: the last word of a process that failed.
    pub fn print(&self, text: &str) {
        for line in text.lines() {
            self.queue.push(format!("{}\n", text::escaped(line)).as_bytes(), true);
        }
    }
}

impl Drop for RunningLog {
    fn drop(&mut self) {
        self.queue.finish(FLUSH_TIMEOUT);
    }
}

/// What is logged: what the settings say, and what the log tells of itself.
fn filter(settings: &LogSettings) -> EnvFilter {
    let own = format!("{TARGET}=info").parse().expect("it is a directive");
    // The configuration has checked the filter.
    EnvFilter::new(&settings.filter).add_directive(own)
}

/// The layer that makes a line of each event.
fn lines_layer<S>(format: LogFormat, lines: QueueLines) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(lines).log_internal_errors(false);
    match format {
        // Colours are for terminals; in a file or a container's log they are noise. NO_COLOR and its like have their say.
        LogFormat::Human => {
            let has_colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
            layer.with_ansi(has_colours).with_target(false).fmt_fields(EscapedFields).boxed()
        }
        LogFormat::Json => {
            layer.with_ansi(false).json().flatten_event(true).map_event_format(EscapedJson).boxed()
        }
    }
}
