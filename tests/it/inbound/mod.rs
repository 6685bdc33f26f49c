//! What comes in: receipts, texts, opt-outs and reports, by webhook, by mail, and on connections of the gateway's own.

mod bounces;
mod contacts;
mod email;
mod rescue;
mod smpp;
mod sms;
mod telegram;
mod webhooks;
mod whatsapp;
