//! Panics, as events of the log: a line in the middle of others must be one that can be read like them.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

use super::told::TARGET;

/// Logs every panic from now on, in place of the standard library's own text on standard error, which panics itself when
/// nobody reads it.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(log_panic));
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    // A text that was put together as the program ran may hold an address or a secret; a constant one does not.
    let why = info.payload().downcast_ref::<&'static str>();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        target: TARGET,
        location,
        why,
        thread = thread.name(),
        backtrace,
        "a part of the program panicked: report it with its location, unless a line after it says that the store is damaged"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;

    use super::super::lines_layer;
    use super::super::queue::{LineQueue, QueueLines};
    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn a_panic_is_a_line_of_the_log_without_what_it_may_have_learnt() {
        let queue = Arc::new(LineQueue::new(1 << 20));
        let layer = lines_layer(LogFormat::Json, QueueLines::new(Arc::clone(&queue)));
        let address = String::from("ana@example.com");
        let before = panic::take_hook();
        log_panics();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _ = panic::catch_unwind(|| panic!("a constant text"));
            let _ = panic::catch_unwind(|| panic!("{address} is too much"));
        });
        panic::set_hook(before);
        let mut lines = Vec::new();
        queue.take(&mut lines, Duration::ZERO);
        let text = String::from_utf8(lines).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [constant, made] = &lines[..] else { panic!("{text}") };
        assert_eq!((&constant["why"], &made["why"]), (&"a constant text".into(), &serde_json::Value::Null));
        assert!(made["location"].as_str().unwrap().starts_with("src/telemetry/panics.rs:"), "{text}");
        assert!(!text.contains("ana@example.com"), "{text}");
    }
}
