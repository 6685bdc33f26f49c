//! The people a brand can reach.

use relevo::model::{
    Address, Channel, ConsentAction, ConsentEvidence, ContactAddress, ContactVersion, FoldedLedger, Labels,
    SuppressionReason, TopicScope,
};
use relevo::store::{AddressResult, ContactChange, NewConsentEntry, PreferencesChange, Stores, UpsertResult};

use super::sample::*;

pub async fn a_contact_is_created_changed_and_found(stores: &Stores) {
    let (mail, number) = (email("ana@example.com"), phone("+34600123456"));
    let chat = Address::telegram(42).unwrap();
    let created = create(stores, &acme(), "ana", &[mail.clone(), chat.clone()]).await;
    assert_eq!((created.changes, created.created_at, created.updated_at), (1, at(0), at(0)));
    assert_eq!(stores.contacts.find_by_address(&acme(), &mail).await.unwrap(), Some(created.id.clone()));
    assert_eq!(stores.contacts.find_by_address(&acme(), &chat).await.unwrap(), Some(created.id.clone()));
    assert_eq!(stores.contacts.find_by_address(&brand("other"), &mail).await.unwrap(), None);

    let addresses = change("ana", &[number.clone(), chat.clone()]);
    let changed = match stores.contacts.upsert_contact(&acme(), addresses, at(5)).await.unwrap() {
        UpsertResult::Changed(contact) => contact,
        other => panic!("{other:?}"),
    };
    assert_eq!((changed.changes, changed.created_at, changed.updated_at), (2, at(0), at(5)));
    assert_eq!(stores.contacts.find_by_address(&acme(), &mail).await.unwrap(), None);
    assert_eq!(stores.contacts.find_by_address(&acme(), &number).await.unwrap(), Some(changed.id.clone()));

    let labels = Labels::from([("tier".to_owned(), "gold".to_owned())]);
    let relabel = ContactChange { addresses: None, labels: Some(labels.clone()), ..change("ana", &[]) };
    stores.contacts.upsert_contact(&acme(), relabel, at(6)).await.unwrap();
    let stored = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!((stored.labels, stored.addresses), (labels, changed.addresses));
    assert_eq!(stores.contacts.contact(&brand("other"), &contact_id("ana")).await.unwrap(), None);
    let incarnation = async |brand| stores.contacts.incarnation(&brand, &contact_id("ana")).await.unwrap();
    assert_eq!(incarnation(acme()).await, Some(created.incarnation));
    assert_eq!(incarnation(brand("other")).await, None);
}

pub async fn an_address_belongs_to_one_contact(stores: &Stores) {
    let (mail, number) = (email("ana@example.com"), phone("+34600123456"));
    create(stores, &acme(), "ana", std::slice::from_ref(&mail)).await;
    create(stores, &brand("other"), "bea", std::slice::from_ref(&mail)).await;
    let taken = change("bea", &[number.clone(), mail.clone()]);
    let expected = UpsertResult::AddressTaken { index: 1, owner: contact_id("ana") };
    assert_eq!(stores.contacts.upsert_contact(&acme(), taken.clone(), at(1)).await.unwrap(), expected);
    assert_eq!(stores.contacts.contact(&acme(), &contact_id("bea")).await.unwrap(), None);
    assert_eq!(stores.contacts.find_by_address(&acme(), &number).await.unwrap(), None);
    // Given up by its owner, it is free.
    stores.contacts.upsert_contact(&acme(), change("ana", &[]), at(2)).await.unwrap();
    assert!(matches!(
        stores.contacts.upsert_contact(&acme(), taken, at(3)).await.unwrap(),
        UpsertResult::Created(_)
    ));

    let claims = (0..32).map(|index| {
        let address = email("shared@example.com");
        async move {
            stores
                .contacts
                .upsert_contact(&acme(), change(&format!("c{index}"), &[address]), at(4))
                .await
                .unwrap()
        }
    });
    let results = futures_util::future::join_all(claims).await;
    assert_eq!(results.iter().filter(|result| matches!(result, UpsertResult::Created(_))).count(), 1);
}

