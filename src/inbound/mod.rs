//! What comes back from providers: receipts, texts of people, reports on addresses, and contact links that were followed.
//!
//! # Why
//!
//! A provider's acceptance is not the end of a message: whether it arrived, and whether the person wants no more of them, is
//! reported later, at times twice, out of order, or before the call that sent the message has been answered. A report that
//! is lost costs a fallback that should have happened, or a message to somebody who objected.
//!
//! # How it works
//!
//! ```text
//!  HTTP ── server ──┐
//!                   ├─> router ──> WebhookHandler ──┐
//!  LMTP ── mail ────┘              of the provider  ├─> processor ──> store
//!  a connection of the adapter ──> EventSink ───────┘
//! ```
//!
//! The handler of the provider authenticates a request before it reads it, and turns it into events in our terms. The
//! processor bounds what they contain, finds the brands that an event concerns, decides by pure functions what it changes,
//! and has the store record it: the event with all its changes, or nothing. Only then is the provider answered.
//!
//! A receipt is added to the history of the message it speaks of, and the next claim of that message sees it. When no message
//! has its reference yet, it is parked, and added when the call that gave the reference is recorded. A receipt that names an
//! address is added to no attempt to another, even if that has its reference. The first receipt that tells what became of a
//! message is told to an observer, for whom a provider without receipts is silent.
//!
//! # How it recovers
//!
//! Nothing is retried here. When the store fails, the provider is told so and reports again; what was recorded before the
//! failure is recognized by its id and counts once. A request that is not authentic or not readable is refused, and changes
//! nothing.

mod directory;
mod events;
mod links;
mod mail;
mod normalize;
mod observer;
mod processor;
mod receipts;
mod router;
mod server;
mod settings;
mod token_bucket;

pub use directory::{InboundDirectory, InboundSource};
pub use mail::serve as serve_mail;
pub use observer::ReceiptObserver;
pub use processor::InboundProcessor;
pub use router::WebhookRouter;
pub use server::serve;
pub use settings::{InboundSettings, MailSettings};
