//! Receipts and texts on the connection to an SMSC, by SMPP.

use relevo::wire::v1::{self, Channel, MessageState};
use serde_json::json;

use crate::api::{contact, phone};
use crate::gateway::history::route_taken;
use crate::gateway::process::{Gateway, GatewayDirectory, SECRET};
use crate::gateway::providers::smpp;
use crate::gateway::{ana, by, order};
use crate::peers::Smsc;

fn saying(text: &str) -> v1::MessageSpec {
    let mut spec = by(&[Channel::Sms], order());
    spec.content.as_mut().unwrap().text = text.into();
    spec
}

#[tokio::test]
async fn a_receipt_on_the_line_makes_a_message_delivered_even_before_the_answer() {
    let smsc = Smsc::start("gateway", &json!({}));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for more in ["", ",\"before\":true", ",\"national\":true"] {
        let rule = format!("{{\"receipt\":\"DELIVRD\"{more}}}\n");
        let id = gateway.send(saying(&rule)).await;
        let is_delivered = |event: &v1::Event| event.state() == MessageState::Delivered;
        gateway.wait_until_all(std::slice::from_ref(&id), is_delivered).await;
        let message = gateway.message(&id).await;
        assert_eq!(route_taken(&message), "carrier SENT", "{rule}");
    }
    let submits = smsc.events("submit");
    assert_eq!((submits.len(), &submits[0]["to"]), (3, &json!("34600123456")));
    assert_eq!(smsc.events("bind")[0]["password"], SECRET);
    let answers = smsc.wait_for_events("deliver_sm_resp", 3).await;
    assert!(answers.iter().all(|answer| answer["status"] == 0), "{answers:?}");

    let log = gateway.log.lines().join("\n");
    assert!(!log.contains(SECRET) && !log.contains("34600123456"), "{log}");
    gateway.stop().await;
    smsc.wait_for_events("unbind", 1).await;
}

#[tokio::test]
async fn who_writes_stop_on_the_line_is_not_written_to_again() {
    let mo = json!({ "stop": [{ "message": "Stop." }] });
    let smsc = Smsc::start("gateway-stop", &json!({ "mo": mo }));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    gateway.send_until_ended(saying("{\"mo\":\"stop\"}\n")).await;
    // It is answered once it is on disk.
    assert_eq!(smsc.wait_for_events("deliver_sm_resp", 1).await[0]["status"], 0);
    let message = gateway.send_until_ended(saying("Are you still there?")).await;
    assert_eq!(message.state(), MessageState::Suppressed, "{message:#?}");
    assert_eq!(smsc.events("submit").len(), 1);
    gateway.stop().await;
}

/// Sends a text to the contact `eva`, whose number ends with 654321.
async fn send_to_eva(gateway: &Gateway, text: &str) -> String {
    gateway.upsert_contact(contact("eva", vec![phone("+34600654321")])).await;
    let recipient = Some(v1::message_spec::Recipient::ContactId("eva".into()));
    gateway.send(v1::MessageSpec { recipient, ..saying(text) }).await
}

async fn wait_until_delivered(gateway: &Gateway, id: &str) {
    let is_delivered = |event: &v1::Event| event.state() == MessageState::Delivered;
    gateway.wait_until_all(&[id.to_owned()], is_delivered).await;
}

async fn state(gateway: &Gateway, id: &str) -> MessageState {
    gateway.message(id).await.state()
}

#[tokio::test]
async fn a_receipt_finds_its_message_in_whatever_form_it_names_it() {
    let rules = ["", ",\"before\":true", ",\"tlv\":true", ",\"as_sent\":true"]
        .map(|more| format!("{{\"receipt\":\"DELIVRD\"{more}}}\n"));
    // Padded, in other case, and in the other base, as SMSCs are known to do; for each rule others.
    let forms = |number: u32| {
        let [small, hex, random] = [29_095, 0x3e95_179a, 0x33e9_5179].map(|first| first + number);
        [
            [small.to_string(), format!("{small:010}")],
            [format!("{:010}", small + 1_000), (small + 1_000).to_string()],
            [format!("{hex:X}"), format!("{hex:x}")],
            [format!("SAR-{small}-1eedf843-2-1"), format!("SAR-{small}-1EEDF843-2-1")],
            [random.to_string(), format!("{random:X}")],
            [format!("{:08X}", random + 1_000), format!("{:010}", random + 1_000)],
        ]
    };
    let ids: Vec<_> = (0..4).flat_map(forms).collect();
    let smsc = Smsc::start("gateway-ids", &json!({ "ids": ids }));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for (rule, form) in
        rules.iter().zip(0..).flat_map(|(rule, number)| forms(number).map(|form| (rule, form)))
    {
        let id = gateway.send(saying(rule)).await;
        wait_until_delivered(&gateway, &id).await;
        assert_eq!(state(&gateway, &id).await, MessageState::Delivered, "{form:?} {rule}");
    }
    gateway.stop().await;
}

