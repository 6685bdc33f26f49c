//! Contacts.

use super::*;

type Upsert = v1::UpsertContactRequest;

fn upsert(contact: v1::Contact) -> Upsert {
    Upsert { contact: Some(contact), update_mask: None }
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

#[tokio::test]
async fn a_contact_is_created_normalised_and_found() {
    let gateway = Gateway::start().await;
    let mut contacts = gateway.contacts(&gateway.acme().await);
    let addresses = vec![email(" Ana.Maria@EXAMPLE.com"), phone("600 123 456")];
    let created = contacts.upsert_contact(upsert(contact("ana", addresses))).await.unwrap().into_inner();
    assert!(created.created);
    let stored = created.contact.unwrap();
    let addresses: Vec<_> = stored.addresses.iter().map(|address| address.address.clone().unwrap()).collect();
    assert_eq!(addresses, [email("Ana.Maria@example.com"), phone("+34600123456")]);
    let request = v1::GetContactRequest { contact_id: "ana".into() };
    let got = contacts.get_contact(request).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(got, stored);
    for address in addresses {
        let request = v1::FindContactRequest { address: Some(address) };
        assert_eq!(
            contacts.find_contact(request).await.unwrap().into_inner().contact.as_ref(),
            Some(&stored)
        );
    }
    let request = v1::FindContactRequest { address: Some(email("ana.maria@example.com")) };
    let by_other_case = contacts.find_contact(request).await.unwrap().into_inner().contact;
    assert_eq!(by_other_case, Some(stored), "in whatever case it is one address");
    let taken = contact("eva", vec![email("ANA.MARIA@example.com")]);
    let taken = contacts.upsert_contact(upsert(taken)).await;
    assert_eq!(code_and_reason(taken), expected(Code::AlreadyExists, "ADDRESS_TAKEN"));
    let twice = contact("eva", vec![email("eva@example.com"), email("Eva@example.com")]);
    let twice = contacts.upsert_contact(upsert(twice)).await.unwrap_err();
    assert!(twice.message().contains("contact.addresses[1]"), "{}", twice.message());
    let request = v1::FindContactRequest { address: Some(email("nobody@example.com")) };
    assert_eq!(
        code_and_reason(contacts.find_contact(request).await),
        expected(Code::NotFound, "ADDRESS_NOT_FOUND")
    );
}

#[tokio::test]
async fn a_mask_changes_only_the_fields_it_names() {
    let gateway = Gateway::start().await;
    let mut contacts = gateway.contacts(&gateway.acme().await);
    let labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let first = v1::Contact { labels: labels.clone(), ..contact("ana", vec![email("ana@example.com")]) };
    contacts.upsert_contact(upsert(first)).await.unwrap();
    // The addresses are not looked at, so what is wrong with them does not matter.
    let change = contact("ana", vec![email("nonsense")]);
    let change = Upsert { update_mask: mask(&["labels"]), ..upsert(change) };
    let changed = contacts.upsert_contact(change).await.unwrap().into_inner();
    let changed = (changed.created, changed.contact.unwrap());
    assert!(!changed.0 && changed.1.labels.is_empty() && changed.1.addresses.len() == 1);
    let unknown = Upsert { update_mask: mask(&["labels", "name"]), ..upsert(contact("ana", vec![])) };
    insta::assert_snapshot!("unknown_mask", error_text(contacts.upsert_contact(unknown).await, &[]));
}

#[tokio::test]
async fn an_address_belongs_to_one_contact_of_a_brand() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    let addresses = vec![email("ben@example.com"), phone("+34600123456")];
    let clash = gateway.contacts(&acme).upsert_contact(upsert(contact("ben", addresses.clone()))).await;
    insta::assert_snapshot!("address_taken", error_text(clash, &[]));
    gateway.contacts(&globex).upsert_contact(upsert(contact("ben", addresses))).await.unwrap();
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let gateway = Gateway::start().await;
    let mut contacts = gateway.contacts(&gateway.acme().await);
    let created = contacts.upsert_contact(upsert(contact("ana", vec![]))).await.unwrap().into_inner();
    let first = created.contact.unwrap();
    contacts.upsert_contact(upsert(first.clone())).await.unwrap();
    for etag in [first.etag.as_str(), "never handed out"] {
        let stale = v1::Contact { etag: etag.into(), ..first.clone() };
        assert_eq!(
            code_and_reason(contacts.upsert_contact(upsert(stale)).await),
            expected(Code::Aborted, "ETAG_STALE")
        );
    }
}

