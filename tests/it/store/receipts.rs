//! Receipts: in any order, early, late or twice.

use relevo::model::{
    AttemptRef, Message, MessageClass, MessageEventDetail, MessageId, MessageState, Objection, ReceiptReport,
    ReceiptStatus, ReferenceForms, SuppressionReason,
};
use relevo::store::{AppendResult, LiftResult, ReceiptResult, Stores};

use super::queue::waiting;
use super::sample::*;

fn echo(message: MessageId, attempt: u32) -> Option<AttemptRef> {
    Some(AttemptRef { brand: acme(), message, attempt })
}

async fn receive(stores: &Stores, report: ReceiptReport, now: i64) -> ReceiptResult {
    stores.inbound.record_receipt(report, at(now)).await.unwrap().result
}

pub async fn a_receipt_finds_its_message_by_reference(stores: &Stores) {
    let stored = accept_and_send(stores, message(0), 1, "ref-1").await;
    let id = stored.message.id;
    assert_eq!(receive(stores, report("ref-1", ReceiptStatus::Delivered), 9).await, ReceiptResult::Added(id));
    let after = get(stores, id).await;
    assert_eq!((after.history.state(), after.next_at), (MessageState::Delivered, None));
    let last = after.history.events().last().unwrap();
    assert!(
        matches!(&last.detail, MessageEventDetail::Receipt(receipt) if receipt.attempt == 1 && receipt.reported_at == at(5))
    );
    assert_eq!(last.at, at(9));
    // The same reference of another provider is another reference.
    let other =
        ReceiptReport { provider: "mail-us".parse().unwrap(), ..report("ref-1", ReceiptStatus::Read) };
    assert_eq!(receive(stores, other, 9).await, ReceiptResult::Parked);
}

/// Only the first receipt that tells what became of an attempt says when that was taken.
pub async fn the_first_word_on_an_attempt_says_when_it_was_taken(stores: &Stores) {
    let first_word =
        async |report, now| stores.inbound.record_receipt(report, at(now)).await.unwrap().first_word_on;
    accept_and_send(stores, message(0), 3, "ref-1").await;
    for (status, expected) in [
        (ReceiptStatus::Sent, None),
        (ReceiptStatus::Delivered, Some(at(3))),
        (ReceiptStatus::Delivered, None),
        (ReceiptStatus::Read, None),
    ] {
        assert_eq!(first_word(report("ref-1", status), 9).await, expected, "{status:?}");
    }
    accept_and_send(stores, message(10), 11, "ref-2").await;
    assert_eq!(first_word(report("ref-2", ReceiptStatus::Failed), 19).await, Some(at(11)));
    // Before the answer: of an attempt that is known, and of one that is not.
    let id = accept(stores, message(20)).await.id;
    let stored = get(stores, id).await;
    append(stores, &stored, vec![(20, started(1))], None).await;
    let early = ReceiptReport { echo: echo(id, 1), ..report("ref-3", ReceiptStatus::Delivered) };
    assert_eq!(first_word(early, 21).await, Some(at(21)));
    assert_eq!(first_word(report("ref-4", ReceiptStatus::Sent), 22).await, None);
    assert_eq!(first_word(report("ref-4", ReceiptStatus::Delivered), 22).await, Some(at(22)));
    // Nobody knows that this one was taken.
    let id = accept(stores, message(30)).await.id;
    let stored = get(stores, id).await;
    append(stores, &stored, vec![(31, started(1)), (32, unknown(1))], None).await;
    let named = ReceiptReport { echo: echo(id, 1), ..report("", ReceiptStatus::Delivered) };
    assert_eq!(first_word(named, 33).await, None);
}

pub async fn a_second_receipt_of_the_same_kind_is_known(stores: &Stores) {
    let id = accept_and_send(stores, message(0), 1, "ref-1").await.message.id;
    for (status, expected) in [
        (ReceiptStatus::Read, ReceiptResult::Added(id)),
        (ReceiptStatus::Read, ReceiptResult::Duplicate(id)),
        (ReceiptStatus::Delivered, ReceiptResult::Added(id)),
        (ReceiptStatus::Delivered, ReceiptResult::Duplicate(id)),
    ] {
        assert_eq!(receive(stores, report("ref-1", status), 9).await, expected);
        assert_eq!(get(stores, id).await.history.state(), MessageState::Read);
    }
    assert_eq!(get(stores, id).await.history.version(), 5);
}

