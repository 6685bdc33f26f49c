//! Why a command failed: a text for people, and an exit code for scripts.

use std::error::Error;
use std::fmt;
use std::io;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::unreachable;
use crate::model::text::escaped;

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// The gateway refused.
    Refused(Box<Status>),
    /// Something that was asked for is wrong, as the text says.
    Wrong(String),
    /// The command line is wrong.
    Usage(String),
    /// The gateway cannot be reached.
    Unreachable(String),
    /// The user stopped it.
    Interrupted(String),
    /// The reader of the output has closed it, as `head` does after its last line.
    Unread,
}

impl CliError {
    /// The exit code of the process: 1 refused or wrong, 2 usage, 3 unreachable, 130 interrupted (as shells have it: 128 and
    /// the number of SIGINT), and 0 when the output was closed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Wrong(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Interrupted(_) => 130,
            Self::Unread => 0,
        }
    }

    /// The same error with more to tell behind its text.
    pub(super) fn with_note(self, note: &str) -> Self {
        let text = format!("{self}\n  {note}");
        match self {
            Self::Unreachable(_) => Self::Unreachable(text),
            Self::Usage(_) => Self::Usage(text),
            Self::Interrupted(_) => Self::Interrupted(text),
            Self::Refused(_) | Self::Wrong(_) | Self::Unread => Self::Wrong(text),
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(super) fn unreachable(server: &str, error: &(dyn Error + 'static)) -> Self {
        Self::Unreachable(unreachable::explained(server, error))
    }

    /// The error of a call that failed: either the gateway refused it, or no answer came.
    pub(super) fn from_status(server: &str, status: Status) -> Self {
        // A status from the gateway has no source; one that was made on this side has.
        match status.source() {
            Some(error) => Self::unreachable(server, error),
            None => Self::Refused(Box::new(status)),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => f.write_str(&refusal(status)),
            Self::Wrong(text) | Self::Usage(text) | Self::Unreachable(text) | Self::Interrupted(text) => {
                f.write_str(text)
            }
            Self::Unread => f.write_str("nobody reads the output any more"),
        }
    }
}

impl Error for CliError {}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Wrong(format!("the output cannot be written: {error}")),
        }
    }
}

/// The text of a refusal, with every field at fault on a line of its own.
fn refusal(status: &Status) -> String {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|wrong| wrong.field_violations.as_slice()).unwrap_or_default();
    let name = code_name(status.code());
    if fields.is_empty() {
        let message = escaped(status.message());
        return match what_to_do(status.code()) {
            Some(hint) => format!("refused ({name}): {message}\n  {hint}"),
            None => format!("refused ({name}): {message}"),
        };
    }
    let lines =
        fields.iter().map(|wrong| format!("\n  {} {}", escaped(&wrong.field), escaped(&wrong.description)));
    format!("refused ({name}): correct the request{}", lines.collect::<String>())
}

/// What to do at the command line, which the gateway cannot know.
fn what_to_do(code: Code) -> Option<&'static str> {
    match code {
        Code::Unauthenticated => Some("RELEVO_API_KEY or --key-file must hold a key of this gateway."),
        Code::PermissionDenied => Some("Another key is needed: `relevo keys list` shows what each may do."),
        Code::Unimplemented => Some("The gateway does not offer this: it may be older than this program."),
        _ => None,
    }
}

/// The code as gRPC writes it.
pub(super) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    fn refused(status: Status) -> String {
        CliError::from_status("http://127.0.0.1:1", status).to_string()
    }

    #[test]
    fn fields_at_fault_are_listed() {
        let fields = vec![
            FieldViolation::new("message.topic", "is required"),
            FieldViolation::new("message.content", "must have a text"),
        ];
        let status = Status::with_error_details(
            Code::InvalidArgument,
            "correct the request: message.topic is required; message.content must have a text",
            ErrorDetails::with_bad_request(fields),
        );
        insta::assert_snapshot!(refused(status), @r"
        refused (INVALID_ARGUMENT): correct the request
          message.topic is required
          message.content must have a text
        ");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        insta::assert_snapshot!(refused(Status::unauthenticated("no key was presented")), @r"
        refused (UNAUTHENTICATED): no key was presented
          RELEVO_API_KEY or --key-file must hold a key of this gateway.
        ");
        insta::assert_snapshot!(refused(Status::not_found("there is no contact ana")), @"refused (NOT_FOUND): there is no contact ana");
        insta::assert_snapshot!(refused(Status::not_found("gone\n\u{1b}[2J")), @r"refused (NOT_FOUND): gone\n\u{1b}[2J");
    }

    #[test]
    fn only_what_failed_on_this_side_is_unreachable() {
        let stopping =
            CliError::from_status("http://127.0.0.1:1", Status::unavailable("the gateway is stopping"));
        assert_eq!(stopping.exit_code(), 1);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let broken = CliError::from_status("http://127.0.0.1:1", Status::from_error(Box::new(reset)));
        assert_eq!(broken.exit_code(), 3);
        insta::assert_snapshot!(broken, @"http://127.0.0.1:1 cannot be reached (connection reset): is the gateway running, and is --server right?");
    }
}
