//! What comes back by mail: reports to envelope senders that are each of one attempt.

mod address;
mod report;
mod webhooks;

pub(super) use address::{BounceAddresses, MUST};
pub(super) use webhooks::BounceWebhooks;