pub async fn an_early_receipt_waits_for_its_reference(stores: &Stores) {
    let complaint =
        ReceiptReport { objection: Some(Objection::Complaint), ..report("ref-1", ReceiptStatus::Delivered) };
    for _ in 0..3 {
        assert_eq!(receive(stores, complaint.clone(), 1).await, ReceiptResult::Parked);
    }
    assert_eq!(receive(stores, report("ref-1", ReceiptStatus::Sent), 1).await, ReceiptResult::Parked);
    assert_eq!(receive(stores, report("", ReceiptStatus::Read), 1).await, ReceiptResult::Parked);
    let stored = accept_and_send(stores, message(0), 2, "ref-1").await;
    assert_eq!(stored.history.state(), MessageState::Delivered);
    assert_eq!(stored.history.version(), 5, "accepted, started, sent, and each receipt once");
    let way = stored.history.attempts()[0].way.clone();
    let (reasons, lift) = ([SuppressionReason::Complaint], lift(60));
    let lifted =
        stores.consents.lift_suppressions(&acme(), way.channel, &way.address, &reasons, lift).await.unwrap();
    let is_lifted = matches!(lifted, LiftResult::Lifted { .. });
    assert!(is_lifted, "what a receipt says of the address holds when it was early, too: {lifted:?}");
    let again = receive(stores, report("ref-1", ReceiptStatus::Delivered), 3).await;
    assert_eq!(again, ReceiptResult::Duplicate(stored.message.id));
    // What was taken in is not taken in again by another message.
    let second = accept_and_send(stores, message(4), 4, "ref-2").await;
    assert_eq!(second.history.state(), MessageState::Sent);
}

pub async fn a_failed_receipt_makes_the_message_due(stores: &Stores) {
    let id = accept_and_send(stores, message(0), 1, "ref-1").await.message.id;
    assert_eq!(receive(stores, report("ref-1", ReceiptStatus::Failed), 9).await, ReceiptResult::Added(id));
    let after = get(stores, id).await;
    assert_eq!((after.history.state(), after.next_at), (MessageState::Waiting, Some(at(9))));
    assert_eq!(claim(stores, 9, 1).await, [id]);
    // So does one that was parked.
    receive(stores, report("ref-2", ReceiptStatus::Failed), 10).await;
    let early = accept_and_send(stores, message(11), 12, "ref-2").await;
    assert_eq!((early.history.state(), early.next_at), (MessageState::Waiting, Some(at(12))));
}

pub async fn a_late_receipt_leaves_a_finished_message_alone(stores: &Stores) {
    let stored = accept_and_send(stores, message(0), 1, "ref-1").await;
    let id = stored.message.id;
    receive(stores, report("ref-1", ReceiptStatus::Sent), 9).await;
    assert_eq!(get(stores, id).await.next_at, None);
    // A message that is watched is looked at again at once.
    let stored = get(stores, id).await;
    assert_eq!(append(stores, &stored, Vec::new(), Some(at(500))).await, AppendResult::Done);
    receive(stores, report("ref-1", ReceiptStatus::Delivered), 10).await;
    assert_eq!(get(stores, id).await.next_at, Some(at(10)));
}

pub async fn a_receipt_may_name_its_attempt(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    let stored = get(stores, id).await;
    append(stores, &stored, vec![(1, started(1))], Some(at(0))).await;
    let named = |status| ReceiptReport { echo: echo(id, 1), ..report("lost", status) };
    assert_eq!(receive(stores, named(ReceiptStatus::Delivered), 9).await, ReceiptResult::Added(id));
    assert_eq!(receive(stores, named(ReceiptStatus::Delivered), 9).await, ReceiptResult::Duplicate(id));
    assert_eq!(get(stores, id).await.history.state(), MessageState::Delivered);
    // A provider cannot speak of what another one was given.
    let other = ReceiptReport { provider: "mail-us".parse().unwrap(), ..named(ReceiptStatus::Read) };
    assert_eq!(receive(stores, other, 9).await, ReceiptResult::Parked);
    let unknown = ReceiptReport { echo: echo(id, 7), ..report("", ReceiptStatus::Read) };
    assert_eq!(receive(stores, unknown, 9).await, ReceiptResult::Parked);
}

/// Of two attempts that are one call to the provider, the receipt is for the one that is known to have been taken.
pub async fn a_reference_says_more_than_the_attempt_named(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    let stored = get(stores, id).await;
    let events = vec![(1, started(1)), (2, unknown(1)), (3, started(2)), (4, sent(2, "ref-1"))];
    append(stores, &stored, events, None).await;
    let failed = ReceiptReport { echo: echo(id, 1), ..report("ref-1", ReceiptStatus::Failed) };
    assert_eq!(receive(stores, failed, 9).await, ReceiptResult::Added(id));
    let after = get(stores, id).await;
    let receipts: Vec<_> = after.history.attempts().iter().map(|attempt| attempt.receipt).collect();
    assert_eq!(receipts, [None, Some(ReceiptStatus::Failed)]);
}

