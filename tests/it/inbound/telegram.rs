//! Updates of a Telegram bot, by polling a Telegram server and by webhook.

use relevo::wire::v1::{self, Channel, MessageState, address::Value as AddressValue};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::contact;
use crate::gateway::history::route_taken;
use crate::gateway::process::{Gateway, GatewayDirectory, SECRET};
use crate::gateway::providers::provider;
use crate::gateway::{by, order};
use crate::peers::{free_port, telegram as telegram_server};

fn bot(url: &str, more: &str) -> String {
    let adapter = format!(
        "[providers.telegram]\ntoken = {{ file = 'token' }}\nbase_url = '{url}'\nbot_username = 'shop_bot'\n{more}"
    );
    provider("bot", "telegram", "", &adapter)
}

/// The token in a new link for `ana`.
async fn token(gateway: &Gateway) -> String {
    let request = v1::CreateTelegramLinkRequest { contact_id: "ana".into(), ..Default::default() };
    let link = gateway.contacts().create_telegram_link(request).await.unwrap().into_inner();
    link.url.split_once("?start=").unwrap().1.to_owned()
}

/// The chats of a contact.
async fn chats(gateway: &Gateway, id: &str) -> Vec<i64> {
    let request = v1::GetContactRequest { contact_id: id.into() };
    let contact = gateway.contacts().get_contact(request).await.unwrap().into_inner().contact.unwrap();
    let chat = |address: v1::ContactAddress| match address.address?.value? {
        AddressValue::TelegramChatId(id) => Some(id),
        _ => None,
    };
    contact.addresses.into_iter().filter_map(chat).collect()
}

fn post(url: String, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::builder().no_proxy().build().unwrap().post(url).json(body)
}

/// What a person writes in their chat with the bot, as the server's own client makes it.
fn written(chat: i64, text: &str) -> Value {
    let who = json!({ "id": chat, "first_name": "Ana", "username": "ana", "type": "private" });
    json!({
        "botToken": format!("1234567890:{SECRET}"), "date": 1_795_341_600, "from": who, "chat": who, "text": text,
        "entities": [{ "offset": 0, "length": 6, "type": "bot_command" }],
    })
}

const TIED: &str = "a contact link was followed: the address now belongs to the contact";
const TAKEN: &str = "a contact link was not followed: the address belongs to another contact";

#[tokio::test]
async fn whoever_follows_a_link_is_reached_by_it_and_nobody_else_is() {
    let server = telegram_server();
    let directory = GatewayDirectory::new(&bot(&server.url(), "polling = true")).await;
    let gateway = directory.start().await;
    for id in ["ana", "ben"] {
        gateway.upsert_contact(contact(id, vec![])).await;
    }
    let does = async |chat: i64, text: &str| {
        post(format!("{}/sendCommand", server.url()), &written(chat, text)).send().await.unwrap();
    };
    let first = token(&gateway).await;
    let mut forged = first.clone().into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    does(41, &format!("/start {}", String::from_utf8(forged).unwrap())).await;
    does(42, &format!("/start {first}")).await;
    gateway.log.wait_for(TIED).await;
    assert_eq!(chats(&gateway, "ana").await, [42]);

    // Used, it is worth nothing; and nobody loses a chat by a link of somebody else.
    does(43, &format!("/start {first}")).await;
    let chat = v1::Address { value: Some(AddressValue::TelegramChatId(44)) };
    gateway.upsert_contact(contact("ben", vec![chat])).await;
    does(44, &format!("/start {}", token(&gateway).await)).await;
    let log = gateway.log.wait_for(TAKEN).await;
    assert_eq!((&log["owner.id"], &log["contact.id"]), (&json!("ben"), &json!("ana")));
    assert_eq!((chats(&gateway, "ana").await, chats(&gateway, "ben").await), (vec![42], vec![44]));

    let sent = gateway.send_until_ended(by(&[Channel::Telegram], order())).await;
    assert_eq!((sent.state(), route_taken(&sent)), (MessageState::Sent, "bot SENT".to_owned()));
    let fetch = json!({ "token": format!("1234567890:{SECRET}"), "chatId": 42 });
    let arrived = post(format!("{}/getUpdates", server.url()), &fetch).send().await.unwrap();
    let arrived: Value = arrived.json().await.unwrap();
    assert_eq!(arrived["result"][0]["message"]["text"], "Order A-17 is on its way.");
    gateway.stop().await;
}

#[tokio::test]
async fn a_webhook_is_believed_with_its_secret_and_what_it_tells_is_done_before_the_answer() {
    let (port, server) = (free_port(), telegram_server());
    let listener =
        format!("\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = 'https://hooks.example.com'\n");
    let directory =
        GatewayDirectory::new(&(listener + &bot(&server.url(), "webhook_secret = { file = 'secret' }")))
            .await;
    let gateway = directory.start().await;
    gateway.upsert_contact(contact("ana", vec![])).await;
    let mut message = written(42, &format!("/start {}", token(&gateway).await));
    message["message_id"] = json!(7);
    let update = json!({ "update_id": 1, "message": message });
    let call = async |secret: &str| {
        let call = post(format!("http://127.0.0.1:{port}/providers/bot"), &update);
        call.header("X-Telegram-Bot-Api-Secret-Token", secret).send().await.unwrap().status()
    };
    assert_eq!(call("guessed").await, StatusCode::UNAUTHORIZED);
    assert!(chats(&gateway, "ana").await.is_empty());
    for _ in 0..2 {
        assert_eq!(call(SECRET).await, StatusCode::OK);
        assert_eq!(chats(&gateway, "ana").await, [42]);
    }
    gateway.stop().await;
}
