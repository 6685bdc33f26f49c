//! API keys.

use super::*;

fn create(brand: &str, scopes: &[v1::Scope]) -> v1::CreateKeyRequest {
    let scopes = scopes.iter().map(|scope| (*scope).into()).collect();
    v1::CreateKeyRequest { brand: brand.into(), scopes, label: "the shop".into() }
}

async fn ids(gateway: &Gateway, key: &str) -> Vec<String> {
    let answer = gateway.keys(key).list_keys(v1::ListKeysRequest::default()).await.unwrap();
    answer.into_inner().keys.into_iter().map(|key| key.key_id).collect()
}

#[tokio::test]
async fn a_created_key_works_until_it_is_revoked() {
    let gateway = Gateway::start().await;
    let admin = gateway.acme().await;
    let created =
        gateway.keys(&admin).create_key(create("acme", &[v1::Scope::Send])).await.unwrap().into_inner();
    let list = || v1::ListMessagesRequest::default();
    gateway.messages(&created.secret).list_messages(list()).await.unwrap();
    let key_id = created.key.unwrap().key_id;
    let revoke = v1::RevokeKeyRequest { key_id };
    let revoked = gateway.keys(&admin).revoke_key(revoke).await.unwrap().into_inner().key.unwrap();
    assert!(revoked.revoke_time.is_some());
    let answer = gateway.messages(&created.secret).list_messages(list()).await;
    assert_eq!(code_and_reason(answer), expected(Code::Unauthenticated, "KEY_REVOKED"));
}

#[tokio::test]
async fn a_brands_admin_manages_that_brands_keys_only() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    let root = gateway.key(None, &[KeyScope::Admin]).await;
    assert_eq!(ids(&gateway, &acme).await, [key_id(&acme).as_str()]);
    assert_eq!(ids(&gateway, &root).await.len(), 3);
    let other = expected(Code::PermissionDenied, "KEY_OF_OTHER_BRAND");
    // Nor does it learn which brands there are.
    for brand in ["globex", "nobody", ""] {
        let answer = gateway.keys(&acme).create_key(create(brand, &[v1::Scope::Admin])).await;
        assert_eq!(code_and_reason(answer), other, "{brand:?}");
    }
    for (key, victim) in [(&acme, &globex), (&acme, &root)] {
        let revoke = v1::RevokeKeyRequest { key_id: key_id(victim).to_string() };
        assert_eq!(
            code_and_reason(gateway.keys(key).revoke_key(revoke).await),
            expected(Code::NotFound, "KEY_NOT_FOUND")
        );
    }
    gateway.keys(&root).create_key(create("globex", &[v1::Scope::Send])).await.unwrap();
    gateway.keys(&root).create_key(create("", &[v1::Scope::Operate])).await.unwrap();
    let revoke = v1::RevokeKeyRequest { key_id: key_id(&acme).to_string() };
    gateway.keys(&root).revoke_key(revoke).await.unwrap();
}

#[tokio::test]
async fn everything_wrong_with_a_key_is_told_at_once() {
    let gateway = Gateway::start().await;
    let mut keys = gateway.keys(&gateway.key(None, &[KeyScope::Admin]).await);
    let wrong =
        v1::CreateKeyRequest { brand: "nobody".into(), scopes: vec![1, 1, 0], label: "x".repeat(101) };
    let empty = v1::CreateKeyRequest::default();
    let mut text = String::new();
    for request in [wrong, empty, create("", &[v1::Scope::Send])] {
        text += &error_text(keys.create_key(request).await, &[]);
    }
    insta::assert_snapshot!("invalid_key", text);
}

#[tokio::test]
async fn a_brand_that_has_all_its_keys_is_told_what_to_do() {
    let settings = ApiSettings { max_keys_per_brand: 2, ..ApiSettings::default() };
    let gateway = Gateway::with(Stores::memory(), settings).await;
    let mut keys = gateway.keys(&gateway.acme().await);
    let first = keys.create_key(create("acme", &[v1::Scope::Send])).await.unwrap().into_inner().key.unwrap();
    let refused = keys.create_key(create("acme", &[v1::Scope::Send])).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_details_retry_info().is_none(), "waiting does not help: {refused:?}");
    assert!(refused.message().contains("revoke one"), "{refused:?}");
    keys.revoke_key(v1::RevokeKeyRequest { key_id: first.key_id }).await.unwrap();
    keys.create_key(create("acme", &[v1::Scope::Send])).await.unwrap();
}