/// A provider that took the first of two calls that are one may answer the second without a reference: it names the first
/// attempt in its reports, which are then about the attempt that is known to have been taken.
pub async fn a_report_on_a_repeated_call_is_of_the_attempt_that_was_taken(stores: &Stores) {
    let id = accept(stores, message(0)).await.id;
    let stored = get(stores, id).await;
    let events = vec![(1, started(1)), (2, unknown(1)), (3, started(2)), (4, sent(2, ""))];
    append(stores, &stored, events, None).await;
    let failed = ReceiptReport { echo: echo(id, 1), ..report("ref-of-its-own", ReceiptStatus::Failed) };
    assert_eq!(receive(stores, failed, 9).await, ReceiptResult::Added(id));
    let after = get(stores, id).await;
    let receipts: Vec<_> = after.history.attempts().iter().map(|attempt| attempt.receipt).collect();
    assert_eq!(receipts, [None, Some(ReceiptStatus::Failed)]);
    assert_eq!(
        (after.history.state(), after.next_at),
        (MessageState::Waiting, Some(at(9))),
        "it is tried on"
    );
}

/// Whatever a message in doubt waits for, a receipt that says that it was sent is the end of the doubt.
pub async fn what_a_receipt_settles_leaves_the_backlog_and_is_looked_at_at_once(stores: &Stores) {
    for (second, class, status, state) in [
        (0, MessageClass::Commercial, ReceiptStatus::Sent, MessageState::Sent),
        (1, MessageClass::Commercial, ReceiptStatus::Delivered, MessageState::Delivered),
        (2, MessageClass::Transactional, ReceiptStatus::Read, MessageState::Read),
    ] {
        let id = accept(stores, Message { class, ..message(second) }).await.id;
        let stored = get(stores, id).await;
        let events = vec![(second, started(1)), (second, unknown(1)), (second, waiting(600))];
        append(stores, &stored, events, Some(at(600))).await;
        assert_eq!(stores.work.backlog(100).await.unwrap().groups.len(), 1);
        assert_eq!(claim(stores, 9, 1).await, [], "it waits");
        let told = ReceiptReport { echo: echo(id, 1), ..report("lost", status) };
        assert_eq!(receive(stores, told, 10).await, ReceiptResult::Added(id));
        assert_eq!(get(stores, id).await.history.state(), state);
        assert_eq!(stores.work.backlog(100).await.unwrap().groups, []);
        assert_eq!(claim(stores, 10, 1).await, [id], "dispatch looks at it at once");
        // And has nothing to do with it any more.
        append(stores, &get(stores, id).await, Vec::new(), None).await;
        stores.work.release(id).await;
        assert_eq!((claim(stores, 10_000, 9).await, get(stores, id).await.next_at), (vec![], None));
    }
}

pub async fn a_receipt_during_a_claim_makes_the_append_stale(stores: &Stores) {
    let stored = accept_and_send(stores, message(0), 1, "ref-1").await;
    let id = stored.message.id;
    append(stores, &stored, Vec::new(), Some(at(2))).await;
    assert_eq!(claim(stores, 2, 1).await, [id]);
    let read = get(stores, id).await;
    receive(stores, report("ref-1", ReceiptStatus::Failed), 3).await;
    assert_eq!(
        append(stores, &read, vec![(4, finished(MessageState::Failed))], None).await,
        AppendResult::Stale
    );
    assert_eq!(claim(stores, 5, 1).await, [], "it is still claimed");
    stores.work.release(id).await;
    assert_eq!(claim(stores, 5, 1).await, [id]);
}

/// Accepts a message and sends it to this mailbox of example.com. Returns its id.
async fn send_to(stores: &Stores, mailbox: &str, seconds: i64, reference: &str) -> MessageId {
    let id = accept(stores, message(seconds)).await.id;
    let stored = get(stores, id).await;
    let MessageEventDetail::AttemptStarted { attempt, mut way } = started(1) else { panic!() };
    way.address = email(&format!("{mailbox}@example.com"));
    let started = MessageEventDetail::AttemptStarted { attempt, way };
    let steps = vec![(seconds, started), (seconds, sent(1, reference))];
    assert_eq!(append(stores, &stored, steps, None).await, AppendResult::Done);
    id
}

async fn state(stores: &Stores, id: MessageId) -> MessageState {
    get(stores, id).await.history.state()
}

/// That a message to this mailbox was delivered.
fn naming(mailbox: &str, reference: &str) -> ReceiptReport {
    let addresses = vec![email(&format!("{mailbox}@example.com"))];
    ReceiptReport { addresses, ..report(reference, ReceiptStatus::Delivered) }
}

