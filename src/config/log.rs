//! How the gateway logs.

use std::time::Duration;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::model::SettingError;

/// The smallest queue: one line with an error and its causes must fit, and some to spare.
const MIN_QUEUE_BYTES: usize = 64 << 10;

/// The settings of the log, which goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// What to log, as tracing's filter directives: `info`, or `relevo=debug,warn`.
    pub filter: String,
    /// How many bytes of lines may wait to be written, those being written included. What comes while there is no room is
    /// counted, and lost.
    pub queue_bytes: usize,
    /// How many lines of one kind are written within `repeat_interval_ms` before further ones are only counted.
    pub max_repeats: u32,
    /// How often the count of lines that repeat others is told, in milliseconds.
    pub repeat_interval_ms: u64,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            filter: "info".to_owned(),
            queue_bytes: 1 << 20,
            max_repeats: 5,
            repeat_interval_ms: 10_000,
        }
    }
}

impl LogSettings {
    /// Every setting that is not valid, by its key.
    pub(super) fn errors(&self) -> Vec<SettingError> {
        let mut errors = Vec::new();
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            let must =
                format!("must be filter directives such as \"info\" or \"relevo=debug,warn\" ({error})");
            errors.push(SettingError::new("filter", must));
        }
        if self.queue_bytes < MIN_QUEUE_BYTES {
            errors.push(SettingError::new("queue_bytes", format!("must be at least {MIN_QUEUE_BYTES}")));
        }
        if self.max_repeats == 0 {
            errors.push(SettingError::new("max_repeats", "must be at least 1"));
        }
        if self.repeat_interval_ms < 1_000 {
            errors.push(SettingError::new("repeat_interval_ms", "must be at least 1000"));
        }
        errors
    }

    /// How often the count of lines that repeat others is told.
    pub fn repeat_interval(&self) -> Duration {
        Duration::from_millis(self.repeat_interval_ms)
    }
}
