//! The reports that come back by mail, each to the envelope sender of one attempt.

mod address;
mod report;
mod webhooks;

pub(super) use address::{BOUNCE_ADDRESS_MUST, BounceAddresses};
pub(super) use webhooks::BounceWebhooks;
