//! PURE. Which ways a message may take, and what to do next.

mod settings;

pub use settings::{BrandSettings, Doubt, FallbackSettings, Policy, PolicyError, TopicSettings};
