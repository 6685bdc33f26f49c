//! What contacts agreed to, took back and asked for, and what then reaches their providers.

use relevo::wire::v1::{self, Channel, ConsentAction, MessageState};
use serde_json::json;

use crate::gateway::history::{end_reason, left_out_reason, plans, route_taken, wait_reasons};
use crate::gateway::providers::twilio_refuses;
use crate::gateway::whatsapp_and_sms::{WHATSAPP_THEN_SMS, WhatsappAndSms, now};
use crate::gateway::{ana, by, offer, order};

#[tokio::test]
async fn opt_ins_and_preferences_are_kept_to() {
    let pair = WhatsappAndSms::start("wishes-whatsapp", "wishes-sms", "").await;
    let gateway = &pair.gateway;
    let any = || by(&[], offer());
    let message = gateway.send_until_ended(any()).await;
    assert_eq!((message.state(), end_reason(&message)), (MessageState::Suppressed, "no_way_permitted"));
    assert_eq!(pair.counts().await, (0, 0), "nobody agreed to anything");

    gateway.record_consent(ConsentAction::Grant, Channel::Sms, "offers").await;
    assert_eq!(route_taken(&gateway.send_until_ended(any()).await), "sms SENT");
    gateway.record_consent(ConsentAction::Grant, Channel::Whatsapp, "*").await;
    let prefers = async |preferences| {
        let (contact_id, preferences) = ("ana".to_owned(), Some(preferences));
        let request = v1::SetPreferencesRequest { contact_id, preferences, ..Default::default() };
        gateway.consents().set_preferences(request).await.unwrap();
    };
    let order_of = |channels: &[Channel]| v1::Preferences {
        channel_order: channels.iter().map(|&channel| channel.into()).collect(),
        ..v1::Preferences::default()
    };
    prefers(order_of(WHATSAPP_THEN_SMS)).await;
    assert_eq!(route_taken(&gateway.send_until_ended(any()).await), "whatsapp SENT");
    let no_whatsapp =
        v1::Preferences { excluded_channels: vec![Channel::Whatsapp.into()], ..v1::Preferences::default() };
    prefers(no_whatsapp).await;
    assert_eq!(route_taken(&gateway.send_until_ended(any()).await), "sms SENT");
    gateway.record_consent(ConsentAction::Revoke, Channel::Sms, "offers.shoes").await;
    let message = gateway.send_until_ended(any()).await;
    assert_eq!((message.state(), route_taken(&message)), (MessageState::Suppressed, String::new()));
    // What she has ordered she still hears of.
    assert_eq!(route_taken(&gateway.send_until_ended(by(WHATSAPP_THEN_SMS, order())).await), "sms SENT");
    assert_eq!(pair.counts().await, (1, 3));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn a_message_to_a_deleted_contact_goes_to_nobody_who_gets_its_id() {
    let pair = WhatsappAndSms::start("reused-whatsapp", "reused-sms", "").await;
    let gateway = &pair.gateway;
    let send_time = Some(prost_types::Timestamp { seconds: now().seconds + 2, ..now() });
    let meant = gateway.send(v1::MessageSpec { send_time, ..by(&[Channel::Sms], order()) }).await;
    let delete = v1::DeleteContactRequest { contact_id: "ana".into() };
    gateway.contacts().delete_contact(delete).await.unwrap();
    let address = Some(crate::api::phone("+34600999888"));
    let addresses = vec![v1::ContactAddress { address, ..Default::default() }];
    gateway.upsert_contact(v1::Contact { addresses, ..ana() }).await;

    let ended = gateway.wait_until_ended(&[meant]).await.remove(0);
    assert_eq!((ended.state(), end_reason(&ended)), (MessageState::Suppressed, "contact_deleted"));
    assert_eq!(pair.counts().await, (0, 0));
    assert_eq!(route_taken(&gateway.send_until_ended(by(&[Channel::Sms], order())).await), "sms SENT");
    pair.gateway.stop().await;
}

#[tokio::test]
async fn whoever_opted_out_at_twilio_is_not_written_to_again() {
    let pair = WhatsappAndSms::start("stop-word-whatsapp", "stop-word-sms", "").await;
    pair.sms.answer(json!({}), twilio_refuses(400, 21610)).await;
    let channels = [Channel::Sms, Channel::Whatsapp];
    let message = pair.gateway.send_until_ended(by(&channels, order())).await;
    assert_eq!(route_taken(&message), "sms REJECTED 21610, whatsapp SENT");

    let consent = v1::GetConsentRequest { contact_id: "ana".into(), ..Default::default() };
    let consent = pair.gateway.consents().get_consent(consent).await.unwrap().into_inner();
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Sms, "opted_out"));
    assert_eq!(suppression.address.clone().unwrap(), crate::api::phone("+34600123456"));
    assert_eq!(suppression.recorded_by, "sms");

    let message = pair.gateway.send_until_ended(by(&channels, order())).await;
    assert_eq!(route_taken(&message), "whatsapp SENT");
    let plan = plans(&message)[0];
    let verdict = plan.verdicts.iter().find(|verdict| verdict.channel() == Channel::Sms).unwrap();
    assert_eq!(verdict.decision(), v1::Decision::Deny);
    assert_eq!(left_out_reason(plan, Channel::Sms), Some(verdict.reason.as_str()));
    let message = pair.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!((message.state(), route_taken(&message)), (MessageState::Suppressed, String::new()));
    assert_eq!(pair.counts().await, (2, 1));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn quiet_hours_hold_a_commercial_message_and_let_an_order_pass() {
    let pair = WhatsappAndSms::start("quiet-whatsapp", "quiet-sms", "").await;
    let gateway = &pair.gateway;
    gateway.record_consent(ConsentAction::Grant, Channel::Sms, "*").await;
    // Quiet for 22 hours around now, in UTC.
    let hour = |ahead: i64| {
        let hour = (now().seconds / 3_600 + ahead).rem_euclid(24);
        format!("{hour:02}:00")
    };
    let quiet = v1::QuietHours { start: hour(-11), end: hour(11), include_transactional: false };
    let preferences = v1::Preferences { quiet_hours: Some(quiet), ..v1::Preferences::default() };
    let (contact_id, preferences) = ("ana".to_owned(), Some(preferences));
    let request = v1::SetPreferencesRequest { contact_id, preferences, ..Default::default() };
    gateway.consents().set_preferences(request).await.unwrap();
    let held = gateway.send(by(&[Channel::Sms], offer())).await;
    gateway.wait_until_all(std::slice::from_ref(&held), |event| event.state() == MessageState::Waiting).await;
    assert_eq!(route_taken(&gateway.send_until_ended(by(&[Channel::Sms], order())).await), "sms SENT");
    let held = gateway.message(&held).await;
    assert_eq!((wait_reasons(&held), route_taken(&held)), (vec!["quiet_hours"], String::new()));
    let wait = held.next_time.unwrap().seconds - held.accept_time.unwrap().seconds;
    assert!((10 * 3_600..=13 * 3_600).contains(&wait), "it is looked at again when quiet ends, in {wait} s");
    assert_eq!(pair.counts().await, (0, 1));
    pair.gateway.stop().await;
}
