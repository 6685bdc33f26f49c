//! The Bot API's errors. Telegram documents no codes beyond those of HTTP: the meaning is in the description, as its
//! server writes it (github.com/tdlib/telegram-bot-api, Client.cpp).
//!
//! The server changes the case of a description's first letter, and words move between its versions, so a description
//! is known by a part of it, in any case.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT, DOUBTFUL_ADDRESS, ErrorMeaning, OPTED_OUT, PERHAPS_OPTED_OUT, POLICY, THROTTLED,
};

/// Part of a description, and what it means. The first that fits counts.
const DESCRIPTIONS: &[(&str, ErrorMeaning)] = &[
    // The person.
    ("bot was blocked by the user", OPTED_OUT),
    ("bot was kicked from", OPTED_OUT),
    ("bot is not a member of", OPTED_OUT),
    // They never wrote to this bot: with another bot's token, everybody's answer.
    ("bot can't initiate conversation with a user", PERHAPS_OPTED_OUT),
    // The chat. What this bot cannot find, another could.
    ("chat not found", DOUBTFUL_ADDRESS),
    ("user not found", DOUBTFUL_ADDRESS),
    ("peer_id_invalid", DOUBTFUL_ADDRESS),
    ("user is deactivated", BAD_ADDRESS),
    ("group chat was deleted", BAD_ADDRESS),
    ("group is deactivated", BAD_ADDRESS),
    ("can't send messages to bots", BAD_ADDRESS),
    ("bots can't message bots", BAD_ADDRESS),
    // Without the new id there is nowhere to send it.
    ("group chat was upgraded to a supergroup", DOUBTFUL_ADDRESS),
    // The chat's rules.
    ("not enough rights", POLICY),
    ("need administrator rights", POLICY),
    ("have no rights to send", POLICY),
    ("chat_write_forbidden", POLICY),
    // The text.
    ("can't parse entities", CONTENT),
    ("message text is empty", CONTENT),
    ("message is too long", CONTENT),
    ("message_too_long", CONTENT),
    ("button_url_invalid", CONTENT),
    ("button_data_invalid", CONTENT),
    ("file is too big", CONTENT),
    ("caption is too long", CONTENT),
    // The file, which Telegram could not fetch or took for another kind.
    ("wrong file identifier/http url specified", CONTENT),
    ("failed to get http url content", CONTENT),
    ("wrong type of the web page content", CONTENT),
    ("wrong remote file identifier specified", CONTENT),
    ("webpage_curl_failed", CONTENT),
    ("webpage_media_empty", CONTENT),
    ("request entity too large", CONTENT),
    ("message thread not found", CONTENT),
    // The server.
    ("internal server error", ErrorMeaning::Unavailable),
    ("restart", ErrorMeaning::Unavailable),
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
    known.or((code == 403).then_some(POLICY))
}
