//! Who is who on WhatsApp: numbers in the provider's spelling, and people who are known by a user id.

use relevo::wire::v1::{self, Channel, ConsentAction, MessageState, address::Value as AddressValue};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::webhooks::{InboundGateway, reference, sign};
use crate::api::{contact, phone};
use crate::gateway::history::{end_reason, left_out_reason, plans, route_taken};
use crate::gateway::process::SECRET;
use crate::gateway::providers::{provider, whatsapp_accepts};
use crate::gateway::{by, offer, order};
use crate::peers::WiremockStubs;

/// A gateway whose one provider is a number at Meta's Cloud API.
struct WhatsappGateway {
    meta: WiremockStubs,
    inbound: InboundGateway,
}

impl WhatsappGateway {
    async fn start(name: &'static str) -> Self {
        let meta = WiremockStubs::new(name);
        meta.answer(json!({}), whatsapp_accepts()).await;
        let adapter = format!(
            "[providers.whatsapp_cloud]\nphone_number_id = '106540352242922'\naccess_token = {{ file = 'secret' }}\n\
             app_secret = {{ file = 'secret' }}\nbase_url = '{}'",
            meta.url()
        );
        let inbound = InboundGateway::start(&provider("wa", "whatsapp", "business = 'shop'", &adapter)).await;
        Self { meta, inbound }
    }

    /// Meta answers whatever goes to `to` as to somebody whom it knows as `wa_id`.
    async fn knows_as(&self, to: &str, wa_id: &str) {
        let mut answer = whatsapp_accepts();
        answer["jsonBody"]["contacts"] = json!([{ "input": to, "wa_id": wa_id }]);
        let request = json!({ "bodyPatterns": [{ "matchesJsonPath": format!("$[?(@.to == '{to}')]") }] });
        self.meta.answer(request, answer).await;
    }

    /// A contact with this address and an opt-in.
    async fn person(&self, id: &str, address: v1::Address) {
        self.inbound.gateway.upsert_contact(contact(id, vec![address])).await;
        self.inbound.gateway.record_consent_of(id, ConsentAction::Grant, Channel::Whatsapp, "offers").await;
    }

    async fn send(&self, id: &str, spec: v1::MessageSpec) -> v1::Message {
        let recipient = Some(v1::message_spec::Recipient::ContactId(id.into()));
        self.inbound
            .gateway
            .send_until_ended(by(&[Channel::Whatsapp], v1::MessageSpec { recipient, ..spec }))
            .await
    }

    async fn webhook(&self, value: Value) {
        let body = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }],
        })
        .to_string();
        let call = self.inbound.post("/providers/wa", &body);
        let call = call.header("X-Hub-Signature-256", sign(&["meta", SECRET, &body]));
        assert_eq!(call.send().await.unwrap().status(), StatusCode::OK);
    }

    /// Somebody writes; `more` says who, and what it answers.
    async fn writes(&self, id: &str, text: &str, more: Value) {
        let mut message = json!({
            "id": id, "timestamp": "1795000000", "type": "text", "text": { "body": text },
        });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.webhook(json!({ "messages": [message] })).await;
    }

    async fn suppressions(&self, id: &str) -> Vec<v1::Suppression> {
        let request = v1::GetConsentRequest { contact_id: id.into(), ..Default::default() };
        self.inbound.gateway.consents().get_consent(request).await.unwrap().into_inner().suppressions
    }

    async fn assert_stopped(&self, id: &str) {
        let suppressions = self.suppressions(id).await;
        assert!(suppressions.iter().any(|found| found.reason == "opted_out"), "{id}: {suppressions:?}");
        for message in [offer(), order()] {
            let message = self.send(id, message).await;
            assert_eq!(message.state(), MessageState::Suppressed, "{id}: {}", route_taken(&message));
        }
        let request = v1::ListContactEventsRequest { contact_id: id.into(), ..Default::default() };
        let events =
            self.inbound.gateway.contacts().list_contact_events(request).await.unwrap().into_inner().events;
        assert!(!events.is_empty(), "{id}: it is an event of the contact");
    }
}

