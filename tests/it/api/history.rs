//! Messages whose history is longer than one answer.

use relevo::model::{MessageEventDetail, Reason, WaitReason};

use super::*;

/// Appends this many waits to the history of a message, each explained in ten thousand characters.
async fn wait(gateway: &Gateway, id: &str, times: usize) {
    let (brand, id) = ("acme".parse().unwrap(), id.parse().unwrap());
    let stored = gateway.stores.work.reload(&brand, id).await.unwrap().unwrap();
    let (mut history, known) = (stored.history.clone(), stored.history.version());
    let why = WaitReason { reason: Reason::QuietHours, explanation: "x".repeat(10_000) };
    for _ in 0..times {
        history.push(START, MessageEventDetail::Waiting { until: START, why: why.clone() });
    }
    gateway.stores.work.append(&stored.message, &history, known, None).await.unwrap();
}

#[tokio::test]
async fn a_client_with_default_limits_reads_a_long_history_by_pages() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let message_id = gateway.messages(&key).send(send(spec("hello"))).await.unwrap().into_inner().message_id;
    wait(&gateway, &message_id, 500).await;
    let (mut pages, mut events, mut page_token) = (0, Vec::new(), String::new());
    loop {
        let request = v1::GetMessageRequest { message_id: message_id.clone(), page_token };
        let answer = gateway.messages(&key).get_message(request).await.unwrap().into_inner();
        let message = answer.message.unwrap();
        assert_eq!(message.content.is_some(), pages == 0, "the content comes once");
        events.extend(message.history);
        pages += 1;
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((pages, events.len()), (3, 501));
    let (brand, id) = ("acme".parse().unwrap(), message_id.parse().unwrap());
    let stored = gateway.stores.messages.message(&brand, id).await.unwrap().unwrap();
    let expected: Vec<v1::Event> = stored.history.events().iter().map(Into::into).collect();
    assert!(events == expected, "each event once, in order");
    let cancelled = gateway.messages(&key).cancel_message(v1::CancelMessageRequest { message_id }).await;
    assert!(cancelled.unwrap().into_inner().message.unwrap().history.len() < 501);
}
