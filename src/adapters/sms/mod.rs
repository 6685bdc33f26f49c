//! SMS, by the providers that carry it.

pub mod sns;
pub mod twilio;
