//! The gRPC services: they authenticate, validate, translate, and hand on.
//!
//! Every call passes the [`guard`] first, which authenticates it. Then its method checks the whole request, with every field
//! at fault, before it reads or writes anything. No other room knows [`tonic::Status`], and here only [`error`] makes one.

pub mod answer;
pub mod auth;
pub mod budget;
pub mod caller;
pub mod connections;
pub mod error;
pub mod guard;
pub mod health;
pub mod public;
pub mod request_body;
pub mod settings;
pub mod shutdown;
pub mod stream_limit;
pub mod stream_session;
pub mod token;

mod access;
mod call_log;
mod deadline;
mod etag;
mod limits;
mod methods;
mod page;
mod peer;
mod preface;
mod sealer;
mod tls;
mod update_mask;

pub mod server;
pub mod services;

pub mod consents;
pub mod contacts;
pub mod incidents;
pub mod keys;
pub mod messages;
pub mod providers;
pub mod sandbox;

pub use health::{CLOCK_SERVICE, HealthState};
pub use server::serve;
pub use services::{ApiServices, ServiceDependencies};
pub use settings::{ApiSettings, TlsSettings};
pub use shutdown::ShutdownSignal;
pub use tls::ServerTls;
