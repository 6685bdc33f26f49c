//! What a terminal shows of work that lasts: one line on standard error, which changes in place. A pipe or a file sees nothing
//! of it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

/// How long work lasts before it is shown: what is done sooner needs no line.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a line stands before the next one: ten a second look like movement.
const INTERVAL: Duration = Duration::from_millis(100);

/// The line, from the beginning of the work until it is dropped.
pub(super) struct ProgressLine {
    is_terminal: bool,
    began: Instant,
    next: Instant,
    is_shown: bool,
}

impl ProgressLine {
    /// The line of work that begins now.
    pub(super) fn new() -> Self {
        let began = Instant::now();
        Self { is_terminal: io::stderr().is_terminal(), began, next: began + PATIENCE, is_shown: false }
    }

    /// How long the work has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        Instant::now() - self.began
    }

    /// Shows a text, when it is time for another one.
    pub(super) fn show(&mut self, text: impl FnOnce(Duration) -> String) {
        if self.is_terminal && Instant::now() >= self.next {
            self.write(&text(self.elapsed()));
            self.is_shown = true;
            self.next = Instant::now() + INTERVAL;
        }
    }

    /// Takes the line away, so that something else can be printed where it stood.
    pub(super) fn clear(&mut self) {
        if self.is_shown {
            self.write("");
            self.is_shown = false;
        }
    }

    /// Whoever does not read the line misses nothing, so errors are none.
    fn write(&self, text: &str) {
        // Back to the beginning of the line; after the text, the rest of what stood there is erased (ECMA-48, CR and EL).
        let _ = write!(io::stderr(), "\r{text}\x1b[K");
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Shows how long `work` has lasted, behind what it is, until it is done.
pub(super) async fn waiting_for<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut line = ProgressLine::new();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(PATIENCE) => line.show(|lasted| format!("{what}: {} s", lasted.as_secs())),
        }
    }
}

/// How far work is: `done` of it in `elapsed`, which is the share `part` of the whole where that is known.
pub(super) fn progress(what: &str, done: u64, elapsed: Duration, part: Option<f64>) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = (done as f64 / seconds).round();
    match part.filter(|part| *part > 0.0) {
        None => format!("{done} {what}, {rate} a second"),
        Some(part) => {
            let left = (seconds / part - seconds).max(0.0).round() as u64;
            format!("{done} {what} ({:.0} %), {rate} a second, {} left", part.min(1.0) * 100.0, span(left))
        }
    }
}

/// Seconds as people say them.
fn span(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_a_rate_and_the_time_left_where_the_whole_is_known() {
        let of = |part| progress("answered", 3_000, Duration::from_secs(2), part);
        assert_eq!(of(None), "3000 answered, 1500 a second");
        assert_eq!(of(Some(0.25)), "3000 answered (25 %), 1500 a second, 6 s left");
        assert_eq!(of(Some(0.0005)), "3000 answered (0 %), 1500 a second, 1 h 6 min left");
    }
}
