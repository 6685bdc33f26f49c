//! PURE. Whether a provider may be called now, and how many of the messages it should get: its breaker and those of its cells, its
//! throttle, its live weight by how its calls go and whether receipts come, and above all the operator's control.
//!
//! Breaker words have the industry's meaning: closed passes, open refuses, half-open probes.

mod adaptive_rate;
mod balance;
mod breaker;
mod call_statistics;
mod cells;
mod live_weight;
mod provider;
mod receipt_statistics;
mod recent_calls;
mod refusal_statistics;
mod settings;
mod window;

pub use adaptive_rate::AdaptiveRate;
pub use balance::rebalance;
pub use breaker::{Breaker, BreakerPermit, BreakerRefusal, BreakerTrip, HealthSignal, TripReason};
pub use live_weight::{WeightReason, WeightShift};
pub use provider::{HealthPermit, ProviderFailure, ProviderHealth};
pub use settings::HealthSettings;
pub use window::CallCounts;