#[tokio::test]
async fn everything_wrong_with_a_contact_is_told_at_once() {
    let gateway = Gateway::start().await;
    let mut contacts = gateway.contacts(&gateway.acme().await);
    let chat = v1::Address { value: Some(v1::address::Value::TelegramChatId(-5)) };
    let wrong = vec![email("nobody"), phone("12"), chat, v1::Address::default()];
    let wrong = contact("no spaces", wrong);
    insta::assert_snapshot!("invalid_contact", error_text(contacts.upsert_contact(upsert(wrong)).await, &[]));
    let twice = contact("ana", vec![phone("+34600123456"), email("ana@example.com"), phone("600123456")]);
    insta::assert_snapshot!("address_twice", error_text(contacts.upsert_contact(upsert(twice)).await, &[]));
    let many = (0..33).map(|index| email(&format!("ana{index}@example.com"))).collect();
    let many = contacts.upsert_contact(upsert(contact("ana", many))).await;
    assert_eq!(code_and_reason(many), expected(Code::InvalidArgument, "INVALID_FIELDS"));
}

#[tokio::test]
async fn contacts_are_listed_by_id_and_deleted_within_their_brand() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    for id in ["c", "a", "b"] {
        gateway.contacts(&acme).upsert_contact(upsert(contact(id, vec![]))).await.unwrap();
    }
    let ids = async |key: &str, page_token: String| {
        let request = v1::ListContactsRequest { page_size: 2, page_token };
        let page = gateway.contacts(key).list_contacts(request).await.unwrap().into_inner();
        let ids: Vec<_> = page.contacts.into_iter().map(|contact| contact.contact_id).collect();
        (ids.join(" "), page.next_page_token)
    };
    let (first, token) = ids(&acme, String::new()).await;
    assert_eq!((first.as_str(), ids(&acme, token).await.0.as_str()), ("a b", "c"));
    assert_eq!(ids(&globex, String::new()).await.0, "");
    let delete = || v1::DeleteContactRequest { contact_id: "a".into() };
    let missing = expected(Code::NotFound, "CONTACT_NOT_FOUND");
    assert_eq!(code_and_reason(gateway.contacts(&globex).delete_contact(delete()).await), missing);
    gateway.contacts(&acme).delete_contact(delete()).await.unwrap();
    assert_eq!(code_and_reason(gateway.contacts(&acme).delete_contact(delete()).await), missing);
    let request = v1::GetContactRequest { contact_id: "b".into() };
    assert_eq!(code_and_reason(gateway.contacts(&globex).get_contact(request).await), missing);
}

#[tokio::test]
async fn a_link_is_for_a_contact_of_the_brand_and_a_bot_that_serves_it() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    gateway.ana(&globex).await;
    let create = async |key: &str, contact_id: &str, provider: &str| {
        let request =
            v1::CreateTelegramLinkRequest { contact_id: contact_id.into(), provider: provider.into() };
        gateway.contacts(key).create_telegram_link(request).await.map(|answer| answer.into_inner())
    };
    let link = create(&acme, "ana", "bot-acme").await.unwrap();
    let token = link.url.strip_prefix("https://t.me/shop_bot?start=").unwrap();
    assert_eq!(token.len(), 43);
    assert_eq!(link.expire_time.unwrap().seconds - gateway.clock.now().as_second(), 24 * 3_600);
    let again = create(&acme, "ana", "bot-acme").await.unwrap();
    assert_ne!(again.url, link.url);
    assert!(create(&globex, "ana", "").await.is_ok(), "its only bot");

    insta::assert_snapshot!("several_bots", error_text(create(&acme, "ana", "").await, &[]));
    insta::assert_snapshot!("no_such_bot", error_text(create(&globex, "ana", "bot-acme").await, &[]));
    assert_eq!(
        code_and_reason(create(&acme, "ana", "sms-shared").await),
        expected(Code::NotFound, "BOT_NOT_FOUND")
    );
    assert_eq!(
        code_and_reason(create(&acme, "nobody", "bot-acme").await),
        expected(Code::NotFound, "CONTACT_NOT_FOUND")
    );
    assert_eq!(
        code_and_reason(create(&acme, "", "No Name").await),
        expected(Code::InvalidArgument, "INVALID_FIELDS")
    );
}

