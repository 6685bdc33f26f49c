//! Resend's errors (resend.com/docs/api-reference/errors), by their names.

use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, QUOTA_SPENT, THROTTLED, UNCERTAIN_ADDRESS,
};

/// What a name means, in the light of its status and message, or `None` when it is not in the table.
pub(super) fn meaning(status: u16, name: &str, message: &str) -> Option<ErrorMeaning> {
    Some(match name {
        // An account without a domain of its own may write to its owner alone.
        "validation_error" if status == 403 && message.contains("testing emails") => POLICY_REJECTED,
        // The sender's domain is not verified.
        "validation_error" if status == 403 => ErrorMeaning::Misconfigured,
        // A field of the request, which the message names.
        "validation_error" | "missing_required_field" | "invalid_parameter" => by_field(message),
        "invalid_attachment" => CONTENT_REJECTED,

        // The key is missing, unknown or for something else.
        "missing_api_key" | "invalid_api_key" | "restricted_api_key" | "invalid_access" => {
            ErrorMeaning::Misconfigured
        }
        // The sender.
        "invalid_from_address" => ErrorMeaning::Misconfigured,
        // Resend suspects abuse of the account.
        "security_error" => ErrorMeaning::Misconfigured,
        // The base URL is not the API's, or the API has changed.
        "not_found" | "method_not_allowed" | "invalid_region" | "invalid_idempotency_key" => {
            ErrorMeaning::Misconfigured
        }

        // Requests a second.
        "rate_limit_exceeded" => THROTTLED,
        // Emails a day.
        "daily_quota_exceeded" => QUOTA_SPENT,
        // Emails a month: whoever pays has to act.
        "monthly_quota_exceeded" => ErrorMeaning::Misconfigured,

        // Resend itself.
        "application_error" | "internal_server_error" => ErrorMeaning::Unavailable,

        _ => return None,
    })
}

/// The key of this attempt is known: its first request is still being worked on, or it was another one. Either way this
/// answer does not tell what became of the first.
pub(super) fn leaves_doubt(name: &str) -> bool {
    matches!(name, "concurrent_idempotent_requests" | "invalid_idempotent_request")
}

/// "Invalid `to` field." What Resend does not take for an address, another provider may.
fn by_field(message: &str) -> ErrorMeaning {
    if message.contains("`to`") {
        UNCERTAIN_ADDRESS
    } else if message.contains("`from`") || message.contains("`reply_to`") {
        ErrorMeaning::Misconfigured
    } else if ["`subject`", "`text`", "`html`"].iter().any(|field| message.contains(field)) {
        CONTENT_REJECTED
    } else {
        POLICY_REJECTED
    }
}