pub async fn an_address_is_one_in_whatever_spelling(stores: &Stores) {
    let find = async |address: &Address| stores.contacts.find_by_address(&acme(), address).await.unwrap();
    let spellings = [
        ("ana", email("First.Last@Example.com"), email("first.last@example.com")),
        ("bea", email("x@bücher.example"), email("X@xn--bcher-kva.example")),
        ("eva", email("\"y\"@x.example"), email("y@x.example")),
        ("mia", email("jose\u{301}@x.example"), email("jos\u{e9}@x.example")),
        ("zoe", phone("+525512345678"), phone("+5215512345678")),
    ];
    for (index, (id, given, other)) in spellings.iter().enumerate() {
        create(stores, &acme(), id, std::slice::from_ref(given)).await;
        assert_eq!(find(other).await, Some(contact_id(id)), "{other}");
        let taken = stores
            .contacts
            .upsert_contact(&acme(), change("new", std::slice::from_ref(other)), at(1))
            .await
            .unwrap();
        assert_eq!(taken, UpsertResult::AddressTaken { index: 0, owner: contact_id(id) }, "{other}");
        let added = ContactAddress::new(other.clone());
        match stores.contacts.add_address(&acme(), &contact_id(id), added, at(2)).await.unwrap() {
            AddressResult::Changed(same) => assert_eq!(same.addresses[0].address, *given, "{index}"),
            result => panic!("{result:?}"),
        }
        // Its own contact may have it in another spelling.
        let changed = stores
            .contacts
            .upsert_contact(&acme(), change(id, std::slice::from_ref(other)), at(3))
            .await
            .unwrap();
        assert!(matches!(changed, UpsertResult::Changed(_)), "{changed:?}");
        assert_eq!(find(given).await, Some(contact_id(id)), "{given}");
        let removed = stores.contacts.remove_address(&acme(), &contact_id(id), given, at(4)).await.unwrap();
        assert!(matches!(removed, AddressResult::Changed(_)), "{removed:?}");
        assert_eq!(find(other).await, None, "{other}");
    }
    assert_eq!(stores.contacts.shared_addresses(10).await.unwrap(), []);
}

pub async fn addresses_added_at_once_are_all_kept_and_have_one_owner(stores: &Stores) {
    for name in ["ana", "bea"] {
        create(stores, &acme(), name, &[]).await;
    }
    let add = async |name: &str, address: Address| {
        let address = ContactAddress::new(address);
        stores.contacts.add_address(&acme(), &contact_id(name), address, at(1)).await.unwrap()
    };
    let shared =
        (0..16).map(|index| add(if index % 2 == 0 { "ana" } else { "bea" }, email("shared@example.com")));
    let results = futures_util::future::join_all(shared).await;
    let taken = results.iter().filter(|result| matches!(result, AddressResult::Taken(_))).count();
    assert_eq!(taken, 8, "{results:?}");
    let own = (0..40).map(|index| add("ana", email(&format!("a{index}@example.com"))));
    let results = futures_util::future::join_all(own).await;
    let ana = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!(ana.addresses.len(), 32);
    let full = results.iter().filter(|result| **result == AddressResult::Full).count();
    assert!([8, 9].contains(&full), "{full}");
    for entry in &ana.addresses {
        let owner = stores.contacts.find_by_address(&acme(), &entry.address).await.unwrap();
        assert_eq!(owner, Some(ana.id.clone()));
    }
    let removed = ana.addresses[0].address.clone();
    let remove = async || stores.contacts.remove_address(&acme(), &ana.id, &removed, at(2)).await.unwrap();
    assert!(matches!(remove().await, AddressResult::Changed(contact) if contact.addresses.len() == 31));
    assert_eq!(remove().await, AddressResult::Absent);
    assert_eq!(stores.contacts.find_by_address(&acme(), &removed).await.unwrap(), None);
    assert_eq!(add("nobody", email("x@example.com")).await, AddressResult::NoContact);
}

