//! Reads what people do to a bot: they write to it, follow a link to it, block it, or take it back.
//!
//! Only private chats count, which have positive ids: a group is no person.

use serde::Deserialize;
use serde_json::Value;

use super::links::TelegramLinkSigner;
use crate::adapters::webhooks::ProviderEvent;
use crate::model::{
    Address, AddressChange, AddressReport, InboundText, Objection, OutcomeEvidence, Timestamp,
};

/// The kinds of updates that are read, as Telegram is asked for them (`allowed_updates`).
pub(super) const ALLOWED_UPDATES: [&str; 2] = ["message", "my_chat_member"];

/// The parts we read of an update. Of other kinds than these nothing is read.
#[derive(Deserialize)]
struct TelegramUpdate {
    update_id: i64,
    message: Option<TelegramMessage>,
    my_chat_member: Option<TelegramMembership>,
}

#[derive(Deserialize)]
struct TelegramMessage {
    message_id: i64,
    /// Seconds since the Unix epoch.
    date: i64,
    chat: TelegramChatRef,
    text: Option<String>,
    /// The text below a file.
    caption: Option<String>,
    reply_to_message: Option<TelegramAnsweredMessage>,
}

#[derive(Deserialize)]
struct TelegramAnsweredMessage {
    message_id: i64,
}

#[derive(Deserialize)]
struct TelegramMembership {
    /// Seconds since the Unix epoch.
    date: i64,
    chat: TelegramChatRef,
    new_chat_member: TelegramMember,
}

#[derive(Deserialize)]
struct TelegramMember {
    status: String,
}

#[derive(Deserialize)]
struct TelegramChatRef {
    id: i64,
}

impl TelegramChatRef {
    fn person(&self) -> Option<Address> {
        Address::telegram(self.id).ok()
    }
}

/// The event in an update; `None` when it is of no concern. `links` verifies the links that people follow.
///
/// # Errors
/// When it is not what the Bot API describes.
pub(super) fn read(
    update: Value,
    links: Option<&TelegramLinkSigner>,
) -> Result<Option<ProviderEvent>, String> {
    let update: TelegramUpdate = serde_json::from_value(update).map_err(|error| error.to_string())?;
    match update {
        TelegramUpdate { message: Some(message), .. } => read_message(message, links),
        TelegramUpdate { my_chat_member: Some(membership), update_id, .. } => {
            read_membership(update_id, membership)
        }
        _ => Ok(None),
    }
}

fn read_message(
    message: TelegramMessage,
    links: Option<&TelegramLinkSigner>,
) -> Result<Option<ProviderEvent>, String> {
    let Some(from) = message.chat.person() else { return Ok(None) };
    let at = time(message.date)?;
    let text = message.text.or(message.caption).unwrap_or_default();
    let token = text.strip_prefix("/start ");
    if let Some(id) = token.and_then(|token| links?.verify(token.trim())) {
        return Ok(Some(ProviderEvent::LinkFollowed { id, address: from, at }));
    }
    // A message is known by its chat and its number there, as it is when we send it.
    let chat = message.chat.id;
    let reference = |message_id: i64| format!("{chat}:{message_id}");
    Ok(Some(ProviderEvent::Text(InboundText {
        id: reference(message.message_id),
        from,
        aliases: Vec::new(),
        to: None,
        text,
        reply_to: message.reply_to_message.map(|answered| reference(answered.message_id)),
        at,
    })))
}

/// In a private chat the bot is a member, or was kicked out: blocked.
fn read_membership(update_id: i64, membership: TelegramMembership) -> Result<Option<ProviderEvent>, String> {
    let Some(address) = membership.chat.person() else { return Ok(None) };
    let status = membership.new_chat_member.status;
    let change = match status.as_str() {
        "kicked" => AddressChange::Objected(Objection::OptedOut),
        "member" => AddressChange::Returned,
        _ => return Ok(None),
    };
    let evidence = OutcomeEvidence::new(&status, "my_chat_member in the private chat");
    let at = time(membership.date)?;
    Ok(Some(ProviderEvent::Address(AddressReport {
        id: update_id.to_string(),
        address,
        aliases: Vec::new(),
        to: None,
        change,
        at,
        evidence,
    })))
}

