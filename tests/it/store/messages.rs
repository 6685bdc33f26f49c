//! Messages, as callers see them.

use std::collections::HashSet;
use std::time::Duration;

use relevo::model::{
    History, Labels, Message, MessageEventDetail, MessageState, Reason, ReceiptStatus, WaitReason,
};
use relevo::store::{AcceptResult, AppendResult, JournalCursor, MessageFilter, Stores};

use super::sample::*;

pub async fn an_accepted_message_is_there_and_due(stores: &Stores) {
    let message = accept(stores, Message { send_at: at(60), ..keyed(0, "order-1") }).await;
    let stored = stores.messages.message(&acme(), message.id).await.unwrap().unwrap();
    assert_eq!(stored.history, History::accepted(at(0)));
    assert_eq!(stored.next_at, Some(at(60)));
    assert_eq!(stored.message, message);
    assert_eq!(claim(stores, 59, 10).await, []);
    assert_eq!(claim(stores, 60, 10).await, [message.id]);
}

pub async fn a_large_message_is_kept_whole(stores: &Stores) {
    let mut large = message(0);
    large.content.html = Some((0..100_000).map(|number| format!("{number},")).collect());
    let id = accept(stores, large.clone()).await.id;
    let small = accept(stores, message(1)).await;
    assert_eq!(get(stores, id).await.message, large);
    let page = stores.messages.messages(&acme(), &MessageFilter::default(), first_page(5)).await.unwrap();
    assert_eq!(page.items.into_iter().map(|stored| stored.message).collect::<Vec<_>>(), [small, large]);
    // Its history grows and is forgotten as any other.
    let explanation = "It is too early. ".repeat(2_000);
    let wait = MessageEventDetail::Waiting {
        until: at(1),
        why: WaitReason { reason: Reason::Backoff, explanation },
    };
    let stored = get(stores, id).await;
    assert_eq!(append(stores, &stored, vec![(1, wait)], Some(at(1))).await, AppendResult::Done);
    let stored = get(stores, id).await;
    assert_eq!(
        append(stores, &stored, vec![(2, finished(MessageState::Failed))], None).await,
        AppendResult::Done
    );
    assert_eq!(get(stores, id).await.history.version(), 3);
    assert_eq!(stores.work.purge(at(3), 10).await.unwrap(), 1);
    assert_eq!(stores.work.reload(&acme(), id).await.unwrap(), None);
}

pub async fn the_same_key_and_content_give_the_first_message(stores: &Stores) {
    let first = accept(stores, keyed(0, "order-1")).await;
    let again = keyed(1, "order-1");
    match stores.messages.accept(again.clone(), [1; 32]).await.unwrap() {
        AcceptResult::Duplicate(stored) => assert_eq!(stored.message, first),
        other => panic!("{other:?}"),
    }
    assert_eq!(stores.messages.message(&acme(), again.id).await.unwrap(), None);
    assert_eq!(claim(stores, 9, 10).await, [first.id]);
}

pub async fn the_same_key_and_other_content_conflict(stores: &Stores) {
    let first = accept(stores, keyed(0, "order-1")).await;
    let other = keyed(1, "order-1");
    let conflict = stores.messages.accept(other.clone(), [2; 32]).await.unwrap();
    assert_eq!(conflict, AcceptResult::Conflict(first.id));
    assert_eq!(stores.messages.message(&acme(), other.id).await.unwrap(), None);
    accept(stores, Message { brand: brand("other"), ..keyed(2, "order-1") }).await;
}

pub async fn a_message_is_found_by_the_key_it_was_accepted_with(stores: &Stores) {
    let find =
        |brand, key| async move { stores.messages.find_by_idempotency_key(&brand, key).await.unwrap() };
    let first = accept(stores, keyed(0, "order-1")).await;
    stores.messages.cancel(&acme(), first.id, "key", at(1)).await.unwrap().unwrap().unwrap();
    let (found, hash) = find(acme(), "order-1").await.unwrap();
    assert_eq!((found.message, found.history.state(), hash), (first, MessageState::Cancelled, [1; 32]));
    assert_eq!(find(acme(), "order").await, None);
    assert_eq!(find(acme(), "order-12").await, None);
    assert_eq!(find(brand("other"), "order-1").await, None);
    assert_eq!(stores.work.purge(at(2), 10).await.unwrap(), 1);
    assert_eq!(find(acme(), "order-1").await, None);
}

