//! Every channel, every kind of refusal, and the person's wishes, from the API to a server at the other end.

use relevo::clock::Clock;
use relevo::model::Timestamp;
use relevo::wire::v1::{self, BreakerState, Channel, ConsentAction, MessageState};
use serde_json::{Value, json};

use crate::email::tls::Certificates;
use crate::gateway::history::{attempts, end, left_out, ms, path, plans, waits};
use crate::gateway::process::{Gateway, Home, SECRET};
use crate::gateway::providers::*;
use crate::gateway::{ana, by, offer, order};
use crate::peers::{Peer, Stubs, prism, smtp_sink, telegram as telegram_server};

/// A gateway that knows `ana`, with WhatsApp and SMS at WireMock.
struct Pair {
    whatsapp: Stubs,
    sms: Stubs,
    _home: Home,
    gateway: Gateway,
}

impl Pair {
    async fn start(whatsapp_name: &'static str, sms_name: &'static str, limits: &str) -> Self {
        let (meta, sms) = (Stubs::new(whatsapp_name), Stubs::new(sms_name));
        meta.answer(json!({}), whatsapp_takes()).await;
        sms.answer(json!({}), twilio_takes()).await;
        let topic = "\n[brands.acme.topics.offers]\nchannels = ['sms', 'whatsapp']\n";
        let providers =
            [topic, &whatsapp("whatsapp", meta.url(), limits), &twilio("sms", sms.url(), "")].concat();
        let home = Home::new(&providers).await;
        let gateway = home.start().await;
        gateway.knows(ana()).await;
        Self { whatsapp: meta, sms, _home: home, gateway }
    }

    async fn counts(&self) -> (usize, usize) {
        (self.whatsapp.requests().await.len(), self.sms.requests().await.len())
    }
}

fn now() -> prost_types::Timestamp {
    let now: Timestamp = Clock::system().unwrap().now();
    prost_types::Timestamp { seconds: now.as_second(), nanos: 0 }
}

/// `ana`, who wrote to us on WhatsApp a moment ago.
fn ana_who_wrote() -> v1::Contact {
    let mut ana = ana();
    ana.addresses[1].whatsapp_inbound_time = Some(now());
    ana
}

const WHATSAPP_THEN_SMS: &[Channel] = &[Channel::Whatsapp, Channel::Sms];

