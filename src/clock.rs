//! The only source of "now" and of randomness. Everything else takes them as arguments, so that tests and the simulation
//! control them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{MessageId, MonotonicTime, Timestamp};

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

/// A clock that starts at `start` and advances with tokio's, which a test can pause.
struct SimulatedTimeSource {
    start: Timestamp,
    origin: tokio::time::Instant,
}

impl TimeSource for SimulatedTimeSource {
    fn now(&self) -> Timestamp {
        self.start.saturating_add(self.origin.elapsed()).unwrap_or(Timestamp::MAX)
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

impl Clock {
    /// The machine's time, and randomness seeded by the operating system.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
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
        Self::new(Arc::new(SimulatedTimeSource { start, origin: tokio::time::Instant::now() }), seed)
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
