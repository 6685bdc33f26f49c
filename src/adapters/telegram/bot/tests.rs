use serde_json::{Value, json};
use teloxide::ApiError;

use super::*;
use crate::adapters::envelopes;
use crate::model::{RenderedContent, TelegramContent, TelegramFile, TextFormat, ThrottleScope};
use crate::secret::Secret;

const TOKEN: &str = "1234567890:the-secret-of-a-bot";

fn bot() -> TelegramBot {
    TelegramBot::new(&settings(TOKEN), &Transport::default()).unwrap()
}

fn settings(token: &str) -> TelegramSettings {
    let base_url = "https://telegram.example.com".to_owned();
    TelegramSettings {
        token: Secret::new(token),
        base_url,
        disable_notification: false,
        bot_username: None,
        webhook_secret: None,
        polling: false,
    }
}

fn answer(status: u16, body: &str) -> HttpResponse {
    let retry_after = Some(Duration::from_secs(3));
    HttpResponse { status, retry_after, body: body.into(), ..HttpResponse::default() }
}

fn judge(status: u16, body: &str) -> Outcome {
    let answer = answer(status, body);
    match bot().reply(&answer) {
        Some(TelegramReply::Outcome(outcome)) => outcome,
        Some(TelegramReply::Moved(chat)) => panic!("moved to {chat}"),
        None => answer.unrecognized_outcome(),
    }
}

