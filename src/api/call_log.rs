//! The log line of a call that failed. There is one for each such call, written by whoever ends the call: the guard, or
//! the stream that the call has become. Lines that repeat others are counted by the log.

use std::error::Error;

use tonic::{Code, Status};
use tracing::{error, info, warn};

use super::caller::Caller;
use super::error::ApiError;
use super::peer::PeerNetwork;

/// Logs that a call of `method` ended with `status`, at the level of its code.
pub fn log_failure(method: &str, caller: Option<&Caller>, status: &Status) {
    let key = caller.map_or("", |caller| caller.key.as_str());
    let brand = caller.and_then(|caller| caller.brand.as_ref()).map_or("", |brand| brand.as_str());
    let error = status.source().and_then(|source| source.downcast_ref::<ApiError>());
    // A status that is no error of ours is tonic's own, about a request that it could not decode. It quotes nothing of it.
    let (reason, detail) = error.map_or(("", status.message()), |error| (error.reason(), error.detail()));
    let code = tracing::field::debug(status.code());
    // The level of an event is fixed where the event stands, so each level needs an event of its own.
    macro_rules! log_at {
        ($level:ident) => {
            $level!(method, code, reason, key.id = key, brand.id = brand, detail, "a call failed")
        };
    }
    match status.code() {
        Code::Internal | Code::DataLoss | Code::Unknown => log_at!(error),
        Code::Unavailable | Code::ResourceExhausted => log_at!(warn),
        // The caller's mistake, which the answer explains to the caller.
        _ => log_at!(info),
    }
}

/// Logs that a call of `method` was refused because of its key, at the level of the code. Anybody may make such calls, so the line
/// says from which network, and never the key.
pub fn log_refused_caller(method: &str, peer: Option<PeerNetwork>, status: &Status) {
    let error = status.source().and_then(|source| source.downcast_ref::<ApiError>());
    let Some(error) = error.filter(|error| is_of_caller(error.code())) else {
        // The store failed, and not the caller.
        return log_failure(method, None, status);
    };
    let code = tracing::field::debug(error.code());
    let network = peer.map(tracing::field::display);
    info!(
        method,
        code,
        reason = error.reason(),
        peer.network = network,
        "a call was refused because of its key"
    );
}

fn is_of_caller(code: Code) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
}
