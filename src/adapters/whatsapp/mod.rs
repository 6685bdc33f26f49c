//! WhatsApp, by the providers that carry it.

pub mod cloud;
