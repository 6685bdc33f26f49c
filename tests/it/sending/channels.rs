//! Every channel, from the API to a server at the other end.

use relevo::wire::v1::{Channel, ConsentAction, MessageState};
use serde_json::{Value, json};

use crate::email::tls::Certificates;
use crate::gateway::history::{attempts, plans, route_taken};
use crate::gateway::process::{GatewayDirectory, SECRET};
use crate::gateway::providers::*;
use crate::gateway::whatsapp_and_sms::{WHATSAPP_THEN_SMS, WhatsappAndSms, ana_who_wrote};
use crate::gateway::{ana, by, offer, order};
use crate::peers::{Peer, WiremockStubs, prism, smtp_sink, telegram as telegram_server};
use relevo::wire::v1;

#[tokio::test]
async fn each_channel_reaches_its_own_server() {
    let certificates = Certificates::new("flows");
    let mail = certificates.serve("flows", "starttls", &["--user", &format!("shop:{SECRET}")]);
    let sink = smtp_sink("flows", &[]);
    let (meta, sms, chats) =
        (WiremockStubs::new("flows-whatsapp"), WiremockStubs::new("flows-sms"), telegram_server());
    meta.answer(json!({}), whatsapp_accepts()).await;
    sms.answer(json!({}), twilio_accepts()).await;
    let login = certificates.trust("starttls") + "username = 'shop'\npassword = { file = 'secret' }";
    let directory = GatewayDirectory::new(
        &[
            smtp("mail", mail.port(), &login, ""),
            smtp("sink", sink.port(), "tls = 'none'", "tier = 2"),
            twilio("sms", sms.url(), ""),
            telegram("telegram", chats.url(), ""),
            whatsapp("whatsapp", meta.url(), ""),
        ]
        .concat(),
    )
    .await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for (channel, name) in [
        (Channel::Email, "mail"),
        (Channel::Sms, "sms"),
        (Channel::Telegram, "telegram"),
        (Channel::Whatsapp, "whatsapp"),
    ] {
        let message = gateway.send_until_ended(by(&[channel], order())).await;
        assert_eq!((message.state(), route_taken(&message)), (MessageState::Sent, format!("{name} SENT")));
    }

    let taken = mail.taken();
    assert_eq!(
        (taken.len(), &taken[0]["encrypted"], &taken[0]["authenticated"]),
        (1, &true.into(), &true.into())
    );
    assert_eq!(taken[0]["parsed"]["headers"]["subject"], "Your order");
    let requests = sms.requests().await;
    assert!(requests.len() == 1 && requests[0]["body"].as_str().unwrap().contains("To=%2B34600123456"));
    let requests = meta.requests().await;
    let body: Value = serde_json::from_str(requests[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((requests.len(), &body["template"]["name"]), (1, &json!("order_update")));
    let updates = json!({ "token": format!("1234567890:{SECRET}"), "chatId": 42 });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/getUpdates", chats.url())).json(&updates);
    let updates: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(updates["result"].as_array().unwrap().len(), 1, "{updates}");
    assert_eq!(updates["result"][0]["message"]["text"], "Order A-17 is on its way.");

    // The first mail server goes away for good: the second one takes over.
    drop(mail);
    let message = gateway.send_until_ended(by(&[Channel::Email], order())).await;
    assert_eq!(message.state(), MessageState::Sent, "{}", route_taken(&message));
    assert!(route_taken(&message).starts_with("mail UNAVAILABLE"), "{}", route_taken(&message));
    assert!(route_taken(&message).ends_with(", sink SENT"), "{}", route_taken(&message));
    gateway.stop().await;
}

#[tokio::test]
async fn a_webhook_carries_every_channel_and_says_which() {
    let stubs = WiremockStubs::new("flows-webhook");
    stubs.answer(json!({}), json!({ "status": 204 })).await;
    let channels = ["email", "sms", "telegram", "whatsapp"];
    let directory =
        GatewayDirectory::new(&channels.map(|channel| webhook(channel, channel, stubs.url())).concat()).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for channel in [Channel::Email, Channel::Sms, Channel::Telegram, Channel::Whatsapp] {
        let message = gateway.send_until_ended(by(&[channel], order())).await;
        assert_eq!(message.state(), MessageState::Sent, "{}", route_taken(&message));
    }

    let requests = stubs.requests().await;
    let bodies = requests
        .iter()
        .map(|request| serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap());
    let said: Vec<_> =
        bodies.map(|body| json!([body["channel"], body["to"], body["content"]["type"]])).collect();
    assert_eq!(
        said,
        [
            json!(["email", "ana@example.com", "email"]),
            json!(["sms", "+34600123456", "text"]),
            json!(["telegram", "42", "text"]),
            json!(["whatsapp", "+34600123456", "template"]),
        ]
    );
}

#[tokio::test]
async fn the_providers_own_descriptions_accept_what_a_gateway_sends() {
    let described = |name: &str| prism(name).map(|peer| (peer.url(), peer));
    let (Some(sms), Some(meta), Some(bot)) =
        (described("twilio_messages"), described("meta_whatsapp_v23"), described("telegram_bot_api"))
    else {
        return;
    };
    let peers: [&(String, Peer); 3] = [&sms, &meta, &bot];
    let [sms, meta, bot] = peers.map(|(url, _)| url);
    let providers =
        [twilio("sms", sms, ""), whatsapp("whatsapp", meta, ""), telegram("telegram", bot, "")].concat();
    let directory = GatewayDirectory::new(&providers).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana_who_wrote()).await;
    for channel in [Channel::Sms, Channel::Whatsapp, Channel::Telegram] {
        let message = gateway.send_until_ended(by(&[channel], order())).await;
        assert_eq!(message.state(), MessageState::Sent, "{}", route_taken(&message));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_explained_is_what_happens() {
    let pair = WhatsappAndSms::start("explain-whatsapp", "explain-sms", "").await;
    let gateway = &pair.gateway;
    gateway.record_consent(ConsentAction::Grant, Channel::Sms, "offers").await;
    let nobody = by(&[Channel::Telegram], offer());
    let specs = [by(&[], order()), by(WHATSAPP_THEN_SMS, order()), by(&[], offer()), nobody];
    let mut seen = Vec::new();
    for spec in specs {
        let request = v1::ExplainRouteRequest { message: Some(spec.clone()) };
        let explained = gateway.messages().explain_route(request).await.unwrap().into_inner();
        let before = pair.counts().await;
        let message = gateway.send_until_ended(spec).await;
        let plan = explained.plan.clone().unwrap();
        assert_eq!(plans(&message)[0], &plan);
        let first = attempts(&message).first().map(|attempt| attempt.way.clone());
        assert_eq!(first, plan.ways.first().cloned());
        match first {
            Some(_) => assert_eq!((explained.next.as_str(), message.state()), ("try", MessageState::Sent)),
            None => {
                assert_eq!((explained.next.as_str(), message.state()), ("finish", explained.final_state()));
                assert_eq!(pair.counts().await, before);
            }
        }
        seen.push(route_taken(&message));
    }
    assert_eq!(seen, ["sms SENT", "whatsapp SENT", "sms SENT", ""]);
    pair.gateway.stop().await;
}
