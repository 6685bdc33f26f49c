//! What this program becomes when it starts itself: servers and loads that must not share a process with what measures.

pub mod noop;
pub mod sled;
pub mod stub;
