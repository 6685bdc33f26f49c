//! Watching events.

use relevo::model::{Message, MessageId};
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
    timeout(PATIENCE, events.next()).await.expect("an answer").unwrap().unwrap()
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
        seen.push((event.cursor, event.message_id));
    }
    sending.await.unwrap();
    let cursors: std::collections::HashSet<_> = seen.iter().map(|(cursor, _)| cursor).collect();
    assert_eq!(cursors.len(), MESSAGES);
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
    // A store that was put back to before the event, with the same key.
    gateway.ana(&key).await;
    accept(&gateway, &key).await;
    let cursor = first_cursor(&gateway, &key).await;
    let before = Gateway::start().await;
    let ahead = watch(&before, &before.acme().await, &cursor, vec![]).await;
    insta::assert_snapshot!("cursor_ahead", error_text(ahead, &[]));
}

/// The cursor of the oldest event kept.
async fn first_cursor(gateway: &Gateway, key: &str) -> String {
    next(&mut watch(gateway, key, "0", vec![]).await.unwrap()).await.cursor
}

#[tokio::test]
async fn cursors_show_nothing_of_what_other_brands_send() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    gateway.ana(&globex).await;
    accept(&gateway, &acme).await;
    for _ in 0..300 {
        accept(&gateway, &globex).await;
    }
    accept(&gateway, &acme).await;
    let mut events = watch(&gateway, &acme, "0", vec![]).await.unwrap();
    let cursors = [next(&mut events).await.cursor, next(&mut events).await.cursor];
    let refused = expected(Code::InvalidArgument, "INVALID_FIELDS");
    let of_globex = first_cursor(&gateway, &globex).await;
    for cursor in cursors.iter().chain([&of_globex]) {
        assert_eq!(cursor.len(), 50, "as long after one event as after 300");
        assert!(cursor.parse::<u64>().is_err());
    }
    assert_eq!(cursors[0], first_cursor(&gateway, &acme).await, "an event keeps its cursor");
    // The second event of acme is the 302nd of all: trying numbers does not tell.
    for number in [1, 2, 302, 303] {
        let tried = watch(&gateway, &acme, &number.to_string(), vec![]).await;
        assert_eq!(code_and_reason(tried), refused, "{number}");
    }
    let others = watch(&gateway, &acme, &of_globex, vec![]).await;
    insta::assert_snapshot!("cursor_of_another_brand", error_text(others, &[]));
    let place = if cursors[0].starts_with("AA") { "AB" } else { "AA" };
    let forged = [place, &cursors[0][2..]].concat();
    for cursor in [&forged, &cursors[0][..49], &"A".repeat(50), &"A".repeat(1 << 20)] {
        let answer = watch(&gateway, &acme, cursor, vec![]).await;
        assert_eq!(code_and_reason(answer), refused);
    }
}

#[tokio::test]
async fn a_number_from_before_cursors_were_sealed_resumes() {
    let stores = Stores::memory();
    let mut ids = Vec::new();
    for second in 0..3 {
        ids.push(crate::store::sample::accept(&stores, crate::store::sample::message(second)).await.id);
    }
    let gateway = Gateway::with(stores, ApiSettings::default()).await;
    let key = gateway.acme().await;
    let mut events = watch(&gateway, &key, "2", vec![]).await.unwrap();
    assert_eq!(next(&mut events).await.message_id, ids[2].to_string());
    gateway.ana(&key).await;
    accept(&gateway, &key).await;
    let newer = watch(&gateway, &key, "4", vec![]).await;
    assert_eq!(code_and_reason(newer), expected(Code::InvalidArgument, "INVALID_FIELDS"));
}

/// Accepts a message that is over at once.
async fn accept_and_cancel(gateway: &Gateway, key: &str) -> String {
    let message_id = accept(gateway, key).await;
    let request = v1::CancelMessageRequest { message_id: message_id.clone() };
    gateway.messages(key).cancel_message(request).await.unwrap();
    message_id
}

