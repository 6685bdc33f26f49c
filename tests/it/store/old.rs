//! A store that another build wrote: records with fields this build does not know, and without fields it does.
//!
//! The records are encoded by hand, field by field, so that no later change to the protos can change them.

use relevo::consent::{LedgerStanding, standing};
use relevo::model::{
    Channel, ConsentAction, FallbackPolicy, Labels, Message, MessageClass, MessageId, MessageState,
    PreferencesVersion, ReceiptStatus, Suppression, SuppressionReason, Timestamp, TopicScope,
};
use relevo::store::{
    ContactChange, NewConsentEntry, PreferencesChange, SetPreferencesResult, StoreError, Stores,
    TopicPreferenceChange, UpsertResult,
};

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

/// A message in a pack, accepted and due nine seconds after 1970 began.
fn packed(number_in_pack: u8, id: MessageId) -> Vec<u8> {
    // No fallback policy, no labels, no channels.
    let message = [text(4, "orders"), time(9)];
    let content = bytes(1, &[text(1, "Your order has left."), unknown()].concat());
    let fields = [
        number(1, number_in_pack),
        bytes(2, id.as_bytes()),
        text(3, "ana"),
        number(4, 1),
        send_time(),
        bytes(6, &message.concat()),
        bytes(7, &content),
        [vec![9 << 3], SIGNED_9000.to_vec()].concat(),
        unknown(),
    ];
    bytes(1, &fields.concat())
}

/// 9000 as protobuf writes signed numbers.
const SIGNED_9000: [u8; 3] = [0xd0, 0x8c, 0x01];

fn send_time() -> Vec<u8> {
    [vec![5 << 3], SIGNED_9000.to_vec()].concat()
}

/// One cover of transactional messages due at nine seconds, and no state of a message.
fn states_record(messages: u8) -> Vec<u8> {
    let cover = [number(1, 1), [vec![2 << 3], SIGNED_9000.to_vec()].concat(), number(3, messages), unknown()];
    [bytes(1, &cover.concat()), unknown()].concat()
}

fn at_pack(kind: u8, pack: MessageId) -> Vec<u8> {
    [&[kind], b"acme\0".as_slice(), pack.as_bytes()].concat()
}

fn due(pack: MessageId) -> (Vec<u8>, Vec<u8>) {
    let at = 9_000_u64 ^ 1 << 63;
    ([&[3, 0], &at.to_be_bytes()[..], &[0], b"acme\0".as_slice(), pack.as_bytes()].concat(), Vec::new())
}

fn contact_record() -> Vec<u8> {
    let address = bytes(1, &text(2, "+34600123456"));
    let contact = [text(1, "ana"), bytes(2, &address), time(4), time(5), unknown()].concat();
    [bytes(1, &contact), number(2, 3)].concat()
}

/// An entry of a ledger for `topic` by email; 1 grants and 2 revokes.
fn ledger_entry(sequence: u8, action: u8, topic: &str) -> Vec<u8> {
    let evidence = [text(1, "checkout"), text(2, "web_form"), text(3, "Yes, please."), time(4), unknown()];
    let fields = [
        number(1, sequence),
        number(2, action),
        number(3, 1),
        text(4, topic),
        bytes(5, &evidence.concat()),
        time(6),
        text(7, "key"),
    ];
    bytes(1, &fields.concat())
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
    write(
        &disk,
        &[
            (at_pack(1, id), [packed(0, id), unknown()].concat()),
            (at_pack(2, id), states_record(1)),
            due(id),
            (b"\x0cacme\0ana".to_vec(), contact_record()),
            (b"\x0dacme\0\x02+34600123456".to_vec(), b"ana".to_vec()),
        ],
    );
    let handle = disk.open();
    let stores = &handle.stores;
    assert_eq!(claim(stores, 0, 10).await, [id]);
    let stored = stores.messages.message(&acme(), id).await.unwrap().unwrap();
    assert_eq!(stored.history.state(), MessageState::Accepted);
    assert_eq!(stored.message.fallback, FallbackPolicy::default());
    assert_eq!(stored.message.content.text.as_deref(), Some("Your order has left."));
    stores.messages.cancel(&acme(), id, "key", at(1)).await.unwrap().unwrap().unwrap();
    let events = all_events(stores, &acme()).await;
    assert_eq!(events.len(), 2, "its acceptance was never in the journal");
    let ana = stores.contacts.find_by_address(&acme(), &phone("+34600123456")).await.unwrap().unwrap();
    assert_eq!(stores.contacts.contact(&acme(), &ana).await.unwrap().unwrap().changes, 3);
    handle.close().await.unwrap();
}

