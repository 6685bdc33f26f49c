//! Messages, as dispatch sees them.

use std::collections::HashSet;
use std::time::Duration;

use relevo::model::{
    Backlog, BacklogGroup, Channel, Message, MessageClass, MessageEventDetail, MessageId, MessageState,
    Moment, Reason, WaitReason,
};
use relevo::store::{AppendResult, ClaimRequest, DueHold, StoredMessage, Stores};

use super::sample::*;

pub fn waiting(until: i64) -> MessageEventDetail {
    let why = WaitReason { reason: Reason::Backoff, explanation: "It is too early.".to_owned() };
    MessageEventDetail::Waiting { until: at(until), why }
}

pub async fn what_is_due_is_claimed_oldest_first_and_once(stores: &Stores) {
    let mut ids = Vec::new();
    for second in [2, 0, 1] {
        ids.push((second, accept(stores, message(second)).await.id));
    }
    accept(stores, message(100)).await;
    ids.sort();
    let ids: Vec<_> = ids.into_iter().map(|(_, id)| id).collect();
    assert_eq!(claim(stores, 50, 2).await, ids[..2]);
    assert_eq!(claim(stores, 50, 2).await, ids[2..]);
    assert_eq!(claim(stores, 50, 2).await, []);
}

pub async fn no_brand_stands_behind_the_backlog_of_another(stores: &Stores) {
    // Of the campaign some are as they were accepted, and some wait again.
    let mut campaign = HashSet::new();
    for number in 0..40 {
        let id = accept(stores, message(0)).await.id;
        campaign.insert(id);
        if number % 2 == 0 {
            let stored = get(stores, id).await;
            append(stores, &stored, vec![(1, waiting(2))], Some(at(2))).await;
        }
    }
    let mut others = Vec::new();
    for (number, name) in ["globex", "hooli"].into_iter().enumerate() {
        others.push(accept(stores, Message { brand: brand(name), ..message(3 + number as i64) }).await.id);
    }
    let claimed = claim(stores, 10, 6).await;
    assert_eq!(
        claimed.iter().filter(|id| campaign.contains(id)).count(),
        4,
        "what the others leave is the campaign's"
    );
    assert!(others.iter().all(|id| claimed.contains(id)), "{claimed:?}");

    for name in ["globex", "globex", "hooli", "hooli"] {
        accept(stores, Message { brand: brand(name), ..message(5) }).await;
    }
    let mut turns = Vec::new();
    for _ in 0..6 {
        let claims = stores.work.claim(due(10, 1)).await.unwrap();
        turns.extend(claims.messages.iter().map(|stored| stored.message.brand.to_string()));
    }
    turns.sort();
    assert_eq!(turns, ["acme", "acme", "globex", "globex", "hooli", "hooli"], "each brand has a turn");
}

pub async fn a_message_somebody_waits_for_passes_a_campaign_that_still_gets_its_share(stores: &Stores) {
    let commercial = |second| Message { class: MessageClass::Commercial, ..message(second) };
    let mut campaign = Vec::new();
    for second in 0..16 {
        campaign.push(accept(stores, commercial(second)).await.id);
    }
    let urgent = accept(stores, message(20)).await.id;
    assert_eq!(claim(stores, 30, 2).await, [urgent, campaign[0]]);
    for second in 20..40 {
        accept(stores, message(second)).await;
    }
    let claimed = claim(stores, 50, 8).await;
    assert_eq!(claimed[7..], [campaign[1]], "an eighth is left to the campaign");
}

pub async fn a_claim_ends_with_its_lease(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    assert_eq!(claim(stores, 0, 1).await, [id]);
    assert_eq!(claim(stores, 29, 1).await, []);
    assert_eq!(claim(stores, 30, 1).await, [id]);
    assert_eq!(claim(stores, 31, 1).await, []);
}