#[test]
fn an_answer_is_judged_by_its_words_then_by_its_status() {
    for (status, body, word) in [
        (200, r#"{"ok":true,"result":{"message_id":7,"chat":{"id":42}}}"#, "sent"),
        (200, r#"{"ok":true,"result":true}"#, "unknown"),
        (200, r#"{"ok":false,"result":{"message_id":7,"chat":{"id":42}}}"#, "unknown"),
        (200, "", "unknown"),
        (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: something new"}"#, "rejected"),
        (403, r#"{"ok":false,"error_code":403,"description":"Forbidden: something new"}"#, "rejected"),
        (500, r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#, "unknown"),
        (502, "<html>", "unknown"),
        // Every answer here says when to come back.
        (503, "<html>", "throttled"),
        (504, "<html>", "unknown"),
        (404, "<html>", "misconfigured"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

/// What the API's answer says counts for more than the HTTP status that brings it.
#[test]
fn an_error_that_comes_as_a_success_is_the_error() {
    for (code, description, word) in [
        (400, "Bad Request: chat not found", "rejected"),
        (400, "Bad Request: something new", "rejected"),
        (401, "Unauthorized", "misconfigured"),
        (403, "Forbidden: bot was blocked by the user", "rejected"),
        (500, "Internal Server Error", "unknown"),
        (504, "something new", "unknown"),
    ] {
        let body = format!(r#"{{"ok":false,"error_code":{code},"description":"{description}"}}"#);
        let outcome = judge(200, &body);
        assert_eq!(outcome, judge(code, &body), "{body}");
        assert_eq!(outcome.as_str(), word, "{body}");
    }
    let blocked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
    assert!(matches!(
        judge(200, blocked),
        Outcome::Rejected { cause: Rejection::OptedOut { certain: true }, .. }
    ));
    let busy = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":35}}"#;
    let expected = Some(Duration::from_secs(35));
    assert!(matches!(judge(200, busy), Outcome::Throttled { retry_after, .. } if retry_after == expected));
    assert_eq!(bot().updates_in(&answer(200, busy)).unwrap_err(), judge(200, busy), "of updates, too");
    let moved = r#"{"ok":false,"error_code":400,"description":"x","parameters":{"migrate_to_chat_id":-100}}"#;
    assert!(matches!(bot().reply(&answer(200, moved)), Some(TelegramReply::Moved(ChatId(-100)))));
}

#[test]
fn a_message_is_known_by_its_chat_and_number() {
    let outcome = judge(200, r#"{"ok":true,"result":{"message_id":7,"chat":{"id":42},"new":[]}}"#);
    assert_eq!(outcome, Outcome::sent("42:7"));
}

#[test]
fn the_wait_is_the_bodys_else_the_headers_and_capped() {
    let wait = |parameters: &str| {
        let body =
            format!(r#"{{"ok":false,"error_code":429,"description":"Too Many Requests"{parameters}}}"#);
        match judge(429, &body) {
            Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, .. } => {
                retry_after.unwrap().as_secs()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(r#","parameters":{"retry_after":35}"#), 35);
    assert_eq!(wait(r#","parameters":{"retry_after":86400}"#), 3_600);
    assert_eq!(wait(r#","parameters":{"something_new":1}"#), 3);
    assert_eq!(wait(""), 3);
}

/// teloxide keeps its own list of the server's texts; those that a message can meet mean the same in ours.
#[test]
fn the_texts_agree_with_teloxides() {
    use crate::adapters::error_meaning::{
        BAD_ADDRESS, CONTENT_REJECTED, OPTED_OUT, POLICY_REJECTED, UNCERTAIN_ADDRESS, UNCERTAIN_OPT_OUT,
    };
    for (error, meaning) in [
        (ApiError::BotBlocked, OPTED_OUT),
        (ApiError::BotKicked, OPTED_OUT),
        (ApiError::BotKickedFromSupergroup, OPTED_OUT),
        (ApiError::BotKickedFromChannel, OPTED_OUT),
        (ApiError::CantInitiateConversation, UNCERTAIN_OPT_OUT),
        (ApiError::ChatNotFound, UNCERTAIN_ADDRESS),
        (ApiError::UserNotFound, UNCERTAIN_ADDRESS),
        (ApiError::UserDeactivated, BAD_ADDRESS),
        (ApiError::GroupDeactivated, BAD_ADDRESS),
        (ApiError::CantTalkWithBots, BAD_ADDRESS),
        (ApiError::NotEnoughRightsToPostMessages, POLICY_REJECTED),
        (ApiError::CantParseEntities("Bad Request: can't parse entities: <".to_owned()), CONTENT_REJECTED),
        (ApiError::MessageTextIsEmpty, CONTENT_REJECTED),
        (ApiError::MessageIsTooLong, CONTENT_REJECTED),
        (ApiError::EditedMessageIsTooLong, CONTENT_REJECTED),
        (ApiError::ButtonUrlInvalid, CONTENT_REJECTED),
        (ApiError::ButtonDataInvalid, CONTENT_REJECTED),
        (ApiError::RequestEntityTooLarge, CONTENT_REJECTED),
    ] {
        for text in [error.to_string(), error.to_string().to_uppercase()] {
            assert_eq!(errors::meaning(400, &text), Some(meaning), "{text}");
        }
    }
    assert_eq!(errors::meaning(401, "Unauthorized"), Some(ErrorMeaning::Misconfigured));
    assert_eq!(errors::meaning(400, "Bad Request: something new"), None);
}

#[test]
fn each_content_has_its_method_and_a_plain_one_no_mode() {
    let rich = |text: Option<&str>, format, file| {
        RenderedContent::Telegram(TelegramContent { text: text.map(str::to_owned), format, file })
    };
    let url = || "https://example.com/a.pdf".to_owned();
    for (content, method, more) in [
        (RenderedContent::Text("1 < 2 & *3*".to_owned()), "sendMessage", json!({ "text": "1 < 2 & *3*" })),
        (
            rich(Some("*hi*"), TextFormat::MarkdownV2, None),
            "sendMessage",
            json!({ "text": "*hi*", "parse_mode": "MarkdownV2" }),
        ),
        (
            rich(Some("<b>hi</b>"), TextFormat::Html, Some(TelegramFile::Photo(url()))),
            "sendPhoto",
            json!({ "photo": url(), "caption": "<b>hi</b>", "parse_mode": "HTML" }),
        ),
        (
            rich(Some("1 < 2"), TextFormat::Plain, Some(TelegramFile::Document(url()))),
            "sendDocument",
            json!({ "document": url(), "caption": "1 < 2" }),
        ),
        (
            rich(None, TextFormat::Plain, Some(TelegramFile::Photo(url()))),
            "sendPhoto",
            json!({ "photo": url() }),
        ),
    ] {
        let request = bot().message(ChatId(42), &content).unwrap().build().unwrap();
        let body: Value = serde_json::from_slice(request.body().unwrap().as_bytes().unwrap()).unwrap();
        let mut expected = json!({ "chat_id": 42, "disable_notification": false });
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(body, expected);
        assert!(request.url().as_str().ends_with(&format!("/bot{TOKEN}/{method}")), "{}", request.url());
    }
}

#[tokio::test]
async fn what_a_bot_does_not_carry_is_refused_before_any_call() {
    let outcome = bot().deliver(&envelopes::to_phone(RenderedContent::Text("hello".to_owned()))).await;
    assert!(matches!(outcome, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let outcome = bot().deliver(&envelopes::to(Address::TelegramChat(42), email)).await;
    assert!(matches!(outcome, Outcome::Rejected { cause: Rejection::Content, .. }));
}

#[test]
fn the_token_is_never_shown() {
    let body = format!(r#"{{"ok":false,"error_code":404,"description":"no /bot{TOKEN}/sendMessage here"}}"#);
    let shown = format!("{:?} {:?}", bot(), judge(404, &body));
    assert!(shown.contains("Secret(***)") && shown.contains("no /bot***/"), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");
}
