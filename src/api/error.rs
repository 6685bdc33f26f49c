//! Why a call failed. Every [`Status`] of the API is made here, from an [`ApiError`].
//!
//! An error says what is wrong and what to do next, under the canonical code of gRPC for its kind. Callers' programs read
//! its reason from `google.rpc.ErrorInfo` (domain `relevo`), and the fields at fault from `google.rpc.BadRequest`.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::budget::BudgetExhausted;
use crate::model::ContactId;
use crate::store::StoreError;
use crate::wire::v1::{FieldError, SendError};
use crate::wire::{FieldPath, Violation, Violations};

/// The domain of every reason, as in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "relevo";

/// Bytes of fields at fault in one error. An error travels in HTTP/2 headers, base64-encoded, and some clients take no more
/// than 8 KiB of those.
const MAX_FIELDS_BYTES: usize = 3_072;

/// When a caller should try again what was refused for want of room or because the gateway is not there: a restart, and a
/// queue that drains, take about that long.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same for what waits for a person.
const RETRY_AFTER_OPERATOR: Duration = Duration::from_secs(60);

/// Why a call failed. Boxed, because most calls do not fail and should not carry its size.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct ApiError(Box<ApiErrorInner>);

#[derive(Debug, Clone, PartialEq)]
struct ApiErrorInner {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: HashMap<String, String>,
    fields: Vec<Violation>,
    retry_after: Option<Duration>,
    detail: Option<String>,
}

impl ApiError {
    /// An error with a code, a stable reason in UPPER_SNAKE_CASE, and a message that says what to do next. RESOURCE_EXHAUSTED
    /// and UNAVAILABLE also tell when to do it.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        let (metadata, fields) = (HashMap::new(), Vec::new());
        let passes = matches!(code, Code::ResourceExhausted | Code::Unavailable);
        Self(Box::new(ApiErrorInner {
            code,
            reason,
            message: message.into(),
            metadata,
            fields,
            retry_after: passes.then_some(RETRY_AFTER),
            detail: None,
        }))
    }

    /// A request that breaks the rules, with every field at fault.
    pub fn invalid(violations: Violations) -> Self {
        let mut fields = violations.into_vec();
        let listed: Vec<String> = fields.iter().take(3).map(ToString::to_string).collect();
        let more = fields.len().saturating_sub(listed.len());
        let rest = if more > 0 { format!("; and {more} more, see the details") } else { String::new() };
        let message = format!("correct the request: {}{rest}", listed.join("; "));
        let mut bytes = 0;
        let mut fits = |violation: &Violation| {
            bytes += violation.field.len() + violation.description.len();
            bytes <= MAX_FIELDS_BYTES
        };
        let fitting = fields.iter().take_while(|violation| fits(violation)).count();
        fields.truncate(fitting);
        let mut error = Self::new(Code::InvalidArgument, "INVALID_FIELDS", message);
        error.0.fields = fields;
        error
    }

    /// A request with one field at fault.
    pub fn invalid_field(field: &str, description: impl Display) -> Self {
        let mut violations = Violations::default();
        violations.add(&FieldPath::new(field), description);
        Self::invalid(violations)
    }

    /// Adds an entry to the metadata of the error, which callers' programs read.
    pub fn with_metadata(mut self, key: &str, value: impl ToString) -> Self {
        self.0.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Adds what only the gateway's own log may say.
    fn with_detail(mut self, detail: impl ToString) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// Says when to try again: `None` when that would never help.
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// The canonical code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The stable reason.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// What the log says beyond the reason. Never an address or a content.
    pub fn detail(&self) -> &str {
        self.0.detail.as_deref().unwrap_or_default()
    }

    /// The error as the answer to one message of a stream, which goes on.
    pub fn into_send_error(self) -> SendError {
        let ApiErrorInner { code, message, fields, .. } = *self.0;
        let field_error = |Violation { field, description }| FieldError { field, description };
        SendError { code: code as i32, message, fields: fields.into_iter().map(field_error).collect() }
    }
}

