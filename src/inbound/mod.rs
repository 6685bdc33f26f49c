//! What comes back from providers: over HTTP, by mail, or over connections of the adapters.
//! Receipts are folded into the messages they speak of; the next claim sees them.

mod directory;
mod events;
mod links;
mod mail;
mod normalize;
mod processor;
mod receipts;
mod router;
mod server;
mod settings;
mod token_bucket;

pub use directory::{InboundDirectory, InboundSource};
pub use mail::serve as serve_mail;
pub use processor::InboundProcessor;
pub use router::WebhookRouter;
pub use server::serve;
pub use settings::{InboundSettings, MailSettings};