pub async fn of_many_accepts_with_one_key_exactly_one_is_new(stores: &Stores) {
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let messages = stores.messages.clone();
            tokio::spawn(async move { messages.accept(keyed(0, "order-1"), [1; 32]).await.unwrap() })
        })
        .collect();
    let mut firsts = HashSet::new();
    let mut new = 0;
    for task in tasks {
        match task.await.unwrap() {
            AcceptResult::New(_) => new += 1,
            AcceptResult::Duplicate(stored) => drop(firsts.insert(stored.message.id)),
            AcceptResult::Conflict(id) => panic!("conflict with {id}"),
        }
    }
    assert_eq!((new, firsts.len()), (1, 1));
    assert_eq!(claim(stores, 9, 100).await, Vec::from_iter(firsts));
}

pub async fn brands_do_not_see_each_other(stores: &Stores) {
    let message = accept(stores, message(0)).await;
    // One name begins like the other: keys must not run into each other.
    for other in ["acm", "acme-2", "zeta"] {
        let other = brand(other);
        assert_eq!(stores.messages.message(&other, message.id).await.unwrap(), None);
        let filter = MessageFilter::default();
        assert_eq!(stores.messages.messages(&other, &filter, first_page(10)).await.unwrap().items, []);
        assert_eq!(all_events(stores, &other).await, []);
        assert_eq!(stores.messages.cancel(&other, message.id, "key", at(1)).await.unwrap(), None);
    }
    assert_eq!(get(stores, message.id).await.history.state(), MessageState::Accepted);
}

async fn list(stores: &Stores, filter: &MessageFilter, size: usize) -> Vec<i64> {
    let brand = acme();
    let all = all_pages(size, |page| stores.messages.messages(&brand, filter, page)).await;
    all.iter().map(|stored| stored.message.accepted_at.as_second() - at(0).as_second()).collect()
}

pub async fn lists_are_newest_first_and_filtered(stores: &Stores) {
    let spring = Labels::from([("campaign".to_owned(), "spring".to_owned())]);
    for second in [1, 2, 3] {
        accept(stores, message(second)).await;
    }
    accept(stores, Message { contact: contact_id("bea"), labels: spring.clone(), ..message(4) }).await;
    let cancelled = accept(stores, message(5)).await;
    stores.messages.cancel(&acme(), cancelled.id, "key", at(6)).await.unwrap().unwrap().unwrap();

    let any = MessageFilter::default();
    assert_eq!(list(stores, &any, 2).await, [5, 4, 3, 2, 1]);
    let of_bea = MessageFilter { contact: Some(contact_id("bea")), ..any.clone() };
    assert_eq!(list(stores, &of_bea, 2).await, [4]);
    let of_be = MessageFilter { contact: Some(contact_id("be")), ..any.clone() };
    assert!(list(stores, &of_be, 2).await.is_empty());
    let window = MessageFilter { from: Some(at(2)), until: Some(at(4)), ..any.clone() };
    assert_eq!(list(stores, &window, 1).await, [3, 2]);
    let ended = MessageFilter { states: vec![MessageState::Cancelled, MessageState::Read], ..any.clone() };
    assert_eq!(list(stores, &ended, 2).await, [5]);
    let labelled = MessageFilter { labels: spring.clone(), ..any.clone() };
    assert_eq!(list(stores, &labelled, 2).await, [4]);
    let nothing = MessageFilter { labels: spring, contact: Some(contact_id("ana")), ..any };
    assert!(list(stores, &nothing, 2).await.is_empty());
}

pub async fn what_was_taken_and_never_confirmed_is_found(stores: &Stores) {
    let filter = MessageFilter { without_receipt: true, ..MessageFilter::default() };
    let receive = async |reference, status| {
        stores.inbound.record_receipt(report(reference, status), at(20)).await.unwrap();
    };
    accept(stores, message(1)).await;
    for (second, reference) in [(2, "silent"), (3, "handed-on"), (4, "delivered"), (5, "failed")] {
        accept_and_send(stores, message(second), second, reference).await;
    }
    receive("handed-on", ReceiptStatus::Sent).await;
    receive("delivered", ReceiptStatus::Delivered).await;
    receive("failed", ReceiptStatus::Failed).await;
    // One copy failed, and nothing is known of the other.
    let rescued = accept_and_send(stores, message(6), 6, "first").await;
    receive("first", ReceiptStatus::Failed).await;
    let rescued = get(stores, rescued.message.id).await;
    append(stores, &rescued, vec![(7, started(2)), (8, sent(2, "second"))], None).await;
    assert_eq!(list(stores, &filter, 2).await, [6, 3, 2]);
    let window = MessageFilter { until: Some(at(3)), ..filter.clone() };
    assert_eq!(list(stores, &window, 2).await, [2], "those that had their time");
    receive("second", ReceiptStatus::Read).await;
    receive("silent", ReceiptStatus::Delivered).await;
    assert_eq!(list(stores, &filter, 2).await, [3]);
}

