//! A disk that is full, for real.

use relevo::store::embedded::sled::{SledOptions, open};
use relevo::store::{AcceptResult, AppendResult, StoreError, StoreStatus};

use super::damage::copy;
use super::faults::{closed, killed};
use super::sample::*;
use crate::support::small_disk::{MIB, SmallDisk};

#[tokio::test]
async fn new_messages_are_refused_before_the_disk_is_full() {
    let Some(disk) = SmallDisk::mount() else { return };
    let options = SledOptions { min_free_bytes: 16 * MIB as u64, ..SledOptions::default() };
    let handle = open(&disk.data(), options).unwrap();
    let stores = &handle.stores;
    let first = accept(stores, message(0)).await;
    disk.fill(8 * MIB);
    match stores.messages.accept(keyed(1, "order-1"), [1; 32]).await {
        Err(StoreError::Full { free_bytes, needed_bytes, .. }) => {
            assert!(free_bytes < needed_bytes && needed_bytes == 16 * MIB as u64);
        }
        other => panic!("{other:?}"),
    }
    // What was promised goes on.
    let stored = get(stores, first.id).await;
    let steps = vec![(2, started(1)), (2, sent(1, "ref-1"))];
    assert_eq!(append(stores, &stored, steps, None).await, AppendResult::Done);
    disk.empty();
    accept(stores, keyed(1, "order-1")).await;
    handle.close().await.unwrap();
}

#[tokio::test]
async fn the_store_recovers_from_a_full_disk_by_itself() {
    let Some(disk) = SmallDisk::mount() else { return };
    let handle = open_when_free(&disk.data()).unwrap();
    let stores = &handle.stores;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        acknowledged.push(accept(stores, message(round)).await.id);
        disk.fill(MIB);
        // Nothing keeps room free here, so sled itself meets the end of the disk.
        let error = loop {
            let mut message = message(round);
            message.content.text = Some("x".repeat(50_000));
            match stores.messages.accept(message, [1; 32]).await {
                Ok(AcceptResult::New(id)) => acknowledged.push(id),
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        println!("round {round}: {error}");
        assert!(matches!(error, StoreError::Io { .. } | StoreError::Full { .. }), "{error}");
        let refused = stores.messages.accept(message(round), [1; 32]).await;
        assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
        disk.empty();
        acknowledged.push(accept(stores, message(round)).await.id);
        for id in &acknowledged {
            assert!(stores.work.reload(&acme(), *id).await.unwrap().is_some(), "round {round}: {id} is lost");
        }
    }
    handle.close().await.unwrap();
    let handle = open_when_free(&disk.data()).unwrap();
    for id in &acknowledged {
        assert!(handle.stores.work.reload(&acme(), *id).await.unwrap().is_some(), "{id} is lost");
    }
    handle.close().await.unwrap();
}

#[tokio::test]
async fn readers_alone_bring_the_store_back() {
    let Some(disk) = SmallDisk::mount() else { return };
    let handle = open_when_free(&disk.data()).unwrap();
    let stores = &handle.stores;
    let mut signal = stores.work.work_signal();
    let id = accept(stores, message(0)).await.id;
    disk.fill(MIB / 2);
    assert_eq!(*stores.status.borrow(), StoreStatus::Open);
    while stores.messages.accept(message(1), [1; 32]).await.is_ok() {}
    assert_eq!(*stores.status.borrow(), StoreStatus::Closed);
    assert!(stores.work.reload(&acme(), id).await.is_err());
    disk.empty();
    signal.mark_unchanged();
    // A reader never waits, but it has the writer look at the disk, which tells when the store is open again.
    assert!(stores.work.reload(&acme(), id).await.is_err());
    signal.changed().await.unwrap();
    assert_eq!(*stores.status.borrow(), StoreStatus::Open);
    assert!(stores.work.reload(&acme(), id).await.unwrap().is_some());
    handle.close().await.unwrap();
}

#[tokio::test]
async fn a_start_on_a_full_disk_costs_nothing() {
    for (store, ids) in [closed().await, killed().await] {
        for free in [0, 4 << 10, 64 << 10, 512 << 10, MIB, 2 * MIB, 4 * MIB, 5 * MIB] {
            let Some(disk) = SmallDisk::mount() else { return };
            copy(&store.path(), &disk.data());
            let before = snapshot(&disk.data());
            disk.fill(free);
            match open_when_free(&disk.data()) {
                Err(error @ StoreError::Full { .. }) => {
                    assert!(
                        free <= 4 * MIB && error.to_string().ends_with("free some space"),
                        "{free}: {error}"
                    );
                    assert!(snapshot(&disk.data()) == before, "{free}: it was touched");
                }
                Err(error) => panic!("{free}: {error}"),
                Ok(handle) => handle.close().await.unwrap(),
            }
            disk.empty();
            let handle = open_when_free(&disk.data()).unwrap_or_else(|error| panic!("{free}: {error}"));
            for id in &ids {
                assert!(
                    handle.stores.work.reload(&acme(), *id).await.unwrap().is_some(),
                    "{free}: {id} is lost"
                );
            }
            handle.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_whose_copy_does_not_fit_starts_after_a_kill() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = Disk::new();
    let handle = store.open();
    let mut ids = Vec::new();
    for second in 0..1_000 {
        let mut message = message(second);
        message.content.html = Some(format!("<p>{second}</p>").repeat(2_000));
        ids.push(accept(&handle.stores, message).await.id);
    }
    // As a kill leaves it, with what an earlier start had copied when it was killed.
    copy(&store.path(), &disk.data());
    std::fs::create_dir_all(disk.data().join("check/sled")).unwrap();
    std::fs::write(disk.data().join("check/sled/db"), vec![1; MIB]).unwrap();
    handle.close().await.unwrap();
    let size = std::fs::metadata(disk.data().join("sled/db")).unwrap().len();
    assert!(size > 24 * MIB as u64, "{size} bytes fit twice");
    let handle = open_when_free(&disk.data()).unwrap();
    assert!(!disk.data().join("check").exists());
    for id in &ids {
        assert!(handle.stores.work.reload(&acme(), *id).await.unwrap().is_some(), "{id} is lost");
    }
    handle.close().await.unwrap();
}
