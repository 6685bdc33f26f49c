//! The Bot API's errors. Telegram documents no codes beyond those of HTTP: the meaning is in the description, as its
//! server writes it (github.com/tdlib/telegram-bot-api, Client.cpp).
//!
//! The server changes the case of a description's first letter, and words move between its versions, so a description
//! is known by a part of it, in any case.
//!
//! "Internal Server Error", with `restart` or without, is not in the table: a server that stops says so of every request,
//! whether it had begun it or not, so only the status counts.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
    UNCERTAIN_OPT_OUT,
};

/// Part of a description, and what it means. The first that fits counts.
const DESCRIPTIONS: &[(&str, ErrorMeaning)] = &[
    // The person.
    ("bot was blocked by the user", OPTED_OUT),
    ("bot was kicked from", OPTED_OUT),
    ("bot is not a member of", OPTED_OUT),
    // They never wrote to this bot: with another bot's token, everybody's answer.
    ("bot can't initiate conversation with a user", UNCERTAIN_OPT_OUT),
    // The chat. What this bot cannot find, another could.
    ("chat not found", UNCERTAIN_ADDRESS),
    ("user not found", UNCERTAIN_ADDRESS),
    ("peer_id_invalid", UNCERTAIN_ADDRESS),
    ("user is deactivated", BAD_ADDRESS),
    ("group chat was deleted", BAD_ADDRESS),
    ("group is deactivated", BAD_ADDRESS),
    ("can't send messages to bots", BAD_ADDRESS),
    ("bots can't message bots", BAD_ADDRESS),
    // Without the new id there is nowhere to send it.
    ("group chat was upgraded to a supergroup", UNCERTAIN_ADDRESS),
    // The chat's rules.
    ("not enough rights", POLICY_REJECTED),
    ("need administrator rights", POLICY_REJECTED),
    ("have no rights to send", POLICY_REJECTED),
    ("chat_write_forbidden", POLICY_REJECTED),
    // The text.
    ("can't parse entities", CONTENT_REJECTED),
    ("message text is empty", CONTENT_REJECTED),
    ("message is too long", CONTENT_REJECTED),
    ("message_too_long", CONTENT_REJECTED),
    ("button_url_invalid", CONTENT_REJECTED),
    ("button_data_invalid", CONTENT_REJECTED),
    ("file is too big", CONTENT_REJECTED),
    ("caption is too long", CONTENT_REJECTED),
    // The file, which Telegram could not fetch or took for another kind.
    ("wrong file identifier/http url specified", CONTENT_REJECTED),
    ("failed to get http url content", CONTENT_REJECTED),
    ("wrong type of the web page content", CONTENT_REJECTED),
    ("wrong remote file identifier specified", CONTENT_REJECTED),
    ("webpage_curl_failed", CONTENT_REJECTED),
    ("webpage_media_empty", CONTENT_REJECTED),
    ("request entity too large", CONTENT_REJECTED),
    ("message thread not found", CONTENT_REJECTED),
];

/// What an error means, or `None` when neither its description nor its code is known.
pub(super) fn meaning(code: u16, description: &str) -> Option<ErrorMeaning> {
    let description = description.to_lowercase();
    match code {
        429 => return Some(THROTTLED),
        // The token is unknown (401), malformed (404), or polled by someone else (409). Not so the 401 and 404 of old
        // servers that have more to say.
        401 | 404 if matches!(description.as_str(), "unauthorized" | "not found") => {
            return Some(ErrorMeaning::Misconfigured);
        }
        409 => return Some(ErrorMeaning::Misconfigured),
        _ => {}
    }
    let known = DESCRIPTIONS.iter().find(|(part, _)| description.contains(part)).map(|(_, meaning)| *meaning);
    // Whatever else is forbidden is forbidden in this chat.
    known.or((code == 403).then_some(POLICY_REJECTED))
}