#[tokio::test]
async fn each_channel_reaches_its_own_server() {
    let certificates = Certificates::new("flows");
    let mail = certificates.serve("flows", "starttls", &["--user", &format!("shop:{SECRET}")]);
    let sink = smtp_sink("flows", &[]);
    let (meta, sms, chats) = (Stubs::new("flows-whatsapp"), Stubs::new("flows-sms"), telegram_server());
    meta.answer(json!({}), whatsapp_takes()).await;
    sms.answer(json!({}), twilio_takes()).await;
    let login = certificates.trust("starttls") + "username = 'shop'\npassword = { file = 'secret' }";
    let home = Home::new(
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
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    for (channel, name) in [
        (Channel::Email, "mail"),
        (Channel::Sms, "sms"),
        (Channel::Telegram, "telegram"),
        (Channel::Whatsapp, "whatsapp"),
    ] {
        let message = gateway.sends_to_the_end(by(&[channel], order())).await;
        assert_eq!((message.state(), path(&message)), (MessageState::Sent, format!("{name} SENT")));
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
    let message = gateway.sends_to_the_end(by(&[Channel::Email], order())).await;
    assert_eq!(message.state(), MessageState::Sent, "{}", path(&message));
    assert!(path(&message).starts_with("mail UNAVAILABLE"), "{}", path(&message));
    assert!(path(&message).ends_with(", sink SENT"), "{}", path(&message));
    gateway.stop().await;
}

#[tokio::test]
async fn a_webhook_carries_every_channel_and_says_which() {
    let stubs = Stubs::new("flows-webhook");
    stubs.answer(json!({}), json!({ "status": 204 })).await;
    let channels = ["email", "sms", "telegram", "whatsapp"];
    let home = Home::new(&channels.map(|channel| webhook(channel, channel, stubs.url())).concat()).await;
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    for channel in [Channel::Email, Channel::Sms, Channel::Telegram, Channel::Whatsapp] {
        let message = gateway.sends_to_the_end(by(&[channel], order())).await;
        assert_eq!(message.state(), MessageState::Sent, "{}", path(&message));
    }

    let requests = stubs.requests().await;
    let bodies =
        requests.iter().map(|own| serde_json::from_str::<Value>(own["body"].as_str().unwrap()).unwrap());
    let said: Vec<_> = bodies.map(|own| json!([own["channel"], own["to"], own["content"]["type"]])).collect();
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
    let home = Home::new(&providers).await;
    let gateway = home.start().await;
    gateway.knows(ana_who_wrote()).await;
    for channel in [Channel::Sms, Channel::Whatsapp, Channel::Telegram] {
        let message = gateway.sends_to_the_end(by(&[channel], order())).await;
        assert_eq!(message.state(), MessageState::Sent, "{}", path(&message));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_failing_channel_is_left_for_the_next_one() {
    let limits = "[providers.limits]\nconnect_timeout_ms = 500\ntimeout_ms = 1000";
    let pair = Pair::start("fails-whatsapp", "fails-sms", limits).await;
    let failures = [
        (whatsapp_refuses(500, 131_000), "whatsapp UNAVAILABLE 131000"),
        (json!({ "fault": "CONNECTION_RESET_BY_PEER" }), "whatsapp UNKNOWN"),
        (json!({ "status": 200, "fixedDelayMilliseconds": 10_000 }), "whatsapp UNKNOWN timeout"),
    ];
    for (calls, (failure, told)) in failures.into_iter().enumerate() {
        pair.whatsapp.answer(json!({}), failure).await;
        let message = pair.gateway.sends_to_the_end(by(WHATSAPP_THEN_SMS, order())).await;
        assert_eq!(message.state(), MessageState::Sent);
        let path = path(&message);
        assert!(path.starts_with(told) && path.ends_with(", sms SENT"), "{path}");
        assert_eq!(pair.counts().await, (calls + 1, calls + 1));
    }
    // Nobody knows whether a commercial message was sent, so it is not sent again.
    for channel in WHATSAPP_THEN_SMS {
        pair.gateway.records(ConsentAction::Grant, *channel, "*").await;
    }
    let id = pair.gateway.sends(by(WHATSAPP_THEN_SMS, offer())).await;
    pair.gateway.all_reach(std::slice::from_ref(&id), |event| event.state() == MessageState::Waiting).await;
    let message = pair.gateway.message(&id).await;
    assert_eq!((path(&message).as_str(), waits(&message)), ("whatsapp UNKNOWN timeout", vec!["in_doubt"]));
    assert_eq!(pair.counts().await, (4, 3));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn a_call_in_doubt_is_repeated_under_its_key_and_any_other_has_its_own() {
    let stubs = Stubs::new("repeats");
    let taken = json!({ "status": 200, "jsonBody": { "id": "17" } });
    let answers = [json!({ "status": 503 }), json!({ "status": 504 }), json!({ "status": 503 }), taken];
    stubs.answer_in_turn(&answers).await;
    let retry = "\n[retry]\nbackoff_ms = 10\nmax_backoff_ms = 50\n";
    let home = Home::new(&[retry, &resend("mail", stubs.url())].concat()).await;
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    let message = gateway.sends_to_the_end(by(&[Channel::Email], order())).await;
    let told = "mail UNAVAILABLE 503, mail UNKNOWN 504, mail UNAVAILABLE 503, mail SENT";
    assert_eq!(path(&message), told);
    let requests = stubs.requests().await;
    let key = |turn: usize| requests[turn]["headers"]["idempotency-key"].as_str().unwrap();
    assert!(key(0).ends_with("/1") && key(1).ends_with("/2"), "{requests:?}");
    // The provider refuses a known key with another body.
    for repeated in [2, 3] {
        assert_eq!((key(repeated), &requests[repeated]["body"]), (key(1), &requests[1]["body"]));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn whoever_opted_out_at_twilio_is_not_written_to_again() {
    let pair = Pair::start("stop-word-whatsapp", "stop-word-sms", "").await;
    pair.sms.answer(json!({}), twilio_refuses(400, 21610)).await;
    let channels = [Channel::Sms, Channel::Whatsapp];
    let message = pair.gateway.sends_to_the_end(by(&channels, order())).await;
    assert_eq!(path(&message), "sms REJECTED 21610, whatsapp SENT");

    let consent = v1::GetConsentRequest { contact_id: "ana".into() };
    let consent = pair.gateway.consents().get_consent(consent).await.unwrap().into_inner();
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Sms, "opted_out"));
    assert_eq!(suppression.address.clone().unwrap(), crate::api::phone("+34600123456"));
    assert_eq!(suppression.recorded_by, "sms");

    let message = pair.gateway.sends_to_the_end(by(&channels, order())).await;
    assert_eq!(path(&message), "whatsapp SENT");
    let plan = plans(&message)[0];
    let verdict = plan.verdicts.iter().find(|own| own.channel() == Channel::Sms).unwrap();
    assert_eq!(verdict.decision(), v1::Decision::Deny);
    assert_eq!(left_out(plan, Channel::Sms), Some(verdict.reason.as_str()));
    let message = pair.gateway.sends_to_the_end(by(&[Channel::Sms], order())).await;
    assert_eq!((message.state(), path(&message)), (MessageState::Suppressed, String::new()));
    assert_eq!(pair.counts().await, (2, 1));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn a_provider_that_asks_for_a_pause_gets_it() {
    let sms = Stubs::new("pause-sms");
    let slow_down = json!({ "status": 429, "headers": { "Retry-After": "2" }, "body": "slow down" });
    sms.answer_in_turn(&[slow_down, twilio_takes()]).await;
    let home = Home::new(&twilio("sms", sms.url(), "")).await;
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    let message = gateway.sends_to_the_end(by(&[Channel::Sms], order())).await;
    let [first, second] = &attempts(&message)[..] else { panic!("{}", path(&message)) };
    assert_eq!(first.outcome(), v1::OutcomeKind::Throttled);
    assert_eq!(second.outcome(), v1::OutcomeKind::Sent);
    let (asked, _) = first.ended.as_ref().unwrap();
    assert!(ms(&second.started) - ms(asked) >= 2_000, "{message:#?}");
    assert_eq!(waits(&message), ["throttled"]);
    assert_eq!(sms.requests().await.len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn wrong_credentials_take_a_provider_out_at_once_and_are_shown() {
    let pair = Pair::start("wrong-whatsapp", "wrong-sms", "").await;
    pair.sms.answer(json!({}), twilio_refuses(401, 20003)).await;
    let channels = [Channel::Sms, Channel::Whatsapp];
    let message = pair.gateway.sends_to_the_end(by(&channels, order())).await;
    assert_eq!(path(&message), "sms MISCONFIGURED 20003, whatsapp SENT");
    let provider = pair.gateway.provider("sms").await;
    assert_eq!(provider.breaker(), BreakerState::Open);
    assert!(provider.last_failure.contains("misconfigured") && provider.last_failure.contains("20003"));
    let message = pair.gateway.sends_to_the_end(by(&channels, order())).await;
    assert_eq!(path(&message), "whatsapp SENT");
    assert_eq!(left_out(plans(&message)[0], Channel::Sms), Some("breaker_open"));
    assert_eq!(pair.counts().await, (2, 1));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn the_service_window_decides_between_text_template_and_another_channel() {
    let pair = Pair::start("window-whatsapp", "window-sms", "").await;
    let without_template = || {
        let mut spec = by(WHATSAPP_THEN_SMS, order());
        spec.content.as_mut().unwrap().whatsapp = None;
        spec
    };
    let kind = |request: &Value| {
        serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap()["type"].clone()
    };
    // Closed: the template, or no WhatsApp at all.
    let message = pair.gateway.sends_to_the_end(by(WHATSAPP_THEN_SMS, order())).await;
    assert_eq!(path(&message), "whatsapp SENT");
    let message = pair.gateway.sends_to_the_end(without_template()).await;
    assert_eq!(path(&message), "sms SENT");
    assert_eq!(left_out(plans(&message)[0], Channel::Whatsapp), Some("window_closed"));
    // Open: the text.
    pair.gateway.knows(ana_who_wrote()).await;
    let message = pair.gateway.sends_to_the_end(without_template()).await;
    assert_eq!(path(&message), "whatsapp SENT");
    let kinds: Vec<Value> = pair.whatsapp.requests().await.iter().map(kind).collect();
    assert_eq!(kinds, ["template", "text"]);
    // We think it is open, and Meta knows better.
    pair.whatsapp.answer(json!({}), whatsapp_refuses(400, 131_047)).await;
    let message = pair.gateway.sends_to_the_end(without_template()).await;
    assert_eq!(path(&message), "whatsapp REJECTED 131047, sms SENT");
    assert_eq!(pair.gateway.provider("whatsapp").await.breaker(), BreakerState::Closed);
    pair.gateway.stop().await;
}

#[tokio::test]
async fn opt_ins_and_preferences_are_kept_to() {
    let pair = Pair::start("wishes-whatsapp", "wishes-sms", "").await;
    let gateway = &pair.gateway;
    let any = || by(&[], offer());
    let message = gateway.sends_to_the_end(any()).await;
    assert_eq!((message.state(), end(&message)), (MessageState::Suppressed, "no_way_permitted"));
    assert_eq!(pair.counts().await, (0, 0), "nobody agreed to anything");

    gateway.records(ConsentAction::Grant, Channel::Sms, "offers").await;
    assert_eq!(path(&gateway.sends_to_the_end(any()).await), "sms SENT");
    gateway.records(ConsentAction::Grant, Channel::Whatsapp, "*").await;
    let prefers = async |preferences| {
        let (contact_id, preferences) = ("ana".to_owned(), Some(preferences));
        let request = v1::SetPreferencesRequest { contact_id, preferences, update_mask: None };
        gateway.consents().set_preferences(request).await.unwrap();
    };
    let order_of = |channels: &[Channel]| v1::Preferences {
        channel_order: channels.iter().map(|&own| own.into()).collect(),
        ..v1::Preferences::default()
    };
    prefers(order_of(WHATSAPP_THEN_SMS)).await;
    assert_eq!(path(&gateway.sends_to_the_end(any()).await), "whatsapp SENT");
    let no_whatsapp =
        v1::Preferences { excluded_channels: vec![Channel::Whatsapp.into()], ..v1::Preferences::default() };
    prefers(no_whatsapp).await;
    assert_eq!(path(&gateway.sends_to_the_end(any()).await), "sms SENT");
    gateway.records(ConsentAction::Revoke, Channel::Sms, "offers.shoes").await;
    let message = gateway.sends_to_the_end(any()).await;
    assert_eq!((message.state(), path(&message)), (MessageState::Suppressed, String::new()));
    // What she has ordered she still hears of.
    assert_eq!(path(&gateway.sends_to_the_end(by(WHATSAPP_THEN_SMS, order())).await), "sms SENT");
    assert_eq!(pair.counts().await, (1, 3));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn quiet_hours_hold_a_commercial_message_and_let_an_order_pass() {
    let pair = Pair::start("quiet-whatsapp", "quiet-sms", "").await;
    let gateway = &pair.gateway;
    gateway.records(ConsentAction::Grant, Channel::Sms, "*").await;
    // Quiet for 22 hours around now, in UTC.
    let hour = |ahead: i64| {
        let hour = (now().seconds / 3_600 + ahead).rem_euclid(24);
        format!("{hour:02}:00")
    };
    let quiet = v1::QuietHours { start: hour(-11), end: hour(11), include_transactional: false };
    let preferences = v1::Preferences { quiet_hours: Some(quiet), ..v1::Preferences::default() };
    let (contact_id, preferences) = ("ana".to_owned(), Some(preferences));
    let request = v1::SetPreferencesRequest { contact_id, preferences, update_mask: None };
    gateway.consents().set_preferences(request).await.unwrap();
    let held = gateway.sends(by(&[Channel::Sms], offer())).await;
    gateway.all_reach(std::slice::from_ref(&held), |event| event.state() == MessageState::Waiting).await;
    assert_eq!(path(&gateway.sends_to_the_end(by(&[Channel::Sms], order())).await), "sms SENT");
    let held = gateway.message(&held).await;
    assert_eq!((waits(&held), path(&held)), (vec!["quiet_hours"], String::new()));
    let wait = held.next_time.unwrap().seconds - held.accept_time.unwrap().seconds;
    assert!((10 * 3_600..=13 * 3_600).contains(&wait), "it is looked at again when quiet ends, in {wait} s");
    assert_eq!(pair.counts().await, (0, 1));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn what_is_explained_is_what_happens() {
    let pair = Pair::start("explain-whatsapp", "explain-sms", "").await;
    let gateway = &pair.gateway;
    gateway.records(ConsentAction::Grant, Channel::Sms, "offers").await;
    let nobody = by(&[Channel::Telegram], offer());
    let specs = [by(&[], order()), by(WHATSAPP_THEN_SMS, order()), by(&[], offer()), nobody];
    let mut seen = Vec::new();
    for spec in specs {
        let request = v1::ExplainRouteRequest { message: Some(spec.clone()) };
        let explained = gateway.messages().explain_route(request).await.unwrap().into_inner();
        let before = pair.counts().await;
        let message = gateway.sends_to_the_end(spec).await;
        let plan = explained.plan.clone().unwrap();
        assert_eq!(plans(&message)[0], &plan);
        let first = attempts(&message).first().map(|own| own.way.clone());
        assert_eq!(first, plan.ways.first().cloned());
        match first {
            Some(_) => assert_eq!((explained.next.as_str(), message.state()), ("try", MessageState::Sent)),
            None => {
                assert_eq!((explained.next.as_str(), message.state()), ("finish", explained.final_state()));
                assert_eq!(pair.counts().await, before);
            }
        }
        seen.push(path(&message));
    }
    assert_eq!(seen, ["sms SENT", "whatsapp SENT", "sms SENT", ""]);
    pair.gateway.stop().await;
}
