//! Email: by SMTP to any server that relays for the brand, or over HTTP to one of the providers that have an API.
//!
//! For SMTP lettre writes the messages and speaks the protocol. Connections are driven and kept here, one command at a
//! time, because what a refusal means depends on the command it answers (RFC 5321, section 4.2), and because doubt
//! begins with the final dot and not before.

pub mod brevo;
pub mod mailgun;
pub mod postmark;
pub mod resend;
pub mod sendgrid;

mod addresses;
mod api;
mod auth;
mod bounces;
mod connection;
mod dkim;
mod events;
mod extensions;
mod failures;
mod mail;
mod pool;
mod replies;
mod reply_limit;
mod servers;
pub mod ses;
mod settings;
mod smtp;
mod tls;

pub use settings::{DkimAlgorithm, DkimSettings, DsnRequest, SmtpSettings, SmtpTls};
pub use smtp::SmtpAdapter;