/// The text of a receipt.
fn receipt_of(id: &str) -> String {
    format!(
        "id:{id} sub:001 dlvrd:001 submit date:2611220230 done date:2611220231 stat:DELIVRD err:000 text:"
    )
}

#[tokio::test]
async fn a_receipt_of_an_id_that_was_given_twice_is_for_the_number_it_names() {
    let receipt = |id: &str| json!([{ "esm_class": 4, "message": receipt_of(id) }]);
    let mo = json!({ "of 7": receipt("7"), "of 17": receipt("17") });
    let ids = ["7", "7", "40", "41", "11", "42", "43"].map(|id| [id, id]);
    let smsc = Smsc::start("gateway-twice", &json!({ "mo": mo, "ids": ids }));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    directory.change_config("filter = 'info'", "filter = 'info,relevo=debug'");
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let first = gateway.send_until_ended(saying("the one")).await.message_id;
    let second = send_to_eva(&gateway, "the other").await;
    gateway.wait_until_ended(std::slice::from_ref(&second)).await;
    // Each receipt comes from the number to which the message went that asks for it.
    gateway.send(saying("{\"mo\":\"of 7\"}\n")).await;
    let parked =
        "a receipt is parked: it names another address than that of the attempt that has its reference";
    let line = gateway.log.wait_for(parked).await;
    assert!(!line.to_string().contains("34600"), "{line}");
    assert_eq!(state(&gateway, &second).await, MessageState::Sent);
    send_to_eva(&gateway, "{\"mo\":\"of 7\"}\n").await;
    wait_until_delivered(&gateway, &second).await;
    assert_eq!(state(&gateway, &first).await, MessageState::Sent);

    // What was answered as 11 is 17, if it is hexadecimal, but only for ana.
    let third = gateway.send_until_ended(saying("11")).await.message_id;
    send_to_eva(&gateway, "{\"mo\":\"of 17\"}\n").await;
    smsc.wait_for_events("deliver_sm_resp", 3).await;
    assert_eq!(state(&gateway, &third).await, MessageState::Sent);
    gateway.send(saying("{\"mo\":\"of 17\"}\n")).await;
    wait_until_delivered(&gateway, &third).await;
    gateway.stop().await;
}

/// What the contact `ana` wrote, as the brand sees it.
async fn texts(gateway: &Gateway) -> usize {
    let request = v1::ListContactEventsRequest { contact_id: "ana".into(), ..Default::default() };
    gateway.contacts().list_contact_events(request).await.unwrap().into_inner().events.len()
}

#[tokio::test]
async fn a_receipt_that_says_it_is_a_text_is_none() {
    let mo = ["00A5", "8", "9"].map(|id| (id.to_owned(), json!([{ "message": receipt_of(id) }])));
    let ids = ["a3", "A4", "A5", "9", "10", "11", "12", "8"].map(|id| [id.to_owned(), format!("00{id}")]);
    let mo: serde_json::Map<_, _> = mo.into_iter().collect();
    let smsc = Smsc::start("gateway-plain", &json!({ "mo": mo, "ids": ids }));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    // By its text it is one as soon as its id is known, by its parameters before that.
    for more in ["", ",\"tlv\":true,\"before\":true"] {
        let rule = format!("{{\"receipt\":\"DELIVRD\",\"esm_class\":0{more}}}\n");
        let id = gateway.send(saying(&rule)).await;
        wait_until_delivered(&gateway, &id).await;
    }
    let late = gateway.send_until_ended(saying("its receipt comes later")).await.message_id;
    let to_eva = send_to_eva(&gateway, "its receipt never comes").await;
    gateway.wait_until_ended(std::slice::from_ref(&to_eva)).await;
    gateway.stop().await;

    let gateway = directory.start().await;
    gateway.send_until_ended(saying("{\"mo\":\"00A5\"}\n")).await;
    wait_until_delivered(&gateway, &late).await;
    assert_eq!(texts(&gateway).await, 0, "none of them is a text");
    // Nobody has a message with the one id, and somebody else has one with the other.
    for (id, answers) in [("8", 4), ("9", 5)] {
        gateway.send_until_ended(saying(&format!("{{\"mo\":\"{id}\"}}\n"))).await;
        smsc.wait_for_events("deliver_sm_resp", answers).await;
        assert_eq!(texts(&gateway).await, answers - 3, "{id}");
    }
    let guessed = gateway.send_until_ended(saying("its id is the one that was written")).await.message_id;
    for id in [guessed, to_eva] {
        assert_eq!(state(&gateway, &id).await, MessageState::Sent);
    }
    gateway.stop().await;
}