pub async fn a_reference_that_was_given_twice_is_settled_by_the_address(stores: &Stores) {
    let first = send_to(stores, "ana", 1, "7").await;
    let second = send_to(stores, "eva", 2, "7").await;
    assert_eq!(receive(stores, naming("ana", "7"), 3).await, ReceiptResult::AnotherAddress);
    assert_eq!(state(stores, second).await, MessageState::Sent);
    assert_eq!(receive(stores, naming("EVA", "7"), 4).await, ReceiptResult::Added(second));
    let unnamed = report("7", ReceiptStatus::Read);
    assert_eq!(receive(stores, unnamed, 5).await, ReceiptResult::Added(second));
    assert_eq!(state(stores, first).await, MessageState::Sent);
    // What it echoes is our own word: mail that was forwarded fails at another address.
    let forwarded = ReceiptReport { echo: echo(first, 1), ..naming("ana.maria", "7") };
    assert_eq!(receive(stores, forwarded, 6).await, ReceiptResult::Added(first));
}

pub async fn an_early_receipt_waits_for_its_address(stores: &Stores) {
    assert_eq!(receive(stores, naming("ana", "7"), 1).await, ReceiptResult::Parked);
    assert_eq!(receive(stores, naming("eva", "7"), 2).await, ReceiptResult::Parked);
    let other = send_to(stores, "ana", 3, "7").await;
    assert_eq!(state(stores, other).await, MessageState::Sent, "the later one is kept");
    let meant = send_to(stores, "eva", 4, "7").await;
    assert_eq!(state(stores, meant).await, MessageState::Delivered);
}

fn read_as(readings: &[&str], report: ReceiptReport) -> ReceiptReport {
    let readings = readings.iter().map(|&reading| reading.to_owned()).collect();
    ReceiptReport { forms: ReferenceForms { readings, ..ReferenceForms::default() }, ..report }
}

pub async fn another_reading_counts_only_for_the_very_address(stores: &Stores) {
    let read_as = |report| read_as(&["abc00", "7353480"], report);
    let id = send_to(stores, "eva", 1, "abc00").await;
    for unproven in [naming("ana", "703488"), report("703488", ReceiptStatus::Delivered)] {
        assert_eq!(receive(stores, read_as(unproven), 2).await, ReceiptResult::Parked);
        assert_eq!(state(stores, id).await, MessageState::Sent);
    }
    assert_eq!(receive(stores, read_as(naming("eva", "703488")), 3).await, ReceiptResult::Added(id));
    // Of two messages to one address, nobody can tell which it is.
    let other = send_to(stores, "eva", 4, "7353480").await;
    let read = ReceiptReport { status: ReceiptStatus::Read, ..naming("eva", "703488") };
    assert_eq!(receive(stores, read_as(read), 5).await, ReceiptResult::Parked);
    // As it stands it goes before any reading.
    let plain = send_to(stores, "eva", 6, "703488").await;
    assert_eq!(state(stores, plain).await, MessageState::Read);
    let sent = ReceiptReport { status: ReceiptStatus::Sent, ..naming("eva", "703488") };
    assert_eq!(receive(stores, read_as(sent), 7).await, ReceiptResult::Added(plain));
    assert_eq!(state(stores, other).await, MessageState::Sent);
}

pub async fn an_early_receipt_waits_for_each_of_its_readings_once(stores: &Stores) {
    receive(stores, read_as(&["abc01", "7353481"], naming("eva", "703489")), 1).await;
    let other = send_to(stores, "ana", 2, "abc01").await;
    let meant = send_to(stores, "eva", 3, "7353481").await;
    let late = send_to(stores, "eva", 4, "703489").await;
    let states = [state(stores, other).await, state(stores, meant).await, state(stores, late).await];
    assert_eq!(states, [MessageState::Sent, MessageState::Delivered, MessageState::Sent]);
    // Without a reference of its own it waits for none.
    receive(stores, read_as(&["abc02"], naming("eva", "")), 5).await;
    let unproven = send_to(stores, "eva", 6, "abc02").await;
    assert_eq!(state(stores, unproven).await, MessageState::Sent);
}

/// References were once kept as they came.
pub async fn another_spelling_is_as_good_as_the_reference(stores: &Stores) {
    let id = send_to(stores, "eva", 1, "0ABC").await;
    let forms = ReferenceForms { spellings: vec!["0ABC".to_owned()], ..ReferenceForms::default() };
    let spelled = ReceiptReport { forms, ..report("abc", ReceiptStatus::Delivered) };
    assert_eq!(receive(stores, spelled, 2).await, ReceiptResult::Added(id));
}
