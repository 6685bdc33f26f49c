//! Forgetting what is over.

use relevo::model::{Message, MessageEventDetail, MessageState, Reason, ReceiptStatus, WaitReason};
use relevo::store::{AcceptResult, AppendResult, JournalEvent, MessageFilter, ReceiptResult, Stores};

use super::sample::*;

pub async fn a_purged_message_leaves_nothing_behind(stores: &Stores) {
    let old = accept_and_send(stores, keyed(0, "order-1"), 10, "ref-1").await.message;
    let kept = accept_and_send(stores, keyed(0, "order-2"), 20, "ref-2").await.message;
    assert_eq!(stores.work.purge(at(10), 100).await.unwrap(), 0);
    assert_eq!(stores.work.purge(at(11), 100).await.unwrap(), 1);

    assert_eq!(stores.work.reload(&acme(), old.id).await.unwrap(), None);
    assert_eq!(stores.messages.message(&acme(), old.id).await.unwrap(), None);
    let of_ana = MessageFilter { contact: Some(contact_id("ana")), ..MessageFilter::default() };
    for filter in [MessageFilter::default(), of_ana] {
        let page = stores.messages.messages(&acme(), &filter, first_page(10)).await.unwrap();
        assert_eq!(page.items.iter().map(|stored| stored.message.id).collect::<Vec<_>>(), [kept.id]);
    }
    let events = all_events(stores, &acme()).await;
    assert!(events.len() == 3 && events.iter().all(|logged| of_message(logged).0 == kept.id));
    let again = keyed(30, "order-1");
    let again = stores.messages.accept(again, [9; 32]).await.unwrap();
    assert!(matches!(again, AcceptResult::New(_)), "{again:?}");
    let receipt = report("ref-1", ReceiptStatus::Delivered);
    assert_eq!(stores.inbound.record_receipt(receipt, at(31)).await.unwrap().result, ReceiptResult::Parked);
    let receipt = report("ref-2", ReceiptStatus::Delivered);
    assert_eq!(
        stores.inbound.record_receipt(receipt, at(31)).await.unwrap().result,
        ReceiptResult::Added(kept.id)
    );
    // The receipt was news of the message: it is over since then.
    assert_eq!(stores.work.purge(at(31), 100).await.unwrap(), 0);
}

pub async fn a_message_that_is_not_over_stays(stores: &Stores) {
    let due = accept(stores, message(0)).await;
    let watched = accept_and_send(stores, message(0), 1, "ref-1").await;
    append(stores, &watched, Vec::new(), Some(at(50))).await;
    assert_eq!(stores.work.purge(at(1_000), 100).await.unwrap(), 0);
    assert_eq!(get(stores, due.id).await.history.state(), MessageState::Accepted);
    assert_eq!(get(stores, watched.message.id).await.history.state(), MessageState::Sent);
}

pub async fn a_purge_is_bounded(stores: &Stores) {
    for index in 0..5 {
        accept_and_send(stores, message(index), index, &format!("ref-{index}")).await;
    }
    let purge = async || stores.work.purge(at(100), 2).await.unwrap();
    assert_eq!([purge().await, purge().await, purge().await, purge().await], [2, 2, 1, 0]);
}

pub async fn parked_receipts_are_purged(stores: &Stores) {
    let early = report("ref-1", ReceiptStatus::Delivered);
    stores.inbound.record_receipt(early, at(1)).await.unwrap();
    assert_eq!(stores.work.purge(at(1), 100).await.unwrap(), 0);
    assert_eq!(stores.work.purge(at(2), 100).await.unwrap(), 1);
    assert_eq!(stores.work.purge(at(2), 100).await.unwrap(), 0);
    let stored = accept_and_send(stores, message(3), 4, "ref-1").await;
    assert_eq!(stored.history.state(), MessageState::Sent);
}