pub async fn pages_hold_everything_once(stores: &Stores) {
    // All in the same millisecond: only their ids tell them apart.
    for _ in 0..25 {
        accept(stores, message(0)).await;
    }
    let brand = acme();
    let filter = MessageFilter::default();
    for size in [1, 7, 25, 100] {
        let all = all_pages(size, |page| stores.messages.messages(&brand, &filter, page)).await;
        let ids: Vec<_> = all.iter().map(|stored| stored.message.id).collect();
        assert_eq!(ids.len(), 25, "pages of {size}");
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "pages of {size}");
    }
    // A made-up place to go on from stays within the brand.
    for after in [vec![], vec![0], vec![255; 40]] {
        let page = relevo::store::PageRequest { size: 100, after: Some(after) };
        assert!(stores.messages.messages(&brand, &filter, page).await.unwrap().items.len() <= 25);
    }
}

pub async fn a_filter_that_finds_little_gives_short_pages(stores: &Stores) {
    let rare = Labels::from([("rare".to_owned(), "yes".to_owned())]);
    accept(stores, Message { labels: rare.clone(), ..message(0) }).await;
    let accepts = (1..=1_500).map(|second| accept(stores, message(second)));
    futures_util::future::join_all(accepts).await;
    let filter = MessageFilter { labels: rare, ..MessageFilter::default() };
    let page = stores.messages.messages(&acme(), &filter, first_page(10)).await.unwrap();
    assert_eq!(page.items, []);
    assert!(page.next.is_some(), "it looked at everything at once");
    assert_eq!(list(stores, &filter, 10).await, [0]);
}

pub async fn cancelling_ends_what_is_not_sent(stores: &Stores) {
    let message = accept(stores, message(0)).await;
    let stored = stores.messages.cancel(&acme(), message.id, "key-1", at(1)).await.unwrap().unwrap().unwrap();
    assert_eq!(stored.history.state(), MessageState::Cancelled);
    assert_eq!(stored.next_at, None);
    assert_eq!(get(stores, message.id).await, stored);
    assert_eq!(claim(stores, 9, 10).await, []);
    let again = stores.messages.cancel(&acme(), message.id, "key-1", at(2)).await.unwrap();
    assert_eq!(again, Some(Err(MessageState::Cancelled)));
}

pub async fn cancelling_waits_for_a_call_in_flight(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    let stored = get(stores, id).await;
    assert_eq!(append(stores, &stored, vec![(1, started(1))], Some(at(0))).await, AppendResult::Done);
    let asked = stores.messages.cancel(&acme(), id, "key-1", at(2)).await.unwrap().unwrap().unwrap();
    assert_eq!(asked.history.state(), MessageState::Sending);
    assert!(asked.history.cancel_requested());
    assert_eq!(asked.next_at, Some(at(0)));
    // Asking again changes nothing.
    let again = stores.messages.cancel(&acme(), id, "key-1", at(3)).await.unwrap().unwrap().unwrap();
    assert_eq!(again, asked);
}

