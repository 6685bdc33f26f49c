//! What servers say in words alone, whatever the code.

use crate::adapters::error_meaning::{ErrorMeaning, POLICY_REJECTED};

use ErrorMeaning::Misconfigured;

/// Servers say most often in words alone that we are too fast.
pub(super) fn speaks_of_rate(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric());
    words().any(|word| matches!(word, "rate" | "ratelimit" | "ratelimited" | "throttled" | "throttling"))
        || ["too many", "too fast", "message quota"].iter().any(|phrase| text.contains(phrase))
}

/// "Daily message quota exceeded" (Amazon SES), "has exceeded the max emails per hour (500/500 (100%)) allowed" (cPanel).
pub(super) fn speaks_of_quota(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric());
    let of_period = |word| matches!(word, "hour" | "hours" | "hourly" | "day" | "days" | "daily" | "24h");
    words().any(of_period) && words().any(|word| matches!(word, "limit" | "quota" | "exceeded" | "max"))
}

/// What servers say of the account: Exchange Online (learn.microsoft.com, "Email non-delivery reports"), and Amazon SES
/// (Developer Guide, "Amazon SES email sending errors"), which names every address that is not verified, the recipient's too
/// while the account is in the sandbox.
pub(super) fn of_account(text: &str) -> Option<ErrorMeaning> {
    const WORDS: [(&str, ErrorMeaning); 5] = [
        ("sendasdenied", Misconfigured),
        ("permissions to send as", Misconfigured),
        ("sending suspended", Misconfigured),
        ("sending paused", Misconfigured),
        ("address is not verified", POLICY_REJECTED),
    ];
    let text = text.to_ascii_lowercase();
    WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, meaning)| *meaning)
}

/// "This message was classified as spam".
pub(super) fn speaks_of_content(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["spam", "virus", "malware", "phishing"].iter().any(|word| text.contains(word))
}

/// "Relay access denied": the server does not know us, so it refuses every recipient that is not its own.
pub(super) fn speaks_of_relaying(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let refused = ["denied", "unable", "not permitted", "not allowed", "prohibited"];
    text.contains("relay") && refused.iter().any(|word| text.contains(word))
}
