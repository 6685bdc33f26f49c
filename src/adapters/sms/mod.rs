//! SMS, by the providers that carry it.

pub mod twilio;

mod sender;
