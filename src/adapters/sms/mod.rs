//! SMS, by the providers that carry it.

pub mod infobip;
pub mod sinch;
pub mod sns;
pub mod twilio;
pub mod vonage;

mod gsm;
mod sender;
