//! The gRPC services: they authenticate, validate, translate, and hand on.
//!
//! Every method goes through the [`Gate`] first. What it asks for is checked whole, with every field at fault, before
//! anything is read or written. No other room knows [`tonic::Status`], and here only [`status`] makes one.

pub mod auth;
pub mod error;
pub mod gate;
pub mod settings;
pub mod shutdown;
pub mod stream_limit;
pub mod token;

mod access;
mod connections;
mod limits;
mod page;
mod update_mask;

pub mod server;
pub mod services;

pub mod consents;
pub mod contacts;
pub mod keys;
pub mod messages;
pub mod providers;
pub mod sandbox;

pub use gate::Gate;
pub use server::{ServeError, serve};
pub use services::{ApiServices, ServiceDependencies};
pub use settings::{ApiSettings, TlsSettings};
pub use shutdown::ShutdownSignal;
