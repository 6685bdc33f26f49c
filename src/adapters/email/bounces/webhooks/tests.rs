use reqwest::header::HeaderMap;

use super::*;
use crate::adapters::email::bounces::address::tests::{addresses, brands, echo};
use crate::adapters::email::bounces::report::tests::{complaint, delivery_report};
use crate::model::{Objection, ReceiptStatus};

const FAILED: &str = "Final-Recipient: rfc822; eve@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n";

fn handler() -> BounceWebhooks {
    BounceWebhooks::new(addresses(), brands())
}

async fn handle(query: &str, mail: &str) -> Result<WebhookPayload, WebhookError> {
    let (headers, now) = (HeaderMap::new(), "2026-11-22T12:00:00Z".parse().unwrap());
    handler()
        .handle(&WebhookRequest { url: "", query, headers: &headers, body: Some(mail.as_bytes()), now })
        .await
}

fn report_in(handled: Result<WebhookPayload, WebhookError>) -> DeliveryReport {
    match handled {
        Ok(WebhookPayload::Events(events)) => match events.as_slice() {
            [ProviderEvent::Receipt(delivery_report)] => delivery_report.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn query(address: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("recipient", address).finish()
}

#[tokio::test]
async fn the_token_says_which_attempt_it_is_and_no_address_in_the_mail_counts() {
    let sender = addresses().address_for(&echo()).to_string();
    let events = report_in(handle(&query(&sender), &delivery_report("somebody@example.com", FAILED)).await);
    assert_eq!((events.echo, events.address), (Some(echo()), None));
    assert_eq!((events.status, events.objection), (ReceiptStatus::Failed, Some(Objection::BadAddress)));
    assert_eq!(events.reported_at, "2026-11-22T10:00:00Z".parse().unwrap());
    // By HTTP nobody need name the recipient again.
    assert_eq!(report_in(handle("", &delivery_report(&sender, FAILED)).await).echo, Some(echo()));
}

#[tokio::test]
async fn a_complaint_names_the_envelope_sender_itself() {
    let sender = addresses().address_for(&echo()).to_string();
    let fields = format!("Feedback-Type: abuse\nOriginal-Mail-From: <{sender}>");
    let events = report_in(handle(&query("bounce@bounces.example.com"), &complaint(&fields, "X: y")).await);
    assert_eq!((events.echo, events.objection), (Some(echo()), Some(Objection::Complaint)));
    let returned = format!("Return-Path: <{sender}>");
    let events = report_in(handle("", &complaint("Feedback-Type: abuse", &returned)).await);
    assert_eq!(events.echo, Some(echo()));
}

#[tokio::test]
async fn without_a_token_of_ours_nothing_is_believed() {
    let forged = addresses().address_for(&echo()).to_string().replace("+", "+a");
    for (query, mail) in [
        (query(&forged), delivery_report(&forged, FAILED)),
        (String::new(), delivery_report("bounce@bounces.example.com", FAILED)),
        (String::new(), complaint("Feedback-Type: abuse", "X: y")),
    ] {
        assert!(matches!(handle(&query, &mail).await, Err(WebhookError::Unauthenticated(_))), "{mail}");
    }
    let sender = addresses().address_for(&echo()).to_string();
    assert!(matches!(handle(&query(&sender), "").await, Err(WebhookError::Malformed(_))));
    assert_eq!(
        handle("", &format!("To: {sender}\r\n\r\nI am on holiday.")).await,
        Ok(WebhookPayload::Events(vec![]))
    );
}

#[tokio::test]
async fn a_clock_that_is_wrong_reports_nothing_from_the_future() {
    let sender = addresses().address_for(&echo()).to_string();
    let mail = delivery_report(&sender, FAILED);
    let events = report_in(handle("", &mail.replace("22 Nov 2026 11:00", "22 Nov 2036 11:00")).await);
    assert_eq!(events.reported_at, "2026-11-22T12:00:00Z".parse().unwrap());
    let events = report_in(handle("", &mail.replace("Date: Sun", "Date: none")).await);
    assert!(events.reported_at <= "2026-11-22T12:00:00Z".parse().unwrap());
}

#[test]
fn mail_to_our_addresses_is_ours() {
    let sender = addresses().address_for(&echo()).to_string();
    assert!(handler().accepts_mail_for(&sender) && handler().accepts_mail_for("bounce@bounces.example.com"));
    for other in [sender.replace('+', "+a"), "ana@bounces.example.com".to_owned(), String::new()] {
        assert!(!handler().accepts_mail_for(&other), "{other}");
    }
}