#[tokio::test]
async fn a_change_without_a_mask_leaves_what_it_does_not_have() {
    let gateway = Gateway::start().await;
    let mut contacts = gateway.contacts(&gateway.acme().await);
    let labels = [("tier".to_owned(), "gold".to_owned())];
    let first =
        v1::Contact { labels: labels.clone().into(), ..contact("ana", vec![email("ana@example.com")]) };
    contacts.upsert_contact(upsert(first)).await.unwrap();
    let only_addresses = upsert(contact("ana", vec![phone("600123456")]));
    let stored = contacts.upsert_contact(only_addresses).await.unwrap().into_inner().contact.unwrap();
    assert_eq!((stored.addresses.len(), stored.labels), (1, labels.into()));
    let nothing = contacts.upsert_contact(upsert(contact("ana", vec![]))).await.unwrap().into_inner();
    assert_eq!(nothing.contact.unwrap().addresses.len(), 1);
    let all = Upsert { update_mask: mask(&["*"]), ..upsert(contact("ana", vec![])) };
    let emptied = contacts.upsert_contact(all).await.unwrap().into_inner().contact.unwrap();
    assert_eq!((emptied.addresses.len(), emptied.labels.len()), (0, 0));
}

#[tokio::test]
async fn one_address_is_added_or_removed_and_the_others_stay() {
    let gateway = Gateway::start().await;
    let mut contacts = gateway.contacts(&gateway.acme().await);
    for (id, address) in [("ana", "ana@example.com"), ("bea", "bea@example.com")] {
        contacts.upsert_contact(upsert(contact(id, vec![email(address)]))).await.unwrap();
    }
    let add = |id: &str, address| v1::AddContactAddressRequest {
        contact_id: id.into(),
        address: Some(v1::ContactAddress { address: Some(address), ..Default::default() }),
    };
    let remove =
        |id: &str, address| v1::RemoveContactAddressRequest { contact_id: id.into(), address: Some(address) };
    let added = contacts.add_contact_address(add("ana", phone("600 123 456"))).await.unwrap().into_inner();
    let ana = added.contact.unwrap();
    assert_eq!(ana.addresses.len(), 2);
    // The same once more, in another spelling, changes nothing.
    let again = contacts.add_contact_address(add("ana", phone("+34600123456"))).await.unwrap().into_inner();
    assert_eq!(again.contact.unwrap(), ana);
    let taken = contacts.add_contact_address(add("bea", phone("600123456"))).await;
    assert_eq!(code_and_reason(taken), expected(Code::AlreadyExists, "ADDRESS_TAKEN"));
    let nobody = contacts.add_contact_address(add("carla", phone("600123457"))).await;
    assert_eq!(code_and_reason(nobody), expected(Code::NotFound, "CONTACT_NOT_FOUND"));
    for index in 2..32 {
        contacts.add_contact_address(add("ana", email(&format!("a{index}@example.com")))).await.unwrap();
    }
    let full = contacts.add_contact_address(add("ana", email("more@example.com"))).await;
    assert_eq!(code_and_reason(full), expected(Code::FailedPrecondition, "TOO_MANY_ADDRESSES"));
    let removed = contacts.remove_contact_address(remove("ana", phone("600123456"))).await.unwrap();
    assert_eq!(removed.into_inner().contact.unwrap().addresses.len(), 31);
    let absent = contacts.remove_contact_address(remove("ana", phone("600123456"))).await;
    assert_eq!(code_and_reason(absent), expected(Code::NotFound, "ADDRESS_NOT_FOUND"));
    // Given up by its owner, it is free.
    contacts.add_contact_address(add("bea", phone("600123456"))).await.unwrap();
}
