//! Etags: a caller passes back what it read, and is refused when that is not the state any more.

use std::fmt::Display;
use std::str::FromStr;

use tonic::Code;

use super::error::ApiError;

/// An etag is a version. A text that is none was never given out as an etag, so it is read as that of nobody.
pub fn read_etag<Version: FromStr>(etag: &str, of_nobody: Version) -> Option<Version> {
    (!etag.is_empty()).then(|| etag.parse().unwrap_or(of_nobody))
}

/// What the etag is of was changed since; `next` says what to do.
pub fn stale(changed: impl Display, next: &str) -> ApiError {
    let message = format!("{changed} changed since this etag was read: {next}");
    ApiError::new(Code::Aborted, "ETAG_STALE", message)
}