pub async fn a_released_claim_is_due_at_its_own_time(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    assert_eq!(claim(stores, 0, 1).await, [id]);
    let before = get(stores, id).await;
    stores.work.release(id).await;
    assert_eq!(get(stores, id).await, before);
    assert_eq!(claim(stores, 0, 1).await, [id]);
    // Releasing what is not claimed does nothing.
    stores.work.release(message(9).id).await;
}

pub async fn an_append_moves_the_message_and_keeps_the_claim(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    assert_eq!(claim(stores, 0, 1).await, [id]);
    let stored = get(stores, id).await;
    assert_eq!(append(stores, &stored, vec![(1, waiting(5))], Some(at(5))).await, AppendResult::Done);
    let after = get(stores, id).await;
    assert_eq!((after.next_at, after.history.state()), (Some(at(5)), MessageState::Waiting));
    assert_eq!(claim(stores, 10, 1).await, [], "the claim lasts");
    stores.work.release(id).await;
    assert_eq!(claim(stores, 4, 1).await, [], "the old time is gone");
    assert_eq!(claim(stores, 5, 1).await, [id]);
    let end = vec![(6, finished(MessageState::Failed))];
    assert_eq!(append(stores, &after, end, None).await, AppendResult::Done);
    stores.work.release(id).await;
    assert_eq!(claim(stores, 1_000, 1).await, [], "it is over");
}

pub async fn an_append_to_an_old_version_is_stale(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    let stored = get(stores, id).await;
    assert_eq!(append(stores, &stored, vec![(1, started(1))], Some(at(0))).await, AppendResult::Done);
    let before = get(stores, id).await;
    assert_eq!(append(stores, &stored, vec![(1, started(1))], None).await, AppendResult::Stale);
    assert_eq!(get(stores, id).await, before);
    let unknown = StoredMessage { message: message(0), ..stored };
    assert_eq!(append(stores, &unknown, Vec::new(), None).await, AppendResult::Stale);
    assert_eq!(stores.work.reload(&acme(), unknown.message.id).await.unwrap(), None);
}

pub async fn of_many_appends_to_one_version_exactly_one_is_done(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    let stored = get(stores, id).await;
    let appends = (0..32).map(|second| append(stores, &stored, vec![(second, started(1))], Some(at(0))));
    let results = futures_util::future::join_all(appends).await;
    assert_eq!(results.iter().filter(|result| **result == AppendResult::Done).count(), 1);
    assert_eq!(get(stores, id).await.history.version(), 2);
}

fn held(accepted_until: i64, due_before: i64) -> Option<DueHold> {
    Some(DueHold { accepted_until: at(accepted_until), due_before: at(due_before) })
}

async fn claim_but(stores: &Stores, hold: Option<DueHold>, now: i64) -> (Vec<MessageId>, Option<u64>) {
    let claims = stores.work.claim(ClaimRequest { hold, ..due(now, 10) }).await.unwrap();
    (claims.messages.iter().map(|stored| stored.message.id).collect(), claims.wait.map(|wait| wait.as_secs()))
}

pub async fn what_is_held_is_not_claimed_until_it_is_held_no_more(stores: &Stores) {
    const NOW: i64 = 1_000;
    let scheduled = Message { send_at: at(NOW + 20), ..message(0) };
    let commercial = Message { class: MessageClass::Commercial, ..message(0) };
    let (waiting, later) = (accept(stores, message(0)).await, accept(stores, scheduled).await);
    let (failed, campaign) = (accept(stores, message(0)).await, accept(stores, commercial).await);
    let stored = get(stores, failed.id).await;
    append(stores, &stored, vec![(1, started(1))], Some(at(2))).await;
    let hold = held(500, NOW);
    assert_eq!(claim_but(stores, hold, NOW).await, (Vec::new(), Some(20)));
    let new = accept(stores, message(NOW)).await;
    assert_eq!(claim_but(stores, hold, NOW + 30).await.0, [new.id], "what came due meanwhile is held too");
    // Neither is the loop that claims told to look again and again.
    assert_eq!(claim_but(stores, hold, NOW + 31).await, (Vec::new(), Some(29)));
    let mut claimed = claim_but(stores, None, NOW + 32).await.0;
    claimed.sort();
    let mut all = vec![waiting.id, later.id, failed.id, campaign.id];
    all.sort();
    assert_eq!(claimed, all);
}

