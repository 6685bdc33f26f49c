//! The state of a breaker.

/// The state of a breaker, for people to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Passes everything.
    Closed,
    /// Refuses everything.
    Open,
    /// Passes a few probes.
    HalfOpen,
}

impl BreakerState {
    /// A stable word for the state, for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half open",
        }
    }
}