pub async fn events_come_in_order_and_once(stores: &Stores) {
    let one = accept(stores, message(0)).await;
    let two = accept(stores, Message { brand: brand("other"), ..message(1) }).await;
    let three = accept(stores, Message { contact: contact_id("bea"), ..message(2) }).await;
    stores.messages.cancel(&acme(), one.id, "key", at(3)).await.unwrap().unwrap().unwrap();

    let last = stores.messages.last_cursor().await.unwrap();
    let all = all_events(stores, &acme()).await;
    assert_eq!(all.last().unwrap().cursor, last);
    assert!(all.iter().all(|event| !event.cursor.is_beyond(&last)));
    assert!(all.iter().all(|logged| of_message(logged).0 != two.id));
    let states: Vec<_> =
        all.iter().map(|logged| (of_message(logged).0, of_message(logged).1.state)).collect();
    let expected = [
        (one.id, MessageState::Accepted),
        (three.id, MessageState::Accepted),
        (one.id, MessageState::Accepted),
        (one.id, MessageState::Cancelled),
    ];
    assert_eq!(states, expected);
    assert_eq!(all[1].contact, contact_id("bea"));
    assert!(matches!(of_message(&all[2]).1.detail, MessageEventDetail::CancelRequested { .. }));

    let mut cursor = JournalCursor::OLDEST;
    let mut one_by_one = Vec::new();
    while let Some(next) = stores.messages.events(&acme(), &cursor, 1).await.unwrap().events.pop() {
        cursor = next.cursor.clone();
        one_by_one.push(next);
    }
    assert_eq!(one_by_one, all);
    assert_eq!(stores.messages.events(&acme(), &last, 10).await.unwrap().events, []);
}

pub async fn the_key_of_cursors_is_made_once(stores: &Stores) {
    accept(stores, message(0)).await;
    let first = stores.messages.cursor_key([1; 32]).await.unwrap();
    accept(stores, message(1)).await;
    let second = stores.messages.cursor_key([2; 32]).await.unwrap();
    assert_eq!((first.secret, second.secret), ([1; 32], [1; 32]));
    assert_eq!((first.last_plain, second.last_plain), (1, 1), "the events from before the key");
}

pub async fn the_event_signal_comes_with_the_event(stores: &Stores) {
    let mut signal = stores.messages.event_signal(&acme());
    let other = stores.messages.event_signal(&brand("globex"));
    let messages = stores.messages.clone();
    let watcher = tokio::spawn(async move {
        signal.changed().await.unwrap();
        messages.events(&acme(), &JournalCursor::OLDEST, 10).await.unwrap().events
    });
    accept(stores, message(0)).await;
    let seen = tokio::time::timeout(Duration::from_secs(30), watcher).await.unwrap().unwrap();
    assert_eq!(seen.len(), 1);
    assert!(!other.has_changed().unwrap(), "another brand's watchers sleep on");
}

pub async fn ids_ascend_when_the_clock_is_set_back(stores: &Stores) {
    let first = accept(stores, message(100)).await;
    let second = accept(stores, message(40)).await;
    assert!(second.id > first.id);
    let stored = get(stores, second.id).await;
    assert_eq!((&stored.message, stored.next_at), (&second, Some(at(40))));
    assert_eq!(stored.history, History::accepted(at(100)), "it was accepted after the first");
    assert_eq!(claim(stores, 40, 10).await, [second.id], "and is due when it was to be");
}

pub async fn a_content_that_many_share_is_read_back_for_each(stores: &Stores) {
    let offer = |brand: &str| {
        let mut message = Message { brand: super::sample::brand(brand), ..message(0) };
        message.content.text = Some("Half price on everything with laces. ".repeat(200));
        message
    };
    let mut all = Vec::new();
    for brand in ["acme", "acme", "other", "acme", "other", "other"] {
        all.push(accept(stores, offer(brand)).await);
    }
    for message in all {
        let stored = stores.messages.message(&message.brand, message.id).await.unwrap().unwrap();
        assert_eq!(stored.message, message);
    }
}

pub async fn messages_of_a_contact_are_found_among_many(stores: &Stores) {
    let mut of_bea = Vec::new();
    for round in 0..4 {
        of_bea.push(accept(stores, Message { contact: contact_id("bea"), ..message(round) }).await.id);
        futures_util::future::join_all((0..700).map(|_| accept(stores, message(round)))).await;
    }
    of_bea.reverse();
    let filter = MessageFilter { contact: Some(contact_id("bea")), ..MessageFilter::default() };
    let brand = acme();
    for size in [1, 10] {
        let all = all_pages(size, |page| stores.messages.messages(&brand, &filter, page)).await;
        assert_eq!(all.iter().map(|stored| stored.message.id).collect::<Vec<_>>(), of_bea);
    }
    let window = MessageFilter { from: Some(at(1)), until: Some(at(3)), ..filter };
    let page = stores.messages.messages(&brand, &window, first_page(10)).await.unwrap();
    assert_eq!(page.items.iter().map(|stored| stored.message.id).collect::<Vec<_>>(), of_bea[1..3]);
}
