//! How the gateway logs.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// The settings of the log, which goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// What to log, as tracing's filter directives: `info`, or `relevo=debug,warn`.
    pub filter: String,
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
        Self { format: LogFormat::default(), filter: "info".to_owned() }
    }
}

impl LogSettings {
    /// What is wrong with the filter, if anything.
    pub(super) fn filter_error(&self) -> Option<String> {
        EnvFilter::try_new(&self.filter).err().map(|error| error.to_string())
    }
}
