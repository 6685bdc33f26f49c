//! The meaning of lettre's errors, most of which hold a reply of the server.

use lettre::transport::smtp::Error;

use super::replies::{self, SmtpReply, SmtpStage};
use crate::model::Outcome;

/// The reply of the server in an error, if there is one.
pub(super) fn reply_in(error: &Error) -> Option<SmtpReply> {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    error.status().map(|code| SmtpReply::new(code.into(), &text))
}

/// The outcome of a command that ended with an error before the message's final dot.
pub(super) fn failure(stage: SmtpStage, error: &Error) -> Outcome {
    match reply_in(error) {
        Some(reply) => reply.outcome(stage),
        None => replies::unavailable(stage, &error.to_string()),
    }
}