/// Up to format 5 the due order was by time, whatever the brand.
#[tokio::test]
async fn a_due_order_by_time_is_claimed_as_it_was() {
    let disk = Disk::new();
    let handle = disk.open();
    let mut expected = Vec::new();
    for second in 0..30 {
        let class = [MessageClass::Transactional, MessageClass::Commercial][second as usize % 2];
        let name = ["acme", "globex"][second as usize / 2 % 2];
        let message = Message { class, brand: brand(name), ..message(second) };
        let message = accept(&handle.stores, message).await;
        let stored = handle.stores.work.reload(&message.brand, message.id).await.unwrap().unwrap();
        if second % 3 == 0 {
            append(&handle.stores, &stored, vec![(40, super::queue::waiting(50))], Some(at(50))).await;
        }
        expected.push(message.id);
    }
    handle.close().await.unwrap();
    std::fs::remove_file(disk.path().join("SEAL")).unwrap();
    let db = sled::open(disk.path().join("sled")).unwrap();
    let by_brand: Vec<_> = db.scan_prefix([38]).collect::<Result<_, _>>().unwrap();
    assert!(by_brand.len() > 10, "{}", by_brand.len());
    for (key, value) in &by_brand {
        let (name, rest) = key[2..].split_at(key[2..].iter().position(|byte| *byte == 0).unwrap() + 1);
        let (at, rest) = rest.split_at(8);
        let (kind, id) = rest.split_at(1);
        db.insert([&[3], &key[1..2], at, kind, name, id].concat(), value.clone()).unwrap();
        db.remove(key).unwrap();
    }
    db.flush().unwrap();
    db.flush().unwrap();
    drop(db);
    let handle = disk.open();
    let early = claim(&handle.stores, 45, 100).await;
    let mut claimed = [early.clone(), claim(&handle.stores, 50, 100).await].concat();
    claimed.sort();
    assert_eq!((early.len(), claimed), (20, expected));
    handle.close().await.unwrap();
    let db = sled::open(disk.path().join("sled")).unwrap();
    assert_eq!(db.scan_prefix([3]).count(), 0);
}

/// Up to format 3 a ledger was one record, without a fold beside it.
#[tokio::test]
async fn a_ledger_that_was_kept_whole_decides_and_goes_on() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    let entries: Vec<u8> = (1..=100).flat_map(|sequence| ledger_entry(sequence, 1, "offers")).collect();
    let stopped = ledger_entry(101, 2, "news");
    write(
        &disk,
        &[
            (b"\x0cacme\0ana".to_vec(), contact_record()),
            (b"\x0eacme\0ana".to_vec(), [entries, stopped, unknown()].concat()),
        ],
    );
    let handle = disk.open();
    let stores = &handle.stores;
    let standings = async || {
        let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        assert_eq!(recipient.ledger, ledger(stores, &acme(), "ana").await.iter().collect());
        let of = |topic: &str| match standing(&recipient.ledger, Channel::Email, &topic.parse().unwrap()) {
            LedgerStanding::Granted(entry) => Some((true, entry.sequence)),
            LedgerStanding::Revoked(entry) => Some((false, entry.sequence)),
            LedgerStanding::Silent => None,
        };
        [of("offers"), of("news"), of("orders")]
    };
    assert_eq!(standings().await, [Some((true, 100)), Some((false, 101)), None]);
    let before = ledger(stores, &acme(), "ana").await;
    let revoked = NewConsentEntry {
        action: ConsentAction::Revoke,
        channel: Channel::Email,
        scope: TopicScope::All,
        evidence: before[0].evidence.clone(),
        recorded_by: "key".to_owned(),
    };
    let recorded = record_consent(stores, "ana", revoked, 1).await;
    assert_eq!(recorded.sequence, 102);
    assert_eq!(standings().await, [Some((false, 102)), Some((false, 102)), Some((false, 102))]);
    assert_eq!(ledger(stores, &acme(), "ana").await, [before, vec![recorded]].concat());
    handle.close().await.unwrap();
}

fn contact_with_email(id: &str, address: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let email = bytes(1, &text(1, address));
    let contact = [text(1, id), bytes(2, &email), time(4), time(5)].concat();
    vec![
        ([b"\x0cacme\0", id.as_bytes()].concat(), [bytes(1, &contact), number(2, 3)].concat()),
        ([b"\x0dacme\0\x01", address.as_bytes()].concat(), id.as_bytes().to_vec()),
    ]
}

