//! What the log tells of itself.

/// The target of these events. They pass every filter but by level, are never counted as repeats, and have room kept in the queue.
pub(super) const TARGET: &str = "relevo::telemetry";

/// Tells that lines were lost.
pub(super) fn log_lost(lines: u64) {
    tracing::warn!(target: TARGET, lines, "lines of the log were lost: standard error was not read, or its disk had no room");
}
