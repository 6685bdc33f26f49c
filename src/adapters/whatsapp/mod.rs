//! WhatsApp, by the providers that carry it.

pub mod cloud;
pub mod infobip;
pub mod twilio;
pub mod vonage;

mod components;
mod sender;
