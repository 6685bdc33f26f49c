//! What the report needs to know besides the messages.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

/// What has to be known besides a message to report on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportContext {
    /// The tier of each provider, by its name.
    pub tiers: BTreeMap<String, u32>,
    /// The time zones of the contacts who set one.
    pub zones: BTreeMap<String, TimeZone>,
}