/// Up to format 4 each spelling of an address was one of its own.
#[tokio::test]
async fn spellings_that_were_several_addresses_are_one() {
    let disk = Disk::new();
    let handle = disk.open();
    let old = email("old@example.com");
    create(&handle.stores, &acme(), "old", std::slice::from_ref(&old)).await;
    handle.close().await.unwrap();
    let (upper, lower) = ("First.Last@example.com", "first.last@example.com");
    let suppression = |address: &str, reason: &str| {
        let fields = [
            number(1, 1),
            bytes(2, &text(1, address)),
            text(3, reason),
            text(4, "why"),
            time(5),
            text(6, "key"),
        ];
        ([b"\x10acme\0\x01\x01", address.as_bytes()].concat(), bytes(1, &fields.concat()))
    };
    let mut records = [contact_with_email("ana", upper), contact_with_email("bea", lower)].concat();
    records.extend(contact_with_email("eva", "y@b\u{fc}cher.example"));
    // Not an address by the rules of today, and a record that makes no sense.
    records.extend(contact_with_email("zoe", "z@a\u{2024}.example"));
    records.push(([b"\x10acme\0\x01\x01", "Q@x.example".as_bytes()].concat(), text(1, "no suppression")));
    records.push(suppression("FIRST.LAST@example.com", "manual"));
    records.push(suppression(lower, "opted_out"));
    // The rule by which they were folded was not known.
    records.push((b"\x00\xfc".to_vec(), vec![0; 8]));
    write(&disk, &records);

    let check = async |stores: &Stores, owners: &[&str]| {
        let find = async |text: &str| {
            let found = stores.contacts.find_by_address(&acme(), &email(text)).await.unwrap();
            found.map(|id| id.to_string())
        };
        assert_eq!(find(upper).await.as_deref(), owners.first().copied());
        assert_eq!(find("FIRST.LAST@EXAMPLE.COM").await.as_deref(), owners.first().copied());
        assert_eq!(find("Y@xn--bcher-kva.example").await.as_deref(), Some("eva"));
        assert_eq!(find("OLD@example.com").await.as_deref(), Some("old"));
        assert!(stores.contacts.contact(&acme(), &contact_id("zoe")).await.unwrap().is_some());
        for id in owners {
            let recipient = stores.consents.recipient(&acme(), &contact_id(id)).await.unwrap().unwrap();
            let reasons = recipient.suppressions.iter().map(|suppression| suppression.reason);
            let both = [SuppressionReason::OptedOut, SuppressionReason::Manual];
            assert_eq!(reasons.collect::<Vec<_>>(), both, "{id}");
        }
        let shared = stores.contacts.shared_addresses(10).await.unwrap();
        match owners {
            [_, _] => {
                assert_eq!(shared[0].contacts, owners.iter().map(|id| contact_id(id)).collect::<Vec<_>>())
            }
            _ => assert_eq!(shared, []),
        }
    };
    let handle = disk.open();
    check(&handle.stores, &["bea", "ana"]).await;
    handle.close().await.unwrap();
    let handle = disk.open();
    check(&handle.stores, &["bea", "ana"]).await;
    // Whoever has it may keep it, and nobody else gets it.
    let keep =
        handle.stores.contacts.upsert_contact(&acme(), change("ana", &[email(upper)]), at(1)).await.unwrap();
    assert!(matches!(keep, UpsertResult::Changed(_)), "{keep:?}");
    // A change of anything else leaves the first the first.
    let labels = ContactChange { addresses: None, labels: Some(Labels::new()), ..change("bea", &[]) };
    handle.stores.contacts.upsert_contact(&acme(), labels, at(1)).await.unwrap();
    check(&handle.stores, &["bea", "ana"]).await;
    let take =
        handle.stores.contacts.upsert_contact(&acme(), change("eva", &[email(upper)]), at(1)).await.unwrap();
    assert!(matches!(take, UpsertResult::AddressTaken { .. }), "{take:?}");
    handle.stores.contacts.delete_contact(&acme(), &contact_id("bea")).await.unwrap();
    check(&handle.stores, &["ana"]).await;
    handle.close().await.unwrap();
}

/// Preferences once did not count their changes, nor contacts who of those with an id they are.
#[tokio::test]
async fn preferences_that_did_not_count_their_changes_are_changed_one_topic_at_a_time() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    let offers = [text(1, "offers"), number(2, 1), unknown()].concat();
    let preferences = [bytes(3, &offers), text(6, "es"), unknown()].concat();
    write(
        &disk,
        &[
            (b"\x0cacme\0ana".to_vec(), contact_record()),
            (b"\x0facme\0ana".to_vec(), [bytes(1, &preferences), unknown()].concat()),
        ],
    );
    let stored = async |stores: &Stores| {
        let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        let version = recipient.preferences_version();
        let topics = recipient.preferences.topics;
        (topics.iter().map(|topic| topic.topic.to_string()).collect::<Vec<_>>().join(" "), version)
    };
    let handle = disk.open();
    let (topics, uncounted) = stored(&handle.stores).await;
    assert_eq!((topics.as_str(), uncounted), ("offers", PreferencesVersion::default()));
    let news =
        TopicPreferenceChange { topic: "news".parse().unwrap(), muted: Some(true), channel_order: None };
    let change = PreferencesChange {
        topic_changes: vec![news],
        expected_version: Some(uncounted),
        ..PreferencesChange::default()
    };
    let set = async |stores: &Stores| {
        stores.consents.set_preferences(&acme(), &contact_id("ana"), change.clone()).await.unwrap()
    };
    assert!(matches!(set(&handle.stores).await, SetPreferencesResult::Set { .. }));
    handle.close().await.unwrap();
    let handle = disk.open();
    let (topics, counted) = stored(&handle.stores).await;
    assert_eq!((topics.as_str(), counted.changes), ("offers news", 1));
    assert_eq!(set(&handle.stores).await, SetPreferencesResult::Stale);
    handle.close().await.unwrap();
}