pub async fn what_is_ready_in_memory_is_held_too(stores: &Stores) {
    claim(stores, 0, 1).await;
    let ready = accept(stores, message(0)).await;
    let hold = held(500, 1_000);
    assert_eq!(claim_but(stores, hold, 1_000).await, (Vec::new(), None));
    assert_eq!(claim_but(stores, None, 1_001).await.0, [ready.id]);
}

pub async fn the_wait_for_what_is_due_next_is_told(stores: &Stores) {
    let wait = async |now| stores.work.claim(due(now, 1)).await.unwrap().wait.map(|wait| wait.as_secs());
    assert_eq!(wait(0).await, None);
    accept(stores, message(100)).await;
    assert_eq!(wait(0).await, Some(100));
    let first = accept(stores, message(10)).await;
    accept(stores, message(11)).await;
    // One is claimed; the other is due already.
    assert_eq!(wait(20).await, Some(0));
    // Both are claimed, the first until 50.
    assert_eq!(wait(21).await, Some(29));
    stores.work.release(first.id).await;
    assert_eq!(stores.work.claim(due(22, 0)).await.unwrap().wait, Some(Duration::ZERO));
}

pub async fn a_calendar_that_is_set_neither_ends_a_claim_nor_makes_it_last(stores: &Stores) {
    let first = accept(stores, message(0)).await.id;
    let at_both = |calendar, monotonic| ClaimRequest {
        now: Moment { calendar: at(calendar), monotonic: moment(monotonic).monotonic },
        ..due(0, 1)
    };
    let claim = async |calendar, monotonic| {
        let claims = stores.work.claim(at_both(calendar, monotonic)).await.unwrap();
        (claims.messages.iter().map(|stored| stored.message.id).collect::<Vec<_>>(), claims.wait)
    };
    assert_eq!(claim(10_000, 0).await.0, [first]);
    let lease_left = |elapsed| Some(LEASE - Duration::from_secs(elapsed));
    assert_eq!(claim(90_000, 1).await, (Vec::new(), lease_left(1)), "set forward");
    assert_eq!(claim(1_000, 2).await, (Vec::new(), lease_left(2)), "set back");
    let end = i64::try_from(LEASE.as_secs()).unwrap();
    assert_eq!(claim(1_000, end).await.0, [first], "the lease has ended");
}

pub async fn the_backlog_is_what_is_neither_sent_nor_ended(stores: &Stores) {
    let of_shoes = |message: Message| Message {
        topic: "shoes".parse().unwrap(),
        channels: vec![Channel::Sms],
        unserved: vec![Channel::Email],
        ..message
    };
    let of_globex = |message: Message| Message { brand: "globex".parse().unwrap(), ..message };
    let commercial = |message: Message| Message { class: MessageClass::Commercial, ..message };
    for second in [0, 5, 3_600] {
        accept(stores, message(second)).await;
        accept(stores, commercial(of_globex(message(second)))).await;
    }
    for (events, next_at) in [
        (vec![(1, waiting(9))], Some(at(9))),
        (vec![(1, started(1))], Some(at(9))),
        // It has a time at which its receipt is missed.
        (vec![(1, started(1)), (2, sent(1, "reference"))], Some(at(9))),
        (vec![(1, finished(MessageState::Failed))], None),
    ] {
        let stored = get(stores, accept(stores, of_shoes(message(0))).await.id).await;
        append(stores, &stored, events, next_at).await;
    }
    let first = message(0);
    let group = |brand: &str, message: Message| BacklogGroup {
        brand: brand.parse().unwrap(),
        topic: message.topic,
        channels: message.channels,
        unserved: message.unserved,
    };
    let of_acme = [(group("acme", first.clone()), 3), (group("acme", of_shoes(first.clone())), 1)];
    let of_globex = (group("globex", first), 3);
    let mut groups: Vec<_> = of_acme.into_iter().chain([of_globex.clone()]).collect();
    groups.sort();
    assert_eq!(stores.work.backlog(100).await.unwrap(), Backlog { groups, is_whole: true });
    let part = stores.work.backlog(1).await.unwrap();
    let has_part = |(group, count): &(BacklogGroup, u64)| *group == of_globex.0 && *count < of_globex.1;
    assert!(!part.is_whole && part.groups.iter().any(has_part), "{part:?}");
    // A claim takes nothing out of it.
    claim(stores, 10, 100).await;
    assert_eq!(stores.work.backlog(100).await.unwrap().groups.len(), 3);
}

