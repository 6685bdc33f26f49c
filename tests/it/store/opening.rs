//! Opening, closing and being killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use relevo::model::{
    ControlMode, Message, MessageId, MessageState, ProviderControl, ProviderControlChange, ReceiptStatus,
};
use relevo::store::{AcceptResult, ReceiptResult, StoreError};

use super::sample::*;

#[tokio::test]
async fn whoever_depends_on_the_writer_learns_that_it_has_ended() {
    use futures_util::FutureExt;

    let disk = Disk::new();
    let handle = disk.open();
    let mut ended = handle.writer_ended().boxed();
    assert_eq!((&mut ended).now_or_never(), None, "it is at work");
    handle.close().await.unwrap();
    ended.await;
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let disk = Disk::new();
    let handle = disk.open();
    let stores = &handle.stores;
    let waiting = accept(stores, keyed(7, "order-1")).await;
    let sent = accept_and_send(stores, message(1), 2, "ref-1").await;
    stores.inbound.record_receipt(report("ref-9", ReceiptStatus::Read), at(3)).await.unwrap();
    create(stores, &acme(), "ana", &[email("ana@example.com")]).await;
    let control = ProviderControl {
        mode: ControlMode::Draining,
        reason: "maintenance".to_owned(),
        actor: "key".to_owned(),
        updated_at: at(4),
        expire_at: None,
    };
    let change = ProviderControlChange { provider: provider(), control };
    stores.controls.set_control(change.clone()).await.unwrap();
    assert_eq!(claim(stores, 8, 10).await, [waiting.id]);
    let cursor = stores.messages.last_cursor().await.unwrap();
    let cursor_key = stores.messages.cursor_key([1; 32]).await.unwrap().secret;
    let events = all_events(stores, &acme()).await;
    handle.close().await.unwrap();

    let handle = disk.open();
    let stores = &handle.stores;
    assert_eq!(stores.messages.last_cursor().await.unwrap(), cursor);
    assert_eq!(stores.messages.cursor_key([2; 32]).await.unwrap().secret, cursor_key);
    assert_eq!(all_events(stores, &acme()).await, events);
    assert_eq!(get(stores, sent.message.id).await, sent);
    // Whoever had claimed it is gone.
    assert_eq!(claim(stores, 8, 10).await, [waiting.id]);
    let again = stores.messages.accept(keyed(9, "order-1"), [2; 32]).await.unwrap();
    assert_eq!(again, AcceptResult::Conflict(waiting.id));
    let receipt = report("ref-1", ReceiptStatus::Delivered);
    assert_eq!(
        stores.inbound.record_receipt(receipt, at(9)).await.unwrap().result,
        ReceiptResult::Added(sent.message.id)
    );
    let parked = accept_and_send(stores, message(10), 11, "ref-9").await;
    assert_eq!(parked.history.state(), MessageState::Read);
    assert!(stores.contacts.find_by_address(&acme(), &email("ana@example.com")).await.unwrap().is_some());
    assert_eq!(stores.controls.controls().await.unwrap(), [change]);
    handle.close().await.unwrap();
}

/// How many packs have a record of states, read from the files of a closed store.
fn kept_states(disk: &Disk) -> usize {
    std::fs::remove_file(disk.path().join("SEAL")).unwrap();
    let db = sled::open(disk.path().join("sled")).unwrap();
    db.scan_prefix(b"\x02acme\0").count()
}

#[tokio::test]
async fn messages_that_wait_for_the_first_time_take_no_record_of_states() {
    let disk = Disk::new();
    let handle = disk.open();
    let later = |second| Message { send_at: at(second), ..message(0) };
    let mut waiting = Vec::new();
    for second in [60, 60, 60, 70] {
        waiting.push(accept(&handle.stores, later(second)).await);
    }
    handle.close().await.unwrap();
    assert_eq!(kept_states(&disk), 0);

    // The first of a pack that ends leaves the others where they are, and one that comes after it joins them.
    let handle = disk.open();
    handle.stores.messages.cancel(&acme(), waiting[0].id, "key", at(1)).await.unwrap().unwrap().unwrap();
    handle.close().await.unwrap();
    let handle = disk.open();
    assert_eq!(claim(&handle.stores, 60, 10).await, [waiting[1].id, waiting[2].id]);
    waiting.push(accept(&handle.stores, later(60)).await);
    // Too late for their pack.
    waiting.push(accept(&handle.stores, Message { send_at: at(60), ..message(30) }).await);
    handle.close().await.unwrap();
    assert_eq!(kept_states(&disk), 1);
    let handle = disk.open();
    let due = [1, 2, 4, 5].map(|index: usize| waiting[index].id);
    assert_eq!(claim(&handle.stores, 60, 10).await, due);
    for id in due {
        let stored = get(&handle.stores, id).await;
        append(&handle.stores, &stored, vec![(61, finished(MessageState::Failed))], None).await;
        handle.stores.work.release(id).await;
    }
    handle.close().await.unwrap();
    let handle = disk.open();
    assert_eq!(claim(&handle.stores, 69, 10).await, []);
    assert_eq!(claim(&handle.stores, 70, 10).await, [waiting[3].id]);
    handle.close().await.unwrap();
}

