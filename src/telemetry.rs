//! The log: lines for people or for machines, on standard error. Addresses are masked where they are logged, and bodies
//! are never logged; docs/logging.md has the rules.

use std::io;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, LogSettings};

/// Starts logging as the settings say.
///
/// # Errors
/// When logging was started in this process before.
pub fn start(settings: &LogSettings) -> Result<(), TryInitError> {
    // The configuration has checked the filter.
    let filter = EnvFilter::new(&settings.filter);
    // Colours are for terminals; in a file or a container's log they are noise. NO_COLOR and its like have their say.
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    match settings.format {
        LogFormat::Human => log.with_target(false).finish().try_init(),
        LogFormat::Json => log.json().flatten_event(true).finish().try_init(),
    }
}
