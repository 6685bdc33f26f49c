//! How the gateway logs.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::model::{DAY_MS, MAX_COUNT, SettingError, SettingErrors};

/// In the smallest queue one line with an error and its causes must fit, and some to spare.
const QUEUE_BYTES: RangeInclusive<usize> = 64 << 10..=1 << 30;

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
        let mut errors = SettingErrors::default();
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            let must =
                format!("must be filter directives such as \"info\" or \"relevo=debug,warn\" ({error})");
            errors.add(SettingError::new("filter", must));
        }
        errors.within("queue_bytes", self.queue_bytes, QUEUE_BYTES);
        errors.within("max_repeats", self.max_repeats, 1..=MAX_COUNT);
        errors.within("repeat_interval_ms", self.repeat_interval_ms, 1_000..=DAY_MS);
        errors.into_vec()
    }

    /// How often the count of lines that repeat others is told.
    pub fn repeat_interval(&self) -> Duration {
        Duration::from_millis(self.repeat_interval_ms)
    }
}
