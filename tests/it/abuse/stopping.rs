//! A gateway that stops, or a key that is revoked, in the midst of a stream: whatever was stored is answered.

use std::collections::BTreeSet;

use relevo::wire::v1::message_service_client::MessageServiceClient;
use relevo::wire::v1::send_stream_response::Result as Answer;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::api::{Bearer, Client};
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::sandbox;
use crate::gateway::{ana, order};

/// A client with whom many answers are always on their way.
fn slow_client(gateway: &Gateway, key: &str) -> MessageServiceClient<Client> {
    let bearer = Bearer(Some(format!("Bearer {key}").parse().unwrap()));
    MessageServiceClient::with_interceptor(slow_reader::connect(gateway.address), bearer)
}

/// Streams messages until the stream ends, and returns the ids that were answered. Says when there are `enough`.
async fn stream(mut messages: MessageServiceClient<Client>, enough: mpsc::Sender<()>) -> BTreeSet<String> {
    let (requests, receiver) = mpsc::channel(1_024);
    tokio::spawn(async move {
        let mut sequence = 0;
        loop {
            sequence += 1;
            let message = Some(order());
            if requests.send(v1::SendStreamRequest { message, sequence }).await.is_err() {
                return;
            }
        }
    });
    let mut answers = messages.send_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let mut answered = BTreeSet::new();
    while let Some(Ok(answer)) = timeout(PATIENCE, answers.next()).await.expect("the stream should end") {
        let Some(Answer::Accepted(accepted)) = answer.result else { continue };
        answered.insert(accepted.message_id);
        if answered.len() == 500 {
            enough.send(()).await.unwrap();
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_stream_is_answered_whatever_was_stored_when_the_gateway_stops() {
    for _ in 0..3 {
        let directory = GatewayDirectory::new(&sandbox()).await;
        let mut gateway = directory.start().await;
        gateway.upsert_contact(ana()).await;
        let (enough, mut reached) = mpsc::channel(1);
        let stop = async {
            reached.recv().await.unwrap();
            gateway.terminate().await;
        };
        let (answered, ()) = tokio::join!(stream(slow_client(&gateway, &gateway.brand_key), enough), stop);
        assert!(gateway.ended().await.success());
        let gateway = directory.start().await;
        let (stored, answered) = (gateway.all_ids().await, answered);
        let lost: Vec<_> = stored.symmetric_difference(&answered).collect();
        assert!(lost.is_empty(), "{} of {} were not answered", lost.len(), stored.len());
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_stream_is_answered_whatever_was_stored_when_its_key_is_revoked() {
    let directory = GatewayDirectory::new(&sandbox()).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for _ in 0..3 {
        let request = v1::CreateKeyRequest {
            brand: "acme".into(),
            scopes: vec![v1::Scope::Send.into()],
            label: "stream".into(),
        };
        let created = gateway.keys().create_key(request).await.unwrap().into_inner();
        let key_id = created.key.unwrap().key_id;
        let (enough, mut reached) = mpsc::channel(1);
        let revoke = async {
            reached.recv().await.unwrap();
            gateway.keys().revoke_key(v1::RevokeKeyRequest { key_id }).await.unwrap();
        };
        let before = gateway.all_ids().await;
        let (answered, ()) = tokio::join!(stream(slow_client(&gateway, &created.secret), enough), revoke);
        let stored: BTreeSet<_> = gateway.all_ids().await.difference(&before).cloned().collect();
        assert_eq!(stored, answered);
    }
    gateway.stop().await;
}
