//! Watching events.

use relevo::model::Message;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::Streaming;

use super::held::Held;
use super::*;

type Events = Streaming<v1::WatchMessagesResponse>;

async fn watch(
    gateway: &Gateway,
    key: &str,
    cursor: &str,
    message_ids: Vec<String>,
) -> Result<Events, Status> {
    let request = v1::WatchMessagesRequest { cursor: cursor.into(), message_ids };
    gateway.messages(key).watch_messages(request).await.map(tonic::Response::into_inner)
}

async fn accept(gateway: &Gateway, key: &str) -> String {
    gateway.messages(key).send(send(spec("hello"))).await.unwrap().into_inner().message_id
}

async fn next(events: &mut Events) -> v1::WatchMessagesResponse {
    events.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_between_catching_up_and_keeping_up() {
    const MESSAGES: usize = 500;
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    for _ in 0..50 {
        accept(&gateway, &key).await;
    }
    let mut events = watch(&gateway, &key, "0", vec![]).await.unwrap();
    // The rest is accepted while the watch catches up.
    let requests = (50..MESSAGES as u64)
        .map(|sequence| v1::SendStreamRequest { message: Some(spec("hello")), sequence });
    let mut messages = gateway.messages(&key);
    let sending = tokio::spawn(async move {
        let answers = messages.send_stream(futures_util::stream::iter(requests)).await.unwrap().into_inner();
        assert_eq!(answers.map(Result::unwrap).collect::<Vec<_>>().await.len(), MESSAGES - 50);
    });
    let mut seen = Vec::new();
    while seen.len() < MESSAGES {
        let event = next(&mut events).await;
        assert!(matches!(event.event.unwrap().detail, Some(v1::event::Detail::Accepted(_))));
        assert_eq!(event.contact_id, "ana");
        seen.push((event.cursor.parse::<u64>().unwrap(), event.message_id));
    }
    sending.await.unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "cursors only grow");
    let different: std::collections::HashSet<_> = seen.iter().map(|(_, id)| id).collect();
    assert_eq!(different.len(), MESSAGES);
}

#[tokio::test]
async fn an_event_at_the_moment_of_falling_asleep_is_told() {
    let (stores, held) = Held::stores();
    let gateway = Gateway::with(stores, ApiSettings::default()).await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    held.permits.add_permits(1);
    let id = accept(&gateway, &key).await.parse().unwrap();
    let first = gateway.stores.messages.message(&"acme".parse().unwrap(), id).await.unwrap().unwrap().message;
    let late = Message { id: gateway.clock.message_id(), ..first };
    held.accept_late(late.clone());
    let mut events = watch(&gateway, &key, "", vec![]).await.unwrap();
    let actual = timeout(PATIENCE, next(&mut events)).await.expect("the watch should not sleep");
    assert_eq!(actual.message_id, late.id.to_string());
}

#[tokio::test]
async fn a_watch_resumes_after_its_cursor() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let ids = [accept(&gateway, &key).await, accept(&gateway, &key).await, accept(&gateway, &key).await];
    let mut events = watch(&gateway, &key, "0", vec![]).await.unwrap();
    let first = next(&mut events).await;
    assert_eq!(first.message_id, ids[0]);
    drop(events);
    let mut events = watch(&gateway, &key, &first.cursor, vec![]).await.unwrap();
    assert_eq!(next(&mut events).await.message_id, ids[1]);
    assert_eq!(next(&mut events).await.message_id, ids[2]);
}

#[tokio::test]
async fn an_empty_cursor_starts_with_what_happens_from_now_on() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    accept(&gateway, &key).await;
    let mut events = watch(&gateway, &key, "", vec![]).await.unwrap();
    let second = accept(&gateway, &key).await;
    assert_eq!(next(&mut events).await.message_id, second);
}

#[tokio::test]
async fn a_watch_tells_only_of_the_brands_own_and_of_the_messages_named() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    gateway.ana(&globex).await;
    accept(&gateway, &globex).await;
    accept(&gateway, &acme).await;
    let wanted = accept(&gateway, &acme).await;
    let mut events = watch(&gateway, &acme, "0", vec![wanted.clone()]).await.unwrap();
    assert_eq!(next(&mut events).await.message_id, wanted);
    let mut of_globex = watch(&gateway, &globex, "0", vec![wanted]).await.unwrap();
    let mut all_of_globex = watch(&gateway, &globex, "0", vec![]).await.unwrap();
    next(&mut all_of_globex).await;
    let mine = accept(&gateway, &globex).await;
    assert_eq!(next(&mut all_of_globex).await.message_id, mine, "the messages of acme are passed over");
    gateway.stop.send(()).unwrap();
    let end = of_globex.next().await.unwrap();
    assert_eq!(
        code_and_reason(end),
        expected(Code::Unavailable, "STOPPING"),
        "naming another brand's message shows nothing"
    );
}

#[tokio::test]
async fn a_bad_cursor_is_refused() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let malformed = watch(&gateway, &key, "-1", vec!["x".into()]).await;
    insta::assert_snapshot!("bad_cursor", error_text(malformed, &[]));
    let ahead = watch(&gateway, &key, "17", vec![]).await;
    insta::assert_snapshot!("cursor_ahead", error_text(ahead, &[]));
}

#[tokio::test]
async fn a_key_has_only_so_many_watches_and_gets_them_back() {
    let settings = ApiSettings { max_watches_per_key: 2, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let (key, other) = (gateway.acme().await, gateway.acme().await);
    let providers =
        gateway.providers(&key).watch_providers(v1::WatchProvidersRequest::default()).await.unwrap();
    let first = watch(&gateway, &key, "", vec![]).await.unwrap();
    let third = watch(&gateway, &key, "", vec![]).await;
    insta::assert_snapshot!("too_many_watches", error_text(third, &[]));
    watch(&gateway, &other, "", vec![]).await.unwrap();
    drop((first, providers));
    // The place comes back once the server has seen the stream go, which takes a moment.
    while watch(&gateway, &key, "", vec![]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_brand_has_only_so_many_watches_however_many_keys_it_has() {
    let settings = ApiSettings { max_watches_per_brand: 3, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let key = gateway.acme().await;
        open.push(watch(&gateway, &key, "", vec![]).await.unwrap());
    }
    let key = gateway.acme().await;
    let refused = watch(&gateway, &key, "", vec![]).await;
    assert_eq!(code_and_reason(refused), expected(Code::ResourceExhausted, "TOO_MANY_STREAMS"));
    let other = gateway.globex().await;
    watch(&gateway, &other, "", vec![]).await.expect("another brand has its own");
    drop(open.pop());
    // The place comes back once the server has seen the stream go, which takes a moment.
    while watch(&gateway, &key, "", vec![]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_revoked_key_is_told_nothing_more() {
    let gateway = Gateway::start().await;
    let (key, other) = (gateway.acme().await, gateway.acme().await);
    gateway.ana(&key).await;
    let mut events = watch(&gateway, &key, "", vec![]).await.unwrap();
    gateway.stores.keys.revoke_key(&key_id(&key), START).await.unwrap();
    accept(&gateway, &other).await;
    assert_eq!(code_and_reason(events.next().await.unwrap()), expected(Code::Unauthenticated, "KEY_REVOKED"));
}