#[tokio::test]
async fn a_watch_that_missed_events_is_told_first() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let purge = async || gateway.stores.work.purge(START + Duration::from_secs(3_600), 100).await.unwrap();
    let kept = accept(&gateway, &key).await;
    let first = first_cursor(&gateway, &key).await;
    accept_and_cancel(&gateway, &key).await;
    let newer = accept(&gateway, &key).await;
    let mut events = watch(&gateway, &key, &first, vec![newer.clone()]).await.unwrap();
    let newest = next(&mut events).await;
    assert_eq!((&newest.message_id, &newest.gap), (&newer, &None), "nothing is missing");

    // The journal is dropped too: its events are as old.
    assert_eq!(purge().await, 1);
    let last = accept(&gateway, &key).await;
    let of_last = first_cursor(&gateway, &key).await;
    for only in [vec![], vec![last.clone()]] {
        let mut events = watch(&gateway, &key, &first, only).await.unwrap();
        let told = next(&mut events).await;
        let gap = v1::WatchGap { oldest_cursor: of_last.clone() };
        let expected =
            v1::WatchMessagesResponse { cursor: first.clone(), gap: Some(gap), ..Default::default() };
        assert_eq!(told, expected);
        assert_eq!(next(&mut events).await.message_id, last, "once, and then what is kept");
    }
    for whole in ["0", &newest.cursor] {
        let mut events = watch(&gateway, &key, whole, vec![]).await.unwrap();
        assert_eq!(next(&mut events).await.message_id, last, "{kept} is not missed");
    }
}

#[tokio::test]
async fn a_gap_in_which_many_events_are_kept_is_told_once() {
    const KEPT: usize = 250;
    let gateway = Gateway::start().await;
    let (key, acme) = (gateway.acme().await, "acme".parse().unwrap());
    gateway.ana(&key).await;
    accept(&gateway, &key).await;
    let first = first_cursor(&gateway, &key).await;
    let over = accept(&gateway, &key).await;
    // What is accepted later, with all after it, keeps the journal from being dropped.
    let hour = START + Duration::from_secs(3_600);
    let late = MessageId::new(hour.as_millisecond().unsigned_abs(), &[7; 10]);
    let stored = gateway.stores.messages.message(&acme, over.parse().unwrap()).await.unwrap().unwrap();
    gateway.stores.messages.accept(Message { id: late, ..stored.message }, [0; 32]).await.unwrap();
    for _ in 0..KEPT {
        accept(&gateway, &key).await;
    }
    let request = v1::CancelMessageRequest { message_id: over };
    gateway.messages(&key).cancel_message(request).await.unwrap();
    assert_eq!(gateway.stores.work.purge(hour, 100).await.unwrap(), 1);

    let mut events = watch(&gateway, &key, &first, vec![]).await.unwrap();
    assert!(next(&mut events).await.gap.is_some());
    assert_eq!(next(&mut events).await.message_id, late.to_string());
    for _ in 0..KEPT {
        assert_eq!(next(&mut events).await.gap, None);
    }
}

#[tokio::test]
async fn a_gap_after_which_nothing_is_kept_is_told_once() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    accept(&gateway, &key).await;
    let first = first_cursor(&gateway, &key).await;
    accept_and_cancel(&gateway, &key).await;
    gateway.stores.work.purge(START + Duration::from_secs(3_600), 100).await.unwrap();
    let mut events = watch(&gateway, &key, &first, vec![]).await.unwrap();
    let told = next(&mut events).await;
    assert_eq!(told.gap, Some(v1::WatchGap::default()));
    let mut resumed = watch(&gateway, &key, &told.cursor, vec![]).await.unwrap();
    let last = accept(&gateway, &key).await;
    for events in [&mut events, &mut resumed] {
        assert_eq!(next(events).await.message_id, last);
    }
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
