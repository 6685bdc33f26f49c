//! Telegram's Bot API.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use relevo::adapters::telegram::bot::{TelegramBot, TelegramSettings};
use relevo::adapters::webhooks::{EventSink, ProviderEvent, RecordError};
use relevo::adapters::{Adapter, Envelope, EventListener, Transport};
use relevo::model::{
    Outcome, RenderedContent, TelegramContent, TelegramFile, TextFormat, ThrottleScope, Timestamp,
};
use relevo::secret::Secret;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Row, body, replay, word};
use crate::peers::{WiremockStubs, prism, telegram};
use crate::support::envelopes;

/// When a test that waits for something gives up.
const PATIENCE: Duration = Duration::from_secs(30);

const TOKEN: &str = "1234567890:the-secret-of-a-bot";

pub(super) fn settings(base_url: String) -> TelegramSettings {
    TelegramSettings {
        token: Secret::new(TOKEN),
        base_url,
        disable_notification: false,
        bot_username: None,
        webhook_secret: None,
        polling: false,
    }
}

fn bot(base_url: String) -> TelegramBot {
    TelegramBot::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn the_description_of_the_bot_api_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("telegram_bot_api") else { return };
    let url = "https://example.com/a.pdf".to_owned();
    for envelope in [
        envelopes::to_chat("1 < 2 & *3* 👋"),
        rich(Some("*hi*"), TextFormat::MarkdownV2, None),
        rich(Some("<b>hi</b>"), TextFormat::Html, Some(TelegramFile::Photo(url.clone()))),
        rich(None, TextFormat::Plain, Some(TelegramFile::Document(url))),
    ] {
        let outcome = bot(peer.url()).deliver(&envelope).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (method, wrong) in [
        ("sendMessage", json!({ "text": "to nobody" })),
        ("sendPhoto", json!({ "chat_id": 42, "caption": "no photo" })),
        ("sendDocument", json!({ "chat_id": 42, "document": { "url": "https://example.com" } })),
    ] {
        let request = client.post(format!("{}/bot{TOKEN}/{method}", peer.url())).json(&wrong);
        assert_eq!(request.send().await.unwrap().status(), 400, "{method}");
    }
}

/// What goes beyond a plain text, to the chat 42.
fn rich(text: Option<&str>, format: TextFormat, file: Option<TelegramFile>) -> Envelope {
    let content = RenderedContent::Telegram(TelegramContent { text: text.map(str::to_owned), format, file });
    Envelope { content, ..envelopes::to_chat("") }
}

#[tokio::test]
async fn a_text_arrives_in_its_chat() {
    let peer = telegram();
    let bot = bot(peer.url());
    let text = "1 < 2 & *3* 👋";
    let outcome = bot.deliver(&envelopes::to_chat(text)).await;
    let Outcome::Sent { reference, .. } = outcome else { panic!("{outcome:?}") };

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let fetch = |chat: i64| {
        let request = client
            .post(format!("{}/getUpdates", peer.url()))
            .json(&json!({ "token": TOKEN, "chatId": chat }));
        async move { request.send().await.unwrap().json::<Value>().await.unwrap()["result"].clone() }
    };
    let arrived = fetch(42).await;
    assert_eq!(arrived.as_array().unwrap().len(), 1, "{arrived}");
    assert_eq!(arrived[0]["message"]["text"], text);
    assert_eq!(reference, format!("42:{}", arrived[0]["messageId"]));
    assert_eq!(fetch(43).await, json!([]));
}

#[tokio::test]
async fn every_documented_error_of_telegram_has_its_outcome() {
    let stubs = WiremockStubs::new("telegram-errors");
    let rows = ROWS.iter().map(|&(outcome, status, description)| Row {
        status,
        body: json!({ "ok": false, "error_code": status, "description": description }),
        outcome,
    });
    replay(&stubs, &bot(stubs.url()), envelopes::to_chat, rows.collect()).await;
}

#[tokio::test]
async fn a_chat_that_moved_is_written_to_once_more_at_its_new_id() {
    let stubs = WiremockStubs::new("telegram-moved");
    let moved = json!({
        "ok": false,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": -100_123 },
    });
    let sent = json!({ "ok": true, "result": { "message_id": 7, "chat": { "id": -100_123 } } });
    let from_chat =
        |id: i64| json!({ "bodyPatterns": [{ "matchesJsonPath": format!("$[?(@.chat_id == {id})]") }] });
    stubs.answer(from_chat(42), json!({ "status": 400, "jsonBody": moved })).await;
    stubs.answer(from_chat(-100_123), json!({ "status": 200, "jsonBody": sent })).await;
    let outcome = bot(stubs.url()).deliver(&envelopes::to_chat("hello")).await;
    assert_eq!(outcome, Outcome::sent("-100123:7"));
    assert_eq!(stubs.requests().await.len(), 2);
}

#[tokio::test]
async fn a_chat_that_keeps_moving_is_given_up() {
    let stubs = WiremockStubs::new("telegram-moving");
    let moved = json!({ "ok": false, "error_code": 400, "description": "", "parameters": { "migrate_to_chat_id": -1 } });
    stubs.answer(json!({}), json!({ "status": 400, "jsonBody": moved })).await;
    let outcome = bot(stubs.url()).deliver(&envelopes::to_chat("hello")).await;
    assert_eq!(word(&outcome), "doubtful address");
    assert_eq!(stubs.requests().await.len(), 2);
}

#[tokio::test]
async fn the_wait_that_telegram_asks_for_is_passed_on() {
    let stubs = WiremockStubs::new("telegram-wait");
    let body = json!({
        "ok": false,
        "error_code": 429,
        "description": "Too Many Requests: retry after 35",
        "parameters": { "retry_after": 35 },
    });
    stubs
        .answer(json!({}), json!({ "status": 429, "headers": { "Retry-After": "35" }, "jsonBody": body }))
        .await;
    let outcome = bot(stubs.url()).deliver(&envelopes::to_chat("hello")).await;
    let Outcome::Throttled { retry_after, scope, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((retry_after, scope), (Some(Duration::from_secs(35)), ThrottleScope::Provider));
}

/// Records batches of events, except the first, which it refuses; says when three have come.
struct RecordingSink {
    batches: Mutex<Vec<Vec<ProviderEvent>>>,
    enough: Notify,
}

#[async_trait]
impl EventSink for RecordingSink {
    async fn record(&self, events: Vec<ProviderEvent>) -> Result<(), RecordError> {
        let mut batches = self.batches.lock().unwrap();
        batches.push(events);
        match batches.len() {
            1 => Err(RecordError),
            2 => Ok(()),
            _ => {
                self.enough.notify_one();
                Ok(())
            }
        }
    }

    fn now(&self) -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
}

#[tokio::test]
async fn what_is_told_is_asked_for_again_until_it_is_kept() {
    let stubs = WiremockStubs::new("telegram-polling");
    let asked = |offset: i64| json!({ "bodyPatterns": [{ "matchesJsonPath": format!("$[?(@.offset == {offset})]") }] });
    let text = |id: i64, text: &str| {
        let message = json!({
            "message_id": id, "date": 1_795_341_600, "chat": { "id": 42, "type": "private" }, "text": text,
        });
        json!({ "update_id": id, "message": message })
    };
    let updates_answer =
        |updates: Value| json!({ "status": 200, "jsonBody": { "ok": true, "result": updates } });
    let odd = json!({ "update_id": 8, "message": { "from": "tomorrow" } });
    stubs.answer(asked(0), updates_answer(json!([text(7, "STOP"), odd]))).await;
    stubs.answer(asked(9), updates_answer(json!([text(9, "hi")]))).await;
    stubs.answer(asked(10), updates_answer(json!([]))).await;
    let bot =
        TelegramBot::new(&TelegramSettings { polling: true, ..settings(stubs.url()) }, &Transport::default())
            .unwrap();
    let sink = RecordingSink { batches: Mutex::default(), enough: Notify::new() };
    tokio::select! {
        () = bot.listen(&sink) => unreachable!("it listens for ever"),
        // A time-out is not asserted here: the batches below then say how far it came.
        _ = timeout(PATIENCE, sink.enough.notified()) => {}
    }
    let batches = sink.batches.into_inner().unwrap();
    let texts = batches.iter().map(|batch| match batch.as_slice() {
        [ProviderEvent::Text(text)] => text.text.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(texts.collect::<Vec<_>>(), ["STOP", "STOP", "hi"]);
    let first = body(&stubs.requests().await[0]);
    let expected = json!({ "offset": 0, "timeout": 50, "allowed_updates": ["message", "my_chat_member"] });
    assert_eq!(first, expected);
}

/// The outcome, the code (which is also the HTTP status), and the description.
const ROWS: &[(&str, u16, &str)] = &[
    ("opted out", 403, "Forbidden: bot was blocked by the user"),
    ("opted out", 403, "Forbidden: bot was kicked from the supergroup chat"),
    ("opted out", 403, "Forbidden: bot was kicked from the group chat"),
    ("opted out", 403, "Forbidden: bot is not a member of the channel chat"),
    ("perhaps opted out", 403, "Forbidden: bot can't initiate conversation with a user"),
    ("bad address", 403, "Forbidden: user is deactivated"),
    ("bad address", 403, "Forbidden: the group chat was deleted"),
    ("bad address", 403, "Forbidden: bots can't send messages to bots"),
    ("bad address", 403, "Forbidden: bots can't message bots"),
    ("bad address", 400, "Bad Request: group is deactivated"),
    ("doubtful address", 400, "Bad Request: chat not found"),
    ("doubtful address", 400, "Bad Request: private chat not found"),
    ("doubtful address", 400, "Bad Request: PEER_ID_INVALID"),
    ("doubtful address", 400, "Bad Request: user not found"),
    ("doubtful address", 400, "Bad Request: group chat was upgraded to a supergroup chat"),
    ("content", 400, "Bad Request: can't parse entities: unexpected end"),
    ("content", 400, "Bad Request: message text is empty"),
    ("content", 400, "Bad Request: message is too long"),
    ("content", 400, "Bad Request: BUTTON_URL_INVALID"),
    ("content", 400, "Bad Request: file is too big"),
    ("content", 400, "Bad Request: message caption is too long"),
    ("content", 400, "Bad Request: wrong file identifier/HTTP URL specified"),
    ("content", 400, "Bad Request: failed to get HTTP URL content"),
    ("content", 400, "Bad Request: wrong type of the web page content"),
    ("content", 400, "Bad Request: wrong remote file identifier specified: Wrong character in the string"),
    ("content", 400, "Bad Request: WEBPAGE_CURL_FAILED"),
    ("content", 400, "Bad Request: WEBPAGE_MEDIA_EMPTY"),
    ("content", 413, "Request Entity Too Large"),
    ("content", 400, "Bad Request: message thread not found"),
    ("policy", 400, "Bad Request: not enough rights to send text messages to the chat"),
    ("policy", 400, "Bad Request: need administrator rights in the channel chat"),
    ("throttled", 429, "Too Many Requests: retry after 5"),
    ("misconfigured", 401, "Unauthorized"),
    ("misconfigured", 404, "Not Found"),
    ("misconfigured", 409, "Conflict: terminated by other getUpdates request"),
    // The message may have been sent before the server failed, or before its answer was lost on the way.
    ("unknown", 500, "Internal Server Error"),
    ("unknown", 500, "Internal Server Error: restart"),
    ("unknown", 502, "Bad Gateway"),
    // Descriptions that are not in the table: by the status.
    ("policy", 400, "Bad Request: something new"),
    ("policy", 403, "Forbidden: something new"),
    ("misconfigured", 404, "Not Found: something new"),
];