/// The error itself goes along as the source of the status, so that the log can tell what the caller is not told.
impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let ApiErrorInner { code, reason, message, metadata, fields, retry_after, .. } = (*error.0).clone();
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, DOMAIN, metadata);
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        if !fields.is_empty() {
            let field = |Violation { field, description }| FieldViolation::new(field, description);
            details.set_bad_request(fields.into_iter().map(field).collect::<Vec<_>>());
        }
        let mut status = Status::with_error_details(code, message, details);
        status.set_source(Arc::new(error));
        status
    }
}

impl From<Violations> for ApiError {
    fn from(violations: Violations) -> Self {
        Self::invalid(violations)
    }
}

/// The message of a store's error names paths of the machine, so it goes to the log and not to the caller.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (code, reason, message) = match &error {
            StoreError::Full { .. } => (
                Code::ResourceExhausted,
                "STORE_FULL",
                "the gateway's disk is full and nothing was stored: try again when its operator has freed space",
            ),
            StoreError::Io { .. } => (
                Code::Unavailable,
                "STORE_UNAVAILABLE",
                "the gateway cannot reach its disk: try again, with the same idempotency key if you gave one",
            ),
            StoreError::Corrupt { .. } => (
                Code::DataLoss,
                "STORE_DAMAGED",
                "the gateway's store is damaged: its operator has to restore it, and the log says what is wrong",
            ),
            StoreError::Locked { .. } | StoreError::Newer { .. } | StoreError::Older { .. } => (
                Code::Internal,
                "STORE_CLOSED",
                "the gateway cannot open its store: tell its operator, the log says what is wrong",
            ),
        };
        let mut failure = Self::new(code, reason, message);
        if let StoreError::Full { .. } = error {
            failure = failure.with_retry_after(Some(RETRY_AFTER_OPERATOR));
        }
        failure.with_detail(error)
    }
}

/// The errors of more than one service.
impl ApiError {
    /// The gateway is stopping.
    pub fn stopping() -> Self {
        Self::new(
            Code::Unavailable,
            "STOPPING",
            "the gateway is stopping: connect again and repeat the call, or resume the stream where it ended",
        )
    }

    /// The method panicked.
    pub fn panicked() -> Self {
        Self::new(
            Code::Internal,
            "PANICKED",
            "the gateway failed at this call by a mistake of its own, and it may or may not have had its effect: tell its \
             operator, the log says where, and try again with the same idempotency key if you gave one",
        )
    }

    /// The operating system gives no randomness.
    pub fn no_randomness(error: getrandom::Error) -> Self {
        Self::new(
            Code::Internal,
            "NO_RANDOMNESS",
            "the gateway's machine gives no random numbers: tell its operator",
        )
        .with_detail(error)
    }

    /// The call took longer than the settings allow.
    pub fn too_slow(timeout: Duration) -> Self {
        let message = format!(
            "the call took longer than {} ms and may or may not have had its effect: try again, with the same \
             idempotency key if you gave one",
            timeout.as_millis()
        );
        Self::new(Code::DeadlineExceeded, "TIMEOUT", message)
    }

    /// A message of a stream took longer to come in than the settings allow.
    pub fn message_too_slow(timeout: Duration) -> Self {
        let message = format!(
            "a message of the stream took longer than {} ms to come in: open another stream, and repeat what was not \
             answered",
            timeout.as_millis()
        );
        Self::new(Code::DeadlineExceeded, "MESSAGE_TIMEOUT", message)
    }

    /// The key holds as many streams of a kind as it may.
    pub fn too_many_streams(max: usize) -> Self {
        let message =
            format!("this key has {max} streams of this kind open, the most it may have: end one first");
        Self::new(Code::ResourceExhausted, "TOO_MANY_STREAMS", message).with_metadata("max", max)
    }

    /// The keys of a brand have as many streams open as they may.
    pub fn too_many_streams_of_brand(max: usize) -> Self {
        let message = format!(
            "the keys of this brand have {max} streams of this kind open, the most they may have: end one first"
        );
        Self::new(Code::ResourceExhausted, "TOO_MANY_STREAMS", message).with_metadata("max", max)
    }

    /// A message of a request is larger than the settings allow.
    pub fn request_too_large(bytes: usize, max: usize) -> Self {
        Self::too_large(format_args!("has {bytes} bytes"), max)
    }