fn whatsapp_user(business: &str, user_id: &str) -> v1::Address {
    let user = v1::WhatsappUser { business: business.into(), user_id: user_id.into() };
    v1::Address { value: Some(AddressValue::WhatsappUser(user)) }
}

#[tokio::test]
async fn a_stop_counts_however_whatsapp_writes_the_number() {
    let whatsapp = WhatsappGateway::start("spelling-known").await;
    // By the rules of numbering plans: Mexico, Brazil, Argentina.
    for (id, number, wa_id) in [
        ("mx", "+525512345678", "5215512345678"),
        ("br", "+5511987654321", "551187654321"),
        ("ar", "+541123456789", "5491123456789"),
    ] {
        whatsapp.person(id, phone(number)).await;
        whatsapp.writes(&format!("wamid.{id}"), "STOP", json!({ "from": wa_id })).await;
        whatsapp.assert_stopped(id).await;
    }
    // By what Meta called the recipient when it took a message.
    whatsapp.person("told", phone("+34600111222")).await;
    whatsapp.knows_as("34600111222", "34700111222").await;
    assert_eq!(route_taken(&whatsapp.send("told", offer()).await), "wa SENT");
    whatsapp.writes("wamid.told", "STOP", json!({ "from": "34700111222" })).await;
    whatsapp.assert_stopped("told").await;
    // By the message that is answered, and from then on without one.
    whatsapp.person("answers", phone("+34600333444")).await;
    let sent = whatsapp.send("answers", offer()).await;
    let context = json!({ "id": reference(&sent) });
    whatsapp.writes("wamid.a1", "hello", json!({ "from": "34700333444", "context": context })).await;
    whatsapp.writes("wamid.a2", "STOP", json!({ "from": "34700333444" })).await;
    whatsapp.assert_stopped("answers").await;
    // Whoever is nobody's stays nobody's.
    whatsapp.person("other", phone("+34600555666")).await;
    whatsapp.writes("wamid.o", "STOP", json!({ "from": "34700555666" })).await;
    assert_eq!(whatsapp.suppressions("other").await, []);
    whatsapp.inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_receipt_and_a_window_are_those_of_the_number_that_whatsapp_writes_in_its_own_way() {
    let whatsapp = WhatsappGateway::start("spelling-receipt").await;
    whatsapp.person("told", phone("+34600111222")).await;
    whatsapp.knows_as("34600111222", "34700111222").await;
    let sent = whatsapp.send("told", order()).await;
    let status = json!({
        "id": reference(&sent), "status": "delivered", "timestamp": "1795000000", "recipient_id": "34700111222",
    });
    whatsapp.webhook(json!({ "statuses": [status] })).await;
    assert_eq!(whatsapp.inbound.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    whatsapp.writes("wamid.w", "hello", json!({ "from": "34700111222", "timestamp": now_seconds() })).await;
    let text = v1::MessageSpec {
        content: Some(v1::Content { text: "Hi".into(), ..v1::Content::default() }),
        ..order()
    };
    assert_eq!(route_taken(&whatsapp.send("told", text).await), "wa SENT", "the window is open");
    let request = v1::GetContactRequest { contact_id: "told".into() };
    let told =
        whatsapp.inbound.gateway.contacts().get_contact(request).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(told.addresses[0].aliases, [phone("+34700111222")]);
    whatsapp.inbound.gateway.stop().await;
}

fn now_seconds() -> String {
    crate::gateway::whatsapp_and_sms::now().seconds.to_string()
}

#[tokio::test]
async fn who_comes_without_a_number_is_known_by_the_user_id() {
    let whatsapp = WhatsappGateway::start("users-known").await;
    // Learned beside the number, from what the person writes and from what becomes of a message.
    whatsapp.person("wrote", phone("+34600111222")).await;
    whatsapp.writes("wamid.1", "hello", json!({ "from": "34600111222", "from_user_id": "ES.1111" })).await;
    whatsapp.writes("wamid.2", "STOP", json!({ "from_user_id": "ES.1111" })).await;
    whatsapp.assert_stopped("wrote").await;
    whatsapp.person("got", phone("+34600333444")).await;
    let sent = whatsapp.send("got", offer()).await;
    let status = json!({
        "id": reference(&sent), "status": "delivered", "timestamp": "1795000000", "recipient_user_id": "ES.2222",
    });
    whatsapp.webhook(json!({ "statuses": [status] })).await;
    assert_eq!(whatsapp.inbound.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    whatsapp.writes("wamid.3", "STOP", json!({ "from_user_id": "ES.2222" })).await;
    whatsapp.assert_stopped("got").await;
    // Said before anybody had the id.
    whatsapp.writes("wamid.4", "STOP", json!({ "from_user_id": "ES.3333" })).await;
    whatsapp.person("later", whatsapp_user("shop", "ES.3333")).await;
    let suppressed = whatsapp.send("later", offer()).await;
    assert_eq!(suppressed.state(), MessageState::Suppressed);
    assert_eq!(whatsapp.suppressions("later").await[0].reason, "opted_out");
    whatsapp.inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_user_id_is_written_to_by_its_business_alone_and_gets_no_passcode() {
    let whatsapp = WhatsappGateway::start("users-sent").await;
    whatsapp.person("ana-id", whatsapp_user("shop", "ES.1111")).await;
    assert_eq!(route_taken(&whatsapp.send("ana-id", offer()).await), "wa SENT");
    let request = whatsapp.meta.requests().await.pop().unwrap();
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["recipient"], &body["to"]), (&json!("ES.1111"), &Value::Null));

    let mut passcode = order();
    passcode.content.as_mut().unwrap().whatsapp.as_mut().unwrap().template.as_mut().unwrap().authentication =
        true;
    let left_out = whatsapp.send("ana-id", passcode).await;
    assert_eq!((left_out.state(), end_reason(&left_out)), (MessageState::Suppressed, "no_way_permitted"));
    let reason = |message: &v1::Message| {
        left_out_reason(plans(message).last().unwrap(), Channel::Whatsapp).map(str::to_owned)
    };
    assert_eq!(reason(&left_out).as_deref(), Some("needs_phone_number"));
    // The same id at another business is somebody else.
    whatsapp.person("eva-id", whatsapp_user("other", "ES.1111")).await;
    let left_out = whatsapp.send("eva-id", order()).await;
    assert_eq!(reason(&left_out).as_deref(), Some("needs_phone_number"));
    whatsapp.writes("wamid.1", "STOP", json!({ "from_user_id": "ES.1111" })).await;
    whatsapp.assert_stopped("ana-id").await;
    assert_eq!(whatsapp.suppressions("eva-id").await, []);
    assert_eq!(whatsapp.meta.requests().await.len(), 1);
    whatsapp.inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_new_user_id_takes_the_place_of_the_old_one_and_not_of_the_number() {
    let whatsapp = WhatsappGateway::start("users-moved").await;
    let change = |id: &str| {
        json!({
            "id": id, "timestamp": "1795000000", "type": "system", "from_user_id": "ES.1111",
            "system": { "type": "user_changed_user_id", "user_id": "ES.2222", "previous_user_id": "ES.1111" },
        })
    };
    whatsapp.person("number", phone("+34600111222")).await;
    whatsapp.writes("wamid.1", "hello", json!({ "from": "34600111222", "from_user_id": "ES.1111" })).await;
    whatsapp.webhook(json!({ "messages": [change("wamid.2")] })).await;
    let request = v1::GetContactRequest { contact_id: "number".into() };
    let known =
        whatsapp.inbound.gateway.contacts().get_contact(request).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(known.addresses[0].address, Some(phone("+34600111222")));
    assert_eq!(known.addresses[0].aliases, [whatsapp_user("shop", "ES.2222")]);
    whatsapp.writes("wamid.3", "STOP", json!({ "from_user_id": "ES.2222" })).await;
    whatsapp.assert_stopped("number").await;
    whatsapp.inbound.gateway.stop().await;
}
