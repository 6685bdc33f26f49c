//! A provider fails: what that costs, where messages go instead, and how they flow again when it is over.

mod breaker;
mod cells;
mod doubt;
mod failover;
mod incidents;
mod local_failure;
mod patience;
mod refusals;
mod silence;
mod throttles;
