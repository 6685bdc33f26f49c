//! The gRPC services: they authenticate, validate, translate, and hand on.
//!
//! Every method goes through the [`Gate`] first. What it asks for is checked whole, with every field at fault, before
//! anything is read or written. No other room knows [`tonic::Status`], and here only [`status`] makes one.

pub mod auth;
pub mod gate;
pub mod settings;
pub mod slots;
pub mod status;
pub mod stop;
pub mod token;

mod connections;
mod limits;
mod masks;
mod operate;
mod page;

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
pub use stop::ShutdownSignal;