pub async fn a_message_that_stays_keeps_its_history(stores: &Stores) {
    let kept = accept(stores, message(0)).await.id;
    let wait = MessageEventDetail::Waiting {
        until: at(900),
        why: WaitReason { reason: Reason::Backoff, explanation: String::new() },
    };
    let before = get(stores, kept).await;
    assert_eq!(append(stores, &before, vec![(1, wait)], Some(at(900))).await, AppendResult::Done);
    accept_and_send(stores, message(2), 3, "ref-1").await;
    let before = get(stores, kept).await;
    assert_eq!(stores.work.purge(at(50), 100).await.unwrap(), 1);
    assert_eq!(all_events(stores, &acme()).await, [], "its events are old too");
    assert_eq!(get(stores, kept).await, before);
    // It goes on from there, and is forgotten when it is over.
    assert_eq!(
        append(stores, &before, vec![(60, finished(MessageState::Failed))], None).await,
        AppendResult::Done
    );
    let after = get(stores, kept).await;
    assert_eq!((after.history.version(), after.history.state()), (3, MessageState::Failed));
    assert_eq!(all_events(stores, &acme()).await.len(), 1);
    assert_eq!(stores.work.purge(at(100), 100).await.unwrap(), 1);
    assert_eq!(stores.work.reload(&acme(), kept).await.unwrap(), None);
}

pub async fn a_shared_content_lasts_as_long_as_its_last_message(stores: &Stores) {
    let mut offer = message(0);
    offer.content.text = Some("Half price on everything with laces. ".repeat(10));
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(accept(stores, Message { id: message(0).id, ..offer.clone() }).await.id);
    }
    for (second, id) in ids.iter().enumerate() {
        let stored = get(stores, *id).await;
        assert_eq!(stored.message.content, offer.content);
        let end = vec![(second as i64, finished(MessageState::Failed))];
        assert_eq!(append(stores, &stored, end, None).await, AppendResult::Done);
        assert_eq!(stores.work.purge(at(second as i64 + 1), 100).await.unwrap(), 1);
    }
}

pub async fn whoever_resumes_before_what_was_purged_learns_of_it(stores: &Stores) {
    let first = accept(stores, message(0)).await;
    let old = accept_and_send(stores, message(1), 2, "ref-1").await.message;
    let other = accept(stores, Message { brand: brand("other"), ..message(3) }).await;
    accept(stores, message(50)).await;
    let (events, cursor_of) =
        (all_events(stores, &acme()).await, |event: &JournalEvent| event.cursor.clone());
    let newest = events.iter().rfind(|event| of_message(event).0 == old.id).map(cursor_of).unwrap();
    let (start, end) = (cursor_of(&events[0]), cursor_of(events.last().unwrap()));
    assert_eq!(forgotten_after(stores, &start).await, None, "nothing was purged");

    // The record of the journal stays, because other events are in it.
    assert_eq!(stores.work.purge(at(10), 100).await.unwrap(), 1);
    let batch = stores.messages.events(&acme(), &start, 10).await.unwrap();
    assert_eq!(
        (batch.forgotten.as_ref(), &batch.events),
        (Some(&newest), &events[events.len() - 1..].to_vec())
    );
    assert_eq!(forgotten_after(stores, &cursor_of(&events[1])).await.as_ref(), Some(&newest));
    for cursor in [&newest, &end] {
        assert_eq!(forgotten_after(stores, cursor).await, None, "all after it are kept");
    }
    // The record goes, though its messages are not over.
    assert_eq!(stores.work.purge(at(60), 100).await.unwrap(), 0);
    assert_eq!(get(stores, first.id).await.message.id, first.id);
    assert_eq!(forgotten_after(stores, &newest).await.as_ref(), Some(&end));
    assert_eq!(forgotten_after(stores, &end).await, None);
    assert_eq!(all_events(stores, &acme()).await, []);
    let of_other = stores.messages.events(&other.brand, &start, 10).await.unwrap();
    assert_eq!(of_other.forgotten.is_some(), of_other.events.is_empty(), "each brand has its own");
}
