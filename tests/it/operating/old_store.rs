//! The data of an older build, of which spellings of one address were several addresses.

use prost::Message as _;
use relevo::wire::store::v1::ContactRecord;
use relevo::wire::v1;

use crate::api::{contact, email};
use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::provider;

async fn owner(gateway: &Gateway, address: &str) -> String {
    let request = v1::FindContactRequest { address: Some(email(address)) };
    gateway.contacts().find_contact(request).await.unwrap().into_inner().contact.unwrap().contact_id
}

#[tokio::test]
async fn contacts_that_share_an_address_are_told_until_one_gives_it_up() {
    let directory = GatewayDirectory::new(&provider("sms", "sms", "", "[providers.sandbox]")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(contact("ana", vec![email("First.Last@example.com")])).await;
    gateway.stop().await;

    // As format 4 kept them: each spelling has a key, and a contact, of its own.
    let data = directory.path("data");
    std::fs::write(data.join("FORMAT"), "relevo store 4\n").unwrap();
    std::fs::remove_file(data.join("SEAL")).unwrap();
    let db = sled::open(data.join("sled")).unwrap();
    let whole = |value: &[u8]| [&[0], value].concat();
    let ana = db.get(b"\x0cacme\0ana").unwrap().unwrap();
    let mut bea = ContactRecord::decode(&ana[1..]).unwrap();
    let given = bea.contact.as_mut().unwrap();
    given.contact_id = "bea".to_owned();
    given.addresses[0].address = Some(email("first.last@example.com"));
    db.insert(b"\x0cacme\0bea", whole(&bea.encode_to_vec())).unwrap();
    db.insert(b"\x0dacme\0\x01First.Last@example.com", whole(b"ana")).unwrap();
    db.insert(b"\x0dacme\0\x01first.last@example.com", whole(b"bea")).unwrap();
    db.remove(b"\x00\xfc").unwrap();
    db.flush().unwrap();
    drop(db);

    let gateway = directory.start().await;
    let line = async |part: &str| {
        let is_it =
            |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains(part));
        gateway.log.wait_for_line(part, is_it).await
    };
    assert_eq!(line("are found in whatever spelling now").await["folded"], 1);
    let told = line("contacts share one address").await;
    assert_eq!((told["brand.id"].as_str(), told["contacts"].as_str()), (Some("acme"), Some("bea, ana")));
    assert_eq!(told["address"], "f***@example.com");
    assert_eq!(owner(&gateway, "FIRST.LAST@example.com").await, "bea");
    let remove = v1::RemoveContactAddressRequest {
        contact_id: "bea".into(),
        address: Some(email("first.last@example.com")),
    };
    gateway.contacts().remove_contact_address(remove).await.unwrap();
    assert_eq!(owner(&gateway, "FIRST.LAST@example.com").await, "ana");
    gateway.stop().await;

    let gateway = directory.start().await;
    assert_eq!(owner(&gateway, "first.last@example.com").await, "ana");
    let lines = gateway.log.lines();
    assert!(lines.iter().all(|line| !line.contains("contacts share one address")), "{lines:#?}");
    gateway.stop().await;
}
