//! The only source of "now" and of randomness. Everything else takes them as arguments, so that tests and the simulation
//! control them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;

use crate::model::{MessageId, Moment, MonotonicTime, Timestamp};

/// A source of time.
pub trait TimeSource: Send + Sync {
    /// The time now, by the calendar.
    fn now(&self) -> Timestamp;

    /// The time now, by the monotonic clock.
    fn monotonic(&self) -> MonotonicTime;
}

/// The machine's clocks.
struct SystemTimeSource {
    origin: std::time::Instant,
}

impl TimeSource for SystemTimeSource {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> MonotonicTime {
        MonotonicTime::from_origin(self.origin.elapsed())
    }
}

/// Clocks that advance with tokio's, which a test can pause. The calendar begins at `start`.
struct SimulatedTimeSource {
    start: Timestamp,
    origin: tokio::time::Instant,
    set_by_ms: Arc<AtomicI64>,
}

impl TimeSource for SimulatedTimeSource {
    fn now(&self) -> Timestamp {
        let set_by = SignedDuration::from_millis(self.set_by_ms.load(Ordering::Relaxed));
        let start = self.start.saturating_add(set_by).unwrap_or(self.start);
        start.saturating_add(self.origin.elapsed()).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> MonotonicTime {
        MonotonicTime::from_origin(self.origin.elapsed())
    }
}

/// Time and randomness, handed to whoever needs them. Cheap to clone; clones share one stream of randomness.
#[derive(Clone)]
pub struct Clock {
    time: Arc<dyn TimeSource>,
    rng: Arc<Mutex<fastrand::Rng>>,
}

/// Sets the calendar of a simulated clock, as people and time servers set that of a machine. The monotonic clock goes on.
#[derive(Debug, Clone, Default)]
pub struct SimulatedCalendar {
    set_by_ms: Arc<AtomicI64>,
}

impl SimulatedCalendar {
    /// Sets it forward, or back by a negative duration.
    pub fn set_by(&self, by: SignedDuration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.set_by_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock {
    /// The machine's time, and randomness seeded by the operating system.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn system() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        Ok(Self::new(
            Arc::new(SystemTimeSource { origin: std::time::Instant::now() }),
            u64::from_le_bytes(seed),
        ))
    }

    /// Time that starts at `start` and advances with tokio's clock, and randomness from `seed`: the same seed gives the
    /// same run.
    pub fn simulated(start: Timestamp, seed: u64) -> Self {
        Self::simulated_calendar(start, seed).0
    }

    /// The same, with what sets its calendar.
    pub fn simulated_calendar(start: Timestamp, seed: u64) -> (Self, SimulatedCalendar) {
        let calendar = SimulatedCalendar::default();
        let set_by_ms = Arc::clone(&calendar.set_by_ms);
        let time = SimulatedTimeSource { start, origin: tokio::time::Instant::now(), set_by_ms };
        (Self::new(Arc::new(time), seed), calendar)
    }

    fn new(time: Arc<dyn TimeSource>, seed: u64) -> Self {
        Self { time, rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))) }
    }

    /// The time now, to the millisecond: no record keeps more.
    pub fn now(&self) -> Timestamp {
        let ms = self.time.now().as_millisecond();
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
    }

    /// The time now by the monotonic clock, which nobody sets: for everything that lasts.
    pub fn monotonic(&self) -> MonotonicTime {
        self.time.monotonic()
    }

    /// The moment, by both clocks.
    pub fn moment(&self) -> Moment {
        Moment { calendar: self.now(), monotonic: self.monotonic() }
    }

    /// A random number in `0.0..1.0`, for jitter. Not for secrets.
    pub fn random(&self) -> f64 {
        self.rng().f64()
    }

    /// A new message id.
    pub fn message_id(&self) -> MessageId {
        let mut random = [0; 10];
        self.rng().fill(&mut random);
        MessageId::new(self.now().as_millisecond().unsigned_abs(), &random)
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, fastrand::Rng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
