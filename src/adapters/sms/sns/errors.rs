//! The errors of SNS's `Publish` (Amazon SNS API reference, "Publish"), besides those of every service, which are in `aws`.
//! Those of topics, of push and of encryption keys are left out: an SMS to a number has nothing to do with them.

use crate::adapters::aws;
use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, UNCERTAIN_ADDRESS,
};

/// How SNS names the sender among the parameters.
const SENDER: [&str; 2] = ["AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber"];

/// What a code means, or `None` when it is not in the table. `text` is its message.
pub(super) fn meaning(code: &str, text: &str) -> Option<ErrorMeaning> {
    Some(match code {
        // The number: not in E.164 form, or SNS does not send to it. Which of the two one answer does not tell.
        "InvalidParameter" | "ParameterValueInvalid" if text.contains("PhoneNumber") => UNCERTAIN_ADDRESS,
        "InvalidParameter" | "ParameterValueInvalid" if SENDER.iter().any(|words| text.contains(words)) => {
            ErrorMeaning::Misconfigured
        }
        // The text: too long, for example.
        "InvalidParameter" | "ParameterValueInvalid" if names_text(text) => CONTENT_REJECTED,
        // Which parameter it is, it does not say.
        "InvalidParameter" | "ParameterValueInvalid" | "ValidationError" | "ValidationException" => {
            POLICY_REJECTED
        }

        // SNS takes most messages to people who opted out, and does not deliver them.
        "OptedOut" => OPTED_OUT,

        // No permission; a signature that is not valid, or no HTTPS.
        "AuthorizationError" | "InvalidSecurity" => ErrorMeaning::Misconfigured,

        _ => return aws::common_error_meaning(code),
    })
}

/// "Invalid parameter: Message too long". `MessageAttributes` are our settings.
fn names_text(text: &str) -> bool {
    text.contains("Message") && !text.contains("MessageAttribute")
}
