//! PURE. The report on what happened, from the gateway's answers alone.

mod context;
mod line;
mod summary;
mod timeline;
mod words;

#[cfg(test)]
mod tests;

pub(super) use context::ReportContext;
pub(super) use line::message_line;
pub(super) use summary::DeliverySummary;
pub(super) use timeline::MessageTimeline;
pub(super) use words::{breaker_word, channel_word};
