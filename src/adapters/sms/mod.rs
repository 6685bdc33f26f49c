//! SMS, by the providers that carry it.

pub mod infobip;
pub mod sinch;
pub mod smpp;
pub mod sns;
pub mod twilio;
pub mod vonage;

pub mod gsm;
pub mod segments;

mod sender;
