//! Links by which people tie an address of theirs to a contact.

use relevo::model::{Address, ContactLink, LinkId};
use relevo::store::{FollowResult, MAX_LINKS, Stores};

use super::sample::*;

fn chat(id: i64) -> Address {
    Address::telegram(id).unwrap()
}

fn id(expires_at: i64) -> LinkId {
    LinkId::new(at(expires_at), &[7; 10])
}

fn of(contact: &str) -> ContactLink {
    ContactLink { brand: acme(), contact: contact_id(contact) }
}

/// Follows the link at this second, and is told of it ten minutes later.
async fn follow(stores: &Stores, id: LinkId, address: Address, second: i64) -> FollowResult {
    stores.links.follow_link(id, address, at(second), at(second + 600)).await.unwrap()
}

async fn addresses(stores: &Stores, id: &str) -> Vec<Address> {
    let contact = stores.contacts.contact(&acme(), &contact_id(id)).await.unwrap().unwrap();
    contact.addresses.into_iter().map(|address| address.address).collect()
}

pub async fn a_link_ties_an_address_once(stores: &Stores) {
    let mail = email("ana@example.com");
    create(stores, &acme(), "ana", std::slice::from_ref(&mail)).await;
    assert!(stores.links.create_link(id(100), of("ana")).await.unwrap());
    assert_eq!(follow(stores, id(100), chat(42), 99).await, FollowResult::AddressAdded(of("ana")));
    assert_eq!(addresses(stores, "ana").await, [mail, chat(42)]);
    assert_eq!(stores.contacts.find_by_address(&acme(), &chat(42)).await.unwrap(), Some(contact_id("ana")));
    let version = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap().version();
    for address in [chat(42), chat(43)] {
        assert_eq!(follow(stores, id(100), address, 99).await, FollowResult::Unknown);
    }
    let contact = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!((contact.version(), contact.addresses.len()), (version, 2));
    // Another link to the same chat is spent without a change.
    stores.links.create_link(id(200), of("ana")).await.unwrap();
    assert_eq!(follow(stores, id(200), chat(42), 99).await, FollowResult::AddressAdded(of("ana")));
    assert_eq!(
        stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap().version(),
        version
    );
}

pub async fn a_link_that_expired_or_leads_nowhere_ties_nothing(stores: &Stores) {
    assert!(!stores.links.create_link(id(100), of("ana")).await.unwrap(), "no such contact");
    assert_eq!(follow(stores, id(100), chat(42), 1).await, FollowResult::Unknown);
    create(stores, &acme(), "ana", &[]).await;
    stores.links.create_link(id(100), of("ana")).await.unwrap();
    assert_eq!(follow(stores, id(100), chat(42), 100).await, FollowResult::Expired(of("ana")));
    assert!(addresses(stores, "ana").await.is_empty());
    assert!(stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap());
    assert_eq!(follow(stores, id(100), chat(42), 1).await, FollowResult::Unknown);
}

pub async fn a_link_takes_no_address_from_another_contact(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    create(stores, &acme(), "ben", &[chat(42)]).await;
    create(stores, &brand("other"), "cai", &[chat(43)]).await;
    stores.links.create_link(id(100), of("ana")).await.unwrap();
    let taken = FollowResult::AddressTaken { link: of("ana"), owner: contact_id("ben") };
    assert_eq!(follow(stores, id(100), chat(42), 1).await, taken);
    assert_eq!(addresses(stores, "ben").await, [chat(42)]);
    // It still counts, and what belongs to another brand's contact is no matter.
    assert_eq!(follow(stores, id(100), chat(43), 2).await, FollowResult::AddressAdded(of("ana")));

    let many: Vec<Address> = (1..=32).map(|id| chat(1_000 + id)).collect();
    create(stores, &acme(), "dora", &many).await;
    stores.links.create_link(id(101), of("dora")).await.unwrap();
    assert_eq!(follow(stores, id(101), chat(7), 1).await, FollowResult::TooManyAddresses(of("dora")));
    assert_eq!(addresses(stores, "dora").await, many);
}

pub async fn expired_links_are_purged(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    for expires_at in [10, 20, 30] {
        stores.links.create_link(id(expires_at), of("ana")).await.unwrap();
    }
    assert_eq!(stores.work.purge(at(10), 100).await.unwrap(), 0);
    assert_eq!(stores.work.purge(at(30), 100).await.unwrap(), 2);
    assert_eq!(stores.work.purge(at(30), 100).await.unwrap(), 0);
    assert_eq!(follow(stores, id(20), chat(42), 1).await, FollowResult::Unknown);
    assert_eq!(follow(stores, id(30), chat(42), 1).await, FollowResult::AddressAdded(of("ana")));
}

pub async fn only_the_newest_links_of_a_contact_count(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    create(stores, &acme(), "bob", &[]).await;
    stores.links.create_link(id(99), of("bob")).await.unwrap();
    let max = i64::try_from(MAX_LINKS).unwrap();
    for number in 0..=max {
        assert!(stores.links.create_link(id(100 + number), of("ana")).await.unwrap());
    }
    assert_eq!(follow(stores, id(100), chat(42), 1).await, FollowResult::Unknown);
    assert_eq!(follow(stores, id(101), chat(42), 1).await, FollowResult::AddressAdded(of("ana")));
    // What was followed or has expired takes no place.
    assert_eq!(stores.work.purge(at(103), 100).await.unwrap(), 2, "one of each contact");
    for number in [200, 201] {
        stores.links.create_link(id(number), of("ana")).await.unwrap();
    }
    assert_eq!(follow(stores, id(103), chat(43), 1).await, FollowResult::AddressAdded(of("ana")));
    // Those of a contact that was deleted do not lead to the next of its name.
    assert!(stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap());
    create(stores, &acme(), "ana", &[]).await;
    assert_eq!(follow(stores, id(201), chat(44), 1).await, FollowResult::Unknown);
}
