//! What comes back from providers: over HTTP, by mail, over connections of the adapters, or from sandboxes in this process.
//! Receipts are folded into the messages they speak of; the next claim sees them.

mod hooks;
mod keeper;
mod links;
mod mail;
mod news;
mod pace;
mod reach;
mod receipts;
mod server;
mod settings;

pub use hooks::WebhookRouter;
pub use keeper::InboundProcessor;
pub use mail::serve as serve_mail;
pub use reach::{InboundDirectory, InboundSource};
pub use receipts::record_receipts;
pub use server::serve;
pub use settings::{InboundSettings, MailSettings};