fn time(seconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_second(seconds).map_err(|_| "date must be seconds since 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::LinkId;
    use crate::secret::Secret;

    fn links() -> TelegramLinkSigner {
        TelegramLinkSigner::new("acme_bot", &Secret::new("1:a"))
    }

    fn message(chat: Value, more: Value) -> Value {
        let mut message = json!({
            "message_id": 7, "date": 1_795_341_600, "chat": chat, "from": { "id": 42, "is_bot": false },
        });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "update_id": 100, "message": message })
    }

    fn ana() -> Value {
        json!({ "id": 42, "type": "private", "first_name": "Ana" })
    }

    fn at() -> Timestamp {
        Timestamp::from_second(1_795_341_600).unwrap()
    }

    #[test]
    fn what_somebody_writes_is_known_by_its_chat_and_number() {
        let text = |text: &str, reply_to: Option<&str>| InboundText {
            id: "42:7".to_owned(),
            from: Address::TelegramChat(42),
            aliases: Vec::new(),
            to: None,
            text: text.to_owned(),
            reply_to: reply_to.map(str::to_owned),
            at: at(),
        };
        for (more, expected) in [
            (json!({ "text": "STOP" }), text("STOP", None)),
            (json!({ "text": "ok", "reply_to_message": { "message_id": 5 } }), text("ok", Some("42:5"))),
            (json!({ "photo": [], "caption": "look" }), text("look", None)),
            (json!({ "sticker": {} }), text("", None)),
            (json!({ "text": "/start" }), text("/start", None)),
            (json!({ "text": "/start guessed" }), text("/start guessed", None)),
        ] {
            assert_eq!(
                read(message(ana(), more.clone()), Some(&links())),
                Ok(Some(ProviderEvent::Text(expected))),
                "{more}"
            );
        }
    }

    #[test]
    fn a_followed_link_is_told_by_its_id() {
        let id = LinkId::new(at(), &[7; 10]);
        let token = links().url(id).split_once('=').unwrap().1.to_owned();
        let update = message(ana(), json!({ "text": format!("/start {token}") }));
        let events = ProviderEvent::LinkFollowed { id, address: Address::TelegramChat(42), at: at() };
        assert_eq!(read(update.clone(), Some(&links())), Ok(Some(events)));
        assert!(matches!(read(update, None), Ok(Some(ProviderEvent::Text(_)))), "a bot without links");
    }

    #[test]
    fn a_bot_that_is_blocked_or_taken_back_is_told() {
        let membership = |status: &str, chat: Value| {
            let membership = json!({
                "chat": chat, "date": 1_795_341_600, "from": { "id": 42 }, "old_chat_member": {},
                "new_chat_member": { "status": status, "user": { "id": 1 } },
            });
            read(json!({ "update_id": 100, "my_chat_member": membership }), None).unwrap()
        };
        for (status, change) in
            [("kicked", AddressChange::Objected(Objection::OptedOut)), ("member", AddressChange::Returned)]
        {
            let Some(ProviderEvent::Address(report)) = membership(status, ana()) else { panic!("{status}") };
            assert_eq!(
                (report.id.as_str(), report.address, report.change),
                ("100", Address::TelegramChat(42), change)
            );
            assert_eq!((report.at, report.evidence.code.as_str()), (at(), status));
        }
        assert_eq!(membership("administrator", ana()), None);
        assert_eq!(membership("kicked", json!({ "id": -5, "type": "group" })), None);
    }

    #[test]
    fn groups_and_other_updates_are_passed_over_and_nonsense_is_an_error() {
        for chat in [json!({ "id": -100_123, "type": "supergroup" }), json!({ "id": -5, "type": "group" })] {
            assert_eq!(read(message(chat.clone(), json!({ "text": "hi" })), None), Ok(None), "{chat}");
        }
        assert_eq!(read(json!({ "update_id": 1, "poll": {} }), None), Ok(None));
        for update in [json!({}), json!([]), json!({ "update_id": 1, "message": {} }), json!("x")] {
            assert!(read(update.clone(), None).is_err(), "{update}");
        }
        let far = json!({ "text": "hi", "date": i64::MAX });
        assert!(read(message(ana(), far), None).is_err());
    }
}
