//! API keys.

use relevo::model::{ApiKey, KeyScope};
use relevo::store::{MAX_REVOKED_KEYS, PageRequest, Stores};

use super::sample::*;

fn key(id: &str, brand: Option<&str>) -> ApiKey {
    ApiKey {
        id: id.parse().unwrap(),
        brand: brand.map(super::sample::brand),
        scopes: vec![KeyScope::Send, KeyScope::Contacts],
        label: "shop backend".to_owned(),
        secret_hash: [7; 32],
        created_at: at(0),
        revoked_at: None,
    }
}

pub async fn keys_are_created_listed_and_revoked_once(stores: &Stores) {
    let all = [key("a1", Some("acme")), key("b2", None), key("c3", Some("acme-2")), key("d4", Some("acme"))];
    for key in all.iter().rev() {
        assert!(stores.keys.create_key(key.clone(), u64::MAX).await.unwrap());
    }
    assert_eq!(stores.keys.key(&all[1].id).await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(stores.keys.key(&"zz".parse().unwrap()).await.unwrap(), None);
    let acme = acme();
    for size in [1, 2, 10] {
        assert_eq!(all_pages(size, |page| stores.keys.keys(None, page)).await, all);
        let found = all_pages(size, |page| stores.keys.keys(Some(&acme), page)).await;
        assert_eq!(found, [all[0].clone(), all[3].clone()]);
    }
    for second in [5, 6] {
        let revoked = stores.keys.revoke_key(&all[0].id, at(second)).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(5)), "the first revocation's time stays");
    }
    assert_eq!(stores.keys.key(&all[0].id).await.unwrap().unwrap().revoked_at, Some(at(5)));
    assert_eq!(stores.keys.revoke_key(&"zz".parse().unwrap(), at(1)).await.unwrap(), None);
}

pub async fn a_brand_has_no_more_keys_than_it_may(stores: &Stores) {
    let created = async |id: &str, brand| stores.keys.create_key(key(id, brand), 3).await.unwrap();
    let at_once = ["a1", "a2", "a3", "a4", "a5"].map(|id| created(id, Some("acme")));
    let stored = futures_util::future::join_all(at_once).await;
    assert_eq!(stored.iter().filter(|stored| **stored).count(), 3);
    assert!(created("b1", Some("acme-2")).await && created("c1", None).await, "others are not concerned");
    let mine = stores.keys.keys(Some(&acme()), PageRequest { size: 10, after: None }).await.unwrap().items;
    assert_eq!(mine.len(), 3);
    for second in [1, 2] {
        stores.keys.revoke_key(&mine[0].id, at(second)).await.unwrap();
    }
    assert!(created("a6", Some("acme")).await, "one that is revoked makes room");
    assert!(!created("a7", Some("acme")).await, "and makes it once");
}

pub async fn the_last_revoked_keys_of_a_brand_are_kept(stores: &Stores) {
    let max = usize::try_from(MAX_REVOKED_KEYS).unwrap();
    let keys: Vec<_> = (0..max + 2).map(|number| key(&format!("k{number}"), Some("acme"))).collect();
    let other = key("other", Some("acme-2"));
    for key in keys.iter().chain([&other]) {
        assert!(stores.keys.create_key(key.clone(), 1).await.unwrap());
        stores.keys.revoke_key(&key.id, at(1)).await.unwrap();
    }
    let last = key("last", Some("acme"));
    assert!(stores.keys.create_key(last.clone(), 1).await.unwrap());
    let acme = acme();
    let mut left = all_pages(500, |page| stores.keys.keys(Some(&acme), page)).await;
    left.retain(|key| key.revoked_at.is_some());
    assert_eq!(left.len(), max);
    assert!(!left.iter().any(|key| [&keys[0].id, &keys[1].id].contains(&&key.id)), "the first are forgotten");
    assert_eq!(stores.keys.revoke_key(&keys[0].id, at(2)).await.unwrap(), None);
    for key in [&last, &other] {
        assert!(stores.keys.key(&key.id).await.unwrap().is_some());
    }
}