/// An address once had one suppression, whatever came later.
#[tokio::test]
async fn the_one_suppression_of_an_address_is_the_first_of_several() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    // By SMS, as the person opted out at sms-eu nine seconds after 1970 began.
    let fields = [
        number(1, 2),
        bytes(2, &text(2, "+34600123456")),
        text(3, "opted_out"),
        text(4, "STOP"),
        time(5),
        text(6, "sms-eu"),
        unknown(),
    ];
    write(
        &disk,
        &[
            (b"\x0cacme\0ana".to_vec(), contact_record()),
            (b"\x10acme\0\x02\x02+34600123456".to_vec(), bytes(1, &fields.concat())),
        ],
    );
    let handle = disk.open();
    let stores = &handle.stores;
    let standing = async || {
        let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        (recipient.suppressions, recipient.lifted_suppressions.len())
    };
    let number = phone("+34600123456");
    let way = (Channel::Sms, &number);
    let told = Timestamp::from_second(9).unwrap();
    let old = Suppression {
        explanation: "STOP".to_owned(),
        created_at: told,
        last_reported_at: told,
        ..suppression(way, SuppressionReason::OptedOut, "sms-eu", 0)
    };
    assert_eq!(standing().await, (vec![old.clone()], 0));
    let court = suppression(way, SuppressionReason::Manual, "key", 1);
    stores.consents.suppress(&acme(), court.clone()).await.unwrap();
    assert_eq!(standing().await, (vec![old.clone(), court], 0));
    let reasons = [SuppressionReason::Manual];
    stores.consents.lift_suppressions(&acme(), Channel::Sms, &number, &reasons, lift(2)).await.unwrap();
    handle.close().await.unwrap();
    let handle = disk.open();
    let recipient = handle.stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!((recipient.suppressions, recipient.lifted_suppressions.len()), (vec![old], 1));
    handle.close().await.unwrap();
}

/// A parked receipt once named neither an address nor what else its reference may stand for.
#[tokio::test]
async fn a_receipt_that_was_parked_without_an_address_is_taken() {
    let disk = Disk::new();
    let handle = disk.open();
    // That some are parked is counted.
    handle.stores.inbound.record_receipt(report("other", ReceiptStatus::Delivered), at(9)).await.unwrap();
    handle.close().await.unwrap();
    let key = [b"\x0a", provider().as_str().as_bytes(), b"\0\x03ref-1"].concat();
    let receipt = [number(2, 2), time(3)].concat();
    write(&disk, &[(key, [bytes(1, &receipt), time(2)].concat())]);
    let handle = disk.open();
    let sent = accept_and_send(&handle.stores, message(10), 11, "ref-1").await;
    assert_eq!(sent.history.state(), MessageState::Delivered);
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
    let gone = [1, 9].map(|byte| MessageId::new(9_000, &[byte; 10]));
    // Its content is no content.
    let mut broken = packed(0, damaged);
    let place = broken.windows(5).position(|window| window == b"order").unwrap();
    broken[place - 1] = 0xff;
    write(
        &disk,
        &[
            (at_pack(1, damaged), [broken, packed(1, whole)].concat()),
            (at_pack(2, damaged), states_record(2)),
            due(damaged),
            // A pack that is no pack, and one that is not there.
            (at_pack(1, gone[0]), vec![0xff; 9]),
            due(gone[0]),
            due(gone[1]),
        ],
    );
    let handle = disk.open();
    assert_eq!(claim(&handle.stores, 0, 10).await, [whole]);
    handle.stores.work.release(whole).await;
    assert_eq!(claim(&handle.stores, 0, 10).await, [whole], "and again");
    handle.close().await.unwrap();
}

#[tokio::test]
async fn a_store_of_a_format_no_longer_read_is_refused() {
    let disk = Disk::new();
    disk.open().close().await.unwrap();
    std::fs::write(disk.path().join("FORMAT"), "relevo store 1\n").unwrap();
    let before = snapshot(&disk.path());
    match disk.try_open() {
        Err(StoreError::Older { found: 1, supported: 2, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
    assert_eq!(snapshot(&disk.path()), before);
}
