//! A store that another build wrote: records with fields this build does not know, and without fields it does.
//!
//! The records are encoded by hand, field by field, so that no later change to the protos can change them.

use relevo::model::{FallbackPolicy, MessageId, State};
use relevo::store::StoreError;

use super::sample::*;

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    assert!(length < 1 << 14);
    let mut out = vec![field << 3 | 2, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8];
    out.extend_from_slice(content);
    out
}

fn text(field: u8, content: &str) -> Vec<u8> {
    bytes(field, content.as_bytes())
}

/// 1970-01-01T00:00:09Z.
fn time(field: u8) -> Vec<u8> {
    bytes(field, &number(1, 9))
}

/// A field that no build has had yet.
fn unknown() -> Vec<u8> {
    bytes(15, b"from the future")
}

fn message_record(id: MessageId) -> Vec<u8> {
    let message = [
        text(1, &id.to_string()),
        text(2, "ana"),
        number(3, 1),
        text(4, "orders"),
        bytes(5, &[text(1, "Your order has left."), unknown()].concat()),
        time(7),
        time(8),
        time(9),
        // No fallback policy, no labels, no channels.
    ];
    [text(1, "acme"), bytes(2, &message.concat()), unknown()].concat()
}

fn progress_record() -> Vec<u8> {
    let accepted = [time(1), number(2, 1), bytes(3, &[])].concat();
    // No cursors: the event log came later.
    [
        bytes(1, &[accepted, unknown()].concat()),
        time(2),
        text(4, "acme"),
        text(5, "ana"),
        number(6, 1),
        unknown(),
    ]
    .concat()
}

fn contact_record() -> Vec<u8> {
    let address = bytes(1, &text(2, "+34600123456"));
    let contact = [text(1, "ana"), bytes(2, &address), time(4), time(5), unknown()].concat();
    [bytes(1, &contact), number(2, 3)].concat()
}

/// Writes records straight into sled's files; a zero says that what follows is the whole value.
fn write(disk: &Disk, records: &[(Vec<u8>, Vec<u8>)]) {
    std::fs::remove_file(disk.path().join("SEAL")).unwrap();
    let db = sled::open(disk.path().join("sled")).unwrap();
    for (key, value) in records {
        db.insert(key, [&[0], value.as_slice()].concat()).unwrap();
    }
    db.flush().unwrap();
}

#[tokio::test]
async fn records_of_other_builds_are_read() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    let id = MessageId::new(9_000, &[5; 10]);
    let due = 9_000_u64 ^ 1 << 63;
    write(
        &disk,
        &[
            ([&[1], &id.as_bytes()[..]].concat(), message_record(id)),
            ([&[2], &id.as_bytes()[..]].concat(), progress_record()),
            ([&[3, 0], &due.to_be_bytes()[..], id.as_bytes()].concat(), Vec::new()),
            (b"\x0cacme\0ana".to_vec(), contact_record()),
            (b"\x0dacme\0\x02+34600123456".to_vec(), b"ana".to_vec()),
        ],
    );
    let handle = disk.open();
    let stores = &handle.stores;
    assert_eq!(claim(stores, 0, 10).await, [id]);
    let stored = stores.messages.get(&acme(), id).await.unwrap().unwrap();
    assert_eq!(stored.history.state(), State::Accepted);
    assert_eq!(stored.message.fallback, FallbackPolicy::default());
    assert_eq!(stored.message.content.text.as_deref(), Some("Your order has left."));
    stores.messages.cancel(&acme(), id, "key", at(1)).await.unwrap().unwrap().unwrap();
    let events = stores.messages.events(&acme(), 0, 10).await.unwrap();
    assert_eq!(events.len(), 3, "the events of before are in the log now");
    let ana = stores.contacts.find(&acme(), &phone("+34600123456")).await.unwrap().unwrap();
    assert_eq!(ana.version, 3);
    handle.close().await.unwrap();
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_told_apart() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    write(&disk, &[(b"\x0cacme\0ana".to_vec(), text(1, "no contact"))]);
    let handle = disk.open();
    match handle.stores.contacts.contact(&acme(), &contact_id("ana")).await {
        Err(StoreError::Corrupt { detail, .. }) => assert!(detail.starts_with("the contact at"), "{detail}"),
        other => panic!("{other:?}"),
    }
    handle.close().await.unwrap();
}

#[tokio::test]
async fn one_damaged_record_does_not_stop_the_others() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    let (damaged, whole) = (MessageId::new(9_000, &[5; 10]), MessageId::new(9_000, &[6; 10]));
    let due = (9_000_u64 ^ 1 << 63).to_be_bytes();
    let due = |id: MessageId| ([&[3, 0], &due[..], id.as_bytes()].concat(), Vec::new());
    write(
        &disk,
        &[
            ([&[2], &damaged.as_bytes()[..]].concat(), b"no record".to_vec()),
            due(damaged),
            ([&[1], &whole.as_bytes()[..]].concat(), message_record(whole)),
            ([&[2], &whole.as_bytes()[..]].concat(), progress_record()),
            due(whole),
        ],
    );
    let handle = disk.open();
    assert_eq!(claim(&handle.stores, 0, 10).await, [whole]);
    handle.close().await.unwrap();
}