pub async fn an_expected_version_refuses_a_lost_update(stores: &Stores) {
    let upsert = async |expected| {
        let change = ContactChange { expected_version: Some(expected), ..change("ana", &[]) };
        match stores.contacts.upsert_contact(&acme(), change, at(1)).await.unwrap() {
            UpsertResult::Created(contact) | UpsertResult::Changed(contact) => Some(contact.version()),
            UpsertResult::Stale => None,
            taken @ UpsertResult::AddressTaken { .. } => panic!("{taken:?}"),
        }
    };
    let absent = ContactVersion::default();
    assert_eq!(upsert(ContactVersion { changes: 1, ..absent }).await, None);
    let first = upsert(absent).await.unwrap();
    assert_eq!(upsert(absent).await, None);
    let second = upsert(first).await.unwrap();
    assert_eq!(second, ContactVersion { changes: 2, ..first });
    assert_eq!(upsert(first).await, None);
    // What was read of one is not of the next that has the id.
    stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap();
    let next = upsert(absent).await.unwrap();
    assert_eq!(next.changes, first.changes);
    assert_eq!(upsert(first).await, None);
    assert!(upsert(next).await.is_some());
}

pub async fn contacts_are_listed_by_id(stores: &Stores) {
    for id in ["b", "a", "ab", "a.b", "c"] {
        create(stores, &acme(), id, &[]).await;
        create(stores, &brand("acme-2"), id, &[]).await;
    }
    let brand = acme();
    for size in [1, 2, 5, 50] {
        let all = all_pages(size, |page| stores.contacts.contacts(&brand, page)).await;
        let ids: Vec<_> = all.iter().map(|contact| contact.id.as_str()).collect();
        assert_eq!(ids, ["a", "a.b", "ab", "b", "c"], "pages of {size}");
    }
}

pub async fn a_deleted_contact_leaves_nothing_but_suppressions(stores: &Stores) {
    let mail = email("ana@example.com");
    create(stores, &acme(), "ana", std::slice::from_ref(&mail)).await;
    let entry = NewConsentEntry {
        action: ConsentAction::Grant,
        channel: Channel::Email,
        scope: TopicScope::All,
        evidence: ConsentEvidence {
            source: "checkout".to_owned(),
            method: "web_form".to_owned(),
            wording: String::new(),
            time: at(1),
            origin: String::new(),
            actor: String::new(),
        },
        recorded_by: "key".to_owned(),
    };
    record_consent(stores, "ana", entry, 1).await;
    let change = PreferencesChange { language: Some(Some("es".to_owned())), ..PreferencesChange::default() };
    stores.consents.set_preferences(&acme(), &contact_id("ana"), change).await.unwrap();
    let way = (Channel::Email, &mail);
    let asked = suppression(way, SuppressionReason::Manual, "key", 2);
    stores.consents.suppress(&acme(), asked.clone()).await.unwrap();
    let gone = suppression(way, SuppressionReason::BadAddress, "mail-eu", 3);
    stores.consents.suppress(&acme(), gone).await.unwrap();
    let reasons = [SuppressionReason::BadAddress];
    stores.consents.lift_suppressions(&acme(), Channel::Email, &mail, &reasons, lift(4)).await.unwrap();

    assert!(stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap());
    assert!(!stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap());
    assert_eq!(stores.contacts.find_by_address(&acme(), &mail).await.unwrap(), None);
    assert_eq!(stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap(), None);
    create(stores, &acme(), "ana", &[mail]).await;
    let again = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!(again.ledger, FoldedLedger::default());
    assert_eq!(ledger(stores, &acme(), "ana").await, []);
    assert_eq!(again.preferences.language, None);
    assert_eq!(again.suppressions, [asked]);
    assert_eq!(again.lifted_suppressions, [], "whoever has the address next is somebody else");
}
