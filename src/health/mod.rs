//! PURE. Whether a provider may be called now: its breaker, its throttle, and above both the operator's control.
//!
//! Breaker words have the industry's meaning: closed passes, open refuses, half-open probes.

mod adaptive_rate;
mod breaker;
mod provider;
mod recent_calls;
mod settings;

pub use adaptive_rate::AdaptiveRate;
pub use breaker::{
    Breaker, BreakerPermit, BreakerRefusal, BreakerState, BreakerTrip, HealthSignal, TripReason,
};
pub use provider::{ProviderFailure, ProviderHealth};
pub use settings::HealthSettings;
