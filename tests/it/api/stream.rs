//! Many messages on one stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use v1::send_stream_response::Result as Answer;

use super::held::Held;
use super::*;

fn item(sequence: u64, message: v1::MessageSpec) -> v1::SendStreamRequest {
    v1::SendStreamRequest { message: Some(message), sequence }
}

#[tokio::test]
async fn answers_come_in_order_and_a_bad_message_does_not_end_the_stream() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let unknown = Some(v1::message_spec::Recipient::ContactId("nobody".into()));
    let requests = (0..300).map(move |sequence| match sequence % 3 {
        0 => item(sequence, spec("hello")),
        1 => item(sequence, v1::MessageSpec { topic: "Bad Topic".into(), ..spec("hello") }),
        _ => item(sequence, v1::MessageSpec { recipient: unknown.clone(), ..spec("hello") }),
    });
    let answers = gateway.messages(&key).send_stream(stream::iter(requests)).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(Result::unwrap).collect().await;
    assert_eq!(
        answers.iter().map(|answer| answer.sequence).collect::<Vec<_>>(),
        (0..300).collect::<Vec<_>>()
    );
    for answer in answers {
        match (answer.sequence % 3, answer.result.unwrap()) {
            (0, Answer::Accepted(accepted)) => assert!(!accepted.duplicate),
            (1, Answer::Error(error)) => {
                assert_eq!(error.code, Code::InvalidArgument as i32);
                assert_eq!(error.fields[0].field, "message.topic");
            }
            (2, Answer::Error(error)) => {
                assert_eq!((error.code, error.fields.len()), (Code::NotFound as i32, 0));
                assert!(error.message.contains("UpsertContact"), "{}", error.message);
            }
            (_, other) => panic!("{} got {other:?}", answer.sequence),
        }
    }
    let listed = v1::ListMessagesRequest { page_size: 1_000, ..v1::ListMessagesRequest::default() };
    let listed = gateway.messages(&key).list_messages(listed).await.unwrap().into_inner();
    assert_eq!(listed.messages.len(), 100, "what got an error was not stored");
}

#[tokio::test]
async fn a_fast_caller_is_slowed_down_to_the_pace_of_the_disk() {
    const MESSAGES: usize = 200;
    let (stores, held) = Held::stores();
    let settings = ApiSettings { stream_window: 4, ..ApiSettings::default() };
    let gateway = Gateway::with(stores, settings).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let asked = Arc::new(AtomicUsize::new(0));
    // Large enough that few of them fill the buffers of the connection.
    let requests = stream::iter((0..MESSAGES as u64).map({
        let asked = Arc::clone(&asked);
        move |sequence| {
            asked.fetch_add(1, Ordering::SeqCst);
            let (text, html) = ("x".into(), "x".repeat(60_000));
            let content = v1::Content { text, html, ..v1::Content::default() };
            item(sequence, v1::MessageSpec { content: Some(content), ..spec("") })
        }
    }));
    let mut answers = gateway.messages(&key).send_stream(requests).await.unwrap().into_inner();
    held.until_begun(4).await;
    let mut ahead = 0;
    for answered in 0..MESSAGES {
        held.permits.add_permits(1);
        answers.next().await.unwrap().unwrap();
        ahead = ahead.max(asked.load(Ordering::SeqCst) - answered);
    }
    assert!(answers.next().await.is_none());
    assert_eq!(held.most.load(Ordering::SeqCst), 4, "the window is used whole and never passed");
    assert!(ahead < 40, "the caller was {ahead} messages ahead");
}

#[tokio::test]
async fn the_window_also_bounds_bytes() {
    let (stores, held) = Held::stores();
    let settings = ApiSettings {
        max_message_bytes: 2_000_000,
        stream_window_bytes: 2_000_000,
        ..ApiSettings::default()
    };
    let gateway = Gateway::with(stores, settings).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let html = v1::Content { html: "x".repeat(500_000), text: "x".into(), ..v1::Content::default() };
    let large = move |sequence| item(sequence, v1::MessageSpec { content: Some(html.clone()), ..spec("") });
    let mut answers =
        gateway.messages(&key).send_stream(stream::iter((0..20).map(large))).await.unwrap().into_inner();
    held.until_begun(3).await;
    for _ in 0..20 {
        held.permits.add_permits(1);
        answers.next().await.unwrap().unwrap();
    }
    assert_eq!(held.most.load(Ordering::SeqCst), 3, "a fourth would pass two million bytes");
}

#[tokio::test]
async fn a_revoked_key_ends_its_stream() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let (requests, receiver) = mpsc::channel(1);
    let mut messages = gateway.messages(&key);
    let mut answers = messages.send_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    requests.send(item(1, spec("hello"))).await.unwrap();
    assert!(matches!(answers.next().await.unwrap().unwrap().result, Some(Answer::Accepted(_))));
    gateway.stores.keys.revoke_key(&key_id(&key), START).await.unwrap();
    requests.send(item(2, spec("hello"))).await.unwrap();
    assert_eq!(
        code_and_reason(answers.next().await.unwrap()),
        expected(Code::Unauthenticated, "KEY_REVOKED")
    );
}

#[tokio::test]
async fn a_key_has_only_so_many_streams() {
    let settings = ApiSettings { max_send_streams_per_key: 1, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let (key, other) = (gateway.acme().await, gateway.acme().await);
    let first = gateway.messages(&key).send_stream(stream::pending()).await.unwrap();
    let second = gateway.messages(&key).send_stream(stream::pending()).await;
    assert_eq!(code_and_reason(second.map(drop)), expected(Code::ResourceExhausted, "TOO_MANY_STREAMS"));
    gateway.messages(&other).send_stream(stream::pending()).await.unwrap();
    drop(first);
}
