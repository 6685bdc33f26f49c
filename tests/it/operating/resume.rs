//! Watches that go on where they ended, with another process.

use relevo::wire::v1::{self, Channel};
use tokio_stream::StreamExt;
use tonic::Code;

use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::twilio;
use crate::gateway::{ana, by, order};
use crate::peers::free_port;

/// The first events after a cursor.
async fn events(gateway: &Gateway, cursor: &str, count: usize) -> Vec<v1::WatchMessagesResponse> {
    let request = v1::WatchMessagesRequest { cursor: cursor.into(), ..Default::default() };
    let events = gateway.messages().watch_messages(request).await.unwrap().into_inner();
    events.take(count).map(Result::unwrap).collect().await
}

#[tokio::test]
async fn a_cursor_resumes_exactly_after_its_event_with_the_next_process() {
    let directory =
        GatewayDirectory::new(&twilio("sms", format!("http://127.0.0.1:{}", free_port()), "")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for _ in 0..3 {
        gateway.send(by(&[Channel::Sms], order())).await;
    }
    let before = events(&gateway, "0", 3).await;
    gateway.kill().await;

    let gateway = directory.start().await;
    assert_eq!(events(&gateway, "0", 3).await, before, "events keep their cursors");
    assert_eq!(events(&gateway, &before[0].cursor, 2).await, before[1..]);
    gateway.stop().await;

    // The tokens of a gateway with another store.
    let other = GatewayDirectory::new(&twilio("sms", format!("http://127.0.0.1:{}", free_port()), "")).await;
    let gateway = other.start().await;
    let request = v1::WatchMessagesRequest { cursor: before[0].cursor.clone(), ..Default::default() };
    let refused = gateway.messages().watch_messages(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("cursor must be a cursor as WatchMessages gave it"), "{refused}");
    gateway.stop().await;
}