pub async fn concurrent_claims_share_nothing(stores: &Stores) {
    for _ in 0..100 {
        accept(stores, message(0)).await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let stores = stores.clone();
            tokio::spawn(async move { claim(&stores, 1, 20).await })
        })
        .collect();
    let mut seen = HashSet::new();
    for task in tasks {
        for id in task.await.unwrap() {
            assert!(seen.insert(id), "claimed twice");
        }
    }
    assert_eq!(seen.len(), 100);
}

pub async fn the_work_signal_comes_with_the_work(stores: &Stores) {
    let mut signal = stores.work.work_signal();
    let watcher = stores.clone();
    let claimed = tokio::spawn(async move {
        signal.changed().await.unwrap();
        claim(&watcher, 0, 1).await
    });
    let id = accept(stores, message(0)).await.id;
    let seen = tokio::time::timeout(Duration::from_secs(30), claimed).await.unwrap().unwrap();
    assert_eq!(seen, [id]);
    // A released message is work again.
    let mut signal = stores.work.work_signal();
    stores.work.release(id).await;
    assert!(signal.has_changed().unwrap());
    signal.mark_unchanged();
    assert!(!signal.has_changed().unwrap());
}

pub async fn a_cancel_between_reading_and_appending_is_seen(stores: &Stores) {
    let id =
        accept(stores, Message { class: relevo::model::MessageClass::Commercial, ..message(0) }).await.id;
    assert_eq!(claim(stores, 0, 1).await, [id]);
    let stored = get(stores, id).await;
    stores.messages.cancel(&acme(), id, "key", at(1)).await.unwrap().unwrap().unwrap();
    assert_eq!(append(stores, &stored, vec![(2, started(1))], Some(at(0))).await, AppendResult::Stale);
    assert_eq!(get(stores, id).await.history.state(), MessageState::Cancelled);
    stores.work.release(id).await;
    assert_eq!(claim(stores, 100, 1).await, []);
}

pub async fn a_backlog_larger_than_memory_is_claimed_whole_and_once(stores: &Stores) {
    // The first look at the disk finds nothing, so what comes then is handed over in memory, as far as there is room.
    assert_eq!(claim(stores, 0, 10).await, []);
    let mut accepted = Vec::new();
    for number in 0..100 {
        let class = if number % 3 == 0 { MessageClass::Commercial } else { MessageClass::Transactional };
        let mut message = Message { class, ..message(number / 10) };
        message.content.text = Some(format!("{number}").repeat(200));
        accepted.push(accept(stores, message).await.id);
    }
    let mut claimed = Vec::new();
    for _ in 0..100 {
        claimed.extend(claim(stores, 20, 7).await);
    }
    claimed.sort();
    assert_eq!(claimed, accepted);
    // What was given back without a step is there again, and only that.
    let given_back = [accepted[3], accepted[50], accepted[51]];
    for id in given_back {
        stores.work.release(id).await;
    }
    let mut again = claim(stores, 20, 10).await;
    again.sort();
    assert_eq!(again, given_back);
}
