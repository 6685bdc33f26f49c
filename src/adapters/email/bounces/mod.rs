//! What comes back by mail: reports to envelope senders that are each of one attempt.

mod address;
mod report;
mod webhooks;

pub(super) use address::{BOUNCE_ADDRESS_MUST, BounceAddresses};
pub(super) use webhooks::BounceWebhooks;