#[tokio::test]
async fn concurrent_accepts_share_a_flush() {
    let disk = Disk::new();
    let handle = disk.open();
    let accepts = (0..1_000).map(|second| accept(&handle.stores, message(second)));
    futures_util::future::join_all(accepts).await;
    handle.close().await.unwrap();
    // The mark counts the groups, in two slots of which the larger is the last.
    let mark = std::fs::read(disk.path().join("MARK")).unwrap();
    let slot = |at: usize| u64::from_be_bytes(mark[at..at + 8].try_into().unwrap());
    let groups = slot(0).max(slot(16));
    assert!((1..=250).contains(&groups), "{groups} flushes for 1,000 messages");
}

#[tokio::test]
async fn nothing_is_answered_after_closing() {
    let disk = Disk::new();
    let handle = disk.open();
    let stores = handle.stores.clone();
    handle.close().await.unwrap();
    let refused = stores.messages.accept(message(0), [1; 32]).await;
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
    let refused = stores.work.claim(due(0, 1)).await;
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_second_handle_is_refused_at_once() {
    let disk = Disk::new();
    let handle = disk.open();
    let before = snapshot(&disk.path());
    assert!(matches!(disk.try_open(), Err(StoreError::Locked { .. })));
    assert_eq!(snapshot(&disk.path()), before);
    handle.close().await.unwrap();
    disk.open().close().await.unwrap();
}

#[tokio::test]
async fn a_store_of_a_newer_build_is_refused_untouched() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    std::fs::write(disk.path().join("FORMAT"), "relevo store 7\n").unwrap();
    let before = snapshot(&disk.path());
    match disk.try_open() {
        Err(StoreError::Newer { found: 7, supported: 6, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
    assert_eq!(snapshot(&disk.path()), before);
}

#[tokio::test]
async fn a_store_of_an_older_build_is_read_and_from_then_on_refused_by_that_build() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    let format = disk.path().join("FORMAT");
    std::fs::write(&format, "relevo store 2\n").unwrap();
    disk.open().close().await.unwrap();
    assert_eq!(std::fs::read_to_string(&format).unwrap(), "relevo store 6\n");
}

/// The other process of the tests below: opens the store in `RELEVO_TEST_STORE`, accepts messages until it is killed,
/// and prints the id of each once it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other process of a test"]
async fn other_process() {
    let Ok(path) = std::env::var("RELEVO_TEST_STORE") else { return };
    let handle = relevo::store::embedded::sled::open(path.as_ref(), options()).unwrap();
    let accepts = (0..4).map(|_| {
        let stores = handle.stores.clone();
        tokio::spawn(async move {
            loop {
                let id = accept(&stores, random_message()).await.id;
                println!("accepted {id}");
            }
        })
    });
    futures_util::future::join_all(accepts).await;
}

/// A message whose id no other process has.
pub fn random_message() -> relevo::model::Message {
    let clock = relevo::clock::Clock::system().unwrap();
    relevo::model::Message { id: clock.message_id(), ..message(0) }
}

/// The other process, killed when dropped.
struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn start(disk: &Disk) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::opening::other_process", "--ignored", "--nocapture"])
            .env("RELEVO_TEST_STORE", disk.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for that many acknowledged messages.
    fn acknowledged(&mut self, count: usize) -> Vec<MessageId> {
        self.lines.by_ref().filter_map(|line| read_id(&line.unwrap())).take(count).collect()
    }

    /// Kills it at once (SIGKILL), and returns what it had acknowledged until then.
    fn kill(mut self) -> Vec<MessageId> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The last line may be cut off in the middle.
        self.lines.by_ref().map_while(Result::ok).filter_map(|line| read_id(&line)).collect()
    }
}

fn read_id(line: &str) -> Option<MessageId> {
    line.rsplit_once("accepted ")?.1.parse().ok()
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_second_process_is_refused_at_once() {
    let disk = Disk::new();
    let mut other = Other::start(&disk);
    assert_eq!(other.acknowledged(1).len(), 1);
    assert!(matches!(disk.try_open(), Err(StoreError::Locked { .. })));
    other.kill();
    disk.open().close().await.unwrap();
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let disk = Disk::new();
    let mut acknowledged = Vec::new();
    for round in 1..=5 {
        let mut other = Other::start(&disk);
        acknowledged.extend(other.acknowledged(40 * round));
        acknowledged.extend(other.kill());
        let handle = disk.open();
        for id in &acknowledged {
            assert!(
                handle.stores.work.reload(&acme(), *id).await.unwrap().is_some(),
                "round {round}: {id} is lost"
            );
        }
        // Every other time the store is left as the kill left it, and opened again by the next process.
        if round % 2 == 0 { handle.close().await.unwrap() } else { drop_all(handle).await }
    }
    assert!(acknowledged.len() >= 600);
}

/// Closes a store by letting go of it.
async fn drop_all(handle: relevo::store::embedded::sled::SledHandle) {
    let mut signal = handle.stores.work.work_signal();
    drop(handle);
    // The signal's sender goes with the last of the store.
    while signal.changed().await.is_ok() {}
}

#[tokio::test]
async fn large_values_leave_no_pieces_behind() {
    let disk = Disk::new();
    let handle = disk.open();
    super::messages::a_large_message_is_kept_whole(&handle.stores).await;
    handle.close().await.unwrap();
    let db = sled::open(disk.path().join("sled")).unwrap();
    assert_eq!(db.scan_prefix([254]).count(), 0);
}
