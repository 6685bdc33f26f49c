//! The parts that the adapters over HTTP share: one client, one way to exchange a request for an answer, and the meaning of
//! the network's own failures.
//!
//! An attempt is called once, so the line that matters is whether its request may have gone out. Until there is a
//! connection it cannot have (`Unavailable`); after that only an answer tells (`Unknown`).

mod client;
mod exchange;
mod header;
mod settings;
mod url;
mod wait;

pub use settings::{HttpSettings, HttpTransport};

pub(super) use super::error_meaning::MAX_RETRY_AFTER;
pub(super) use client::build_client;
pub(super) use exchange::{HttpAdapter, HttpResponse, exchange, exchange_up_to};
pub(super) use url::{endpoint, parse_base_url};
pub(super) use wait::{duration_until, duration_until_http_date, parse_retry_seconds};