    /// A compressed message of a request becomes larger than the settings allow.
    pub fn inflated_too_large(max: usize) -> Self {
        Self::too_large(format_args!("is larger once it is decompressed"), max)
    }

    /// Whether a status is tonic's own, which stopped to decompress a message that became too large. What we refuse has an
    /// error of ours as its source.
    pub fn is_of_inflation(status: &Status) -> bool {
        status.code() == Code::ResourceExhausted && std::error::Error::source(status).is_none()
    }

    fn too_large(what: impl Display, max: usize) -> Self {
        let message = format!(
            "the request {what}, and server.max_message_bytes of the gateway allows {max} bytes: send less at once"
        );
        Self::new(Code::ResourceExhausted, "REQUEST_TOO_LARGE", message)
            .with_metadata("setting", "server.max_message_bytes")
            .with_metadata("max", max)
            .with_retry_after(None)
    }

    /// The caller's unfinished requests hold as many bytes as they may.
    pub fn too_many_request_bytes(budget: BudgetExhausted) -> Self {
        let BudgetExhausted { setting, max } = budget;
        let message = format!(
            "unfinished requests hold the {max} bytes that {setting} of the gateway allows: finish some of them, then \
             try again"
        );
        Self::new(Code::ResourceExhausted, "TOO_MANY_REQUEST_BYTES", message)
            .with_metadata("setting", setting)
            .with_metadata("max", max)
    }

    /// Answers that the caller does not read hold as many bytes as they may.
    pub fn too_many_answer_bytes(budget: BudgetExhausted) -> Self {
        let BudgetExhausted { setting, max } = budget;
        let message = format!(
            "answers that were not read hold the {max} bytes that {setting} of the gateway allows: read them, then try \
             again"
        );
        Self::new(Code::ResourceExhausted, "TOO_MANY_ANSWER_BYTES", message)
            .with_metadata("setting", setting)
            .with_metadata("max", max)
    }

    /// As many calls without a key are open as there may be.
    pub fn too_many_public_calls(setting: &'static str, max: usize) -> Self {
        let message = format!(
            "{max} calls without a key are open, the most that {setting} of the gateway allows: end one, then try again"
        );
        Self::new(Code::ResourceExhausted, "TOO_MANY_PUBLIC_CALLS", message)
            .with_metadata("setting", setting)
            .with_metadata("max", max)
    }

    /// The brand has no such contact.
    pub fn no_contact(id: &ContactId) -> Self {
        Self::new(
            Code::NotFound,
            "CONTACT_NOT_FOUND",
            format!("there is no contact {id}: check the id, or create it with ContactService.UpsertContact"),
        )
        .with_metadata("contact_id", id)
    }

    /// No contact of the brand has the address. The caller knows the address, so the error does not repeat it.
    pub fn no_contact_at_address() -> Self {
        Self::new(
            Code::NotFound,
            "ADDRESS_NOT_FOUND",
            "no contact has this address: add it to one with ContactService.UpsertContact",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_says_when_to_try_again() {
        let retry = |error: ApiError| {
            Status::from(error).get_details_retry_info().and_then(|retry| retry.retry_delay)
        };
        assert_eq!(retry(ApiError::stopping()), Some(RETRY_AFTER));
        assert_eq!(retry(ApiError::too_many_streams(1)), Some(RETRY_AFTER));
        let full = StoreError::Full { path: String::new(), free_bytes: 1, needed_bytes: 2 };
        assert_eq!(retry(full.into()), Some(RETRY_AFTER_OPERATOR));
        assert_eq!(retry(ApiError::request_too_large(2, 1)), None, "it would be as large again");
        assert_eq!(retry(ApiError::no_contact_at_address()), None);
    }

    #[test]
    fn an_error_fits_into_the_headers_of_any_client() {
        let mut violations = Violations::default();
        for index in 0..Violations::MAX {
            violations.add(&FieldPath::new("items").index(index), "x".repeat(300));
        }
        let status = Status::from(ApiError::invalid(violations));
        assert!(status.message().contains("and 47 more"), "{}", status.message());
        assert!(status.message().len() + status.details().len() * 4 / 3 < 7_500);
        assert!(status.get_error_details().bad_request().is_some());
    }
}
