//! Who may call what. Every method of every service is tried with every kind of wrong key.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use relevo::wire::DESCRIPTORS;

use super::*;

/// Calls one method with a default request and tells how it failed.
macro_rules! refusal {
    ($client:expr, $name:ident, $method:ident) => {
        (stringify!($method), code_and_reason($client.$method(v1::$name::default()).await))
    };
}

/// Calls every method of the services that serve a brand only.
async fn brand_methods(client: &Client) -> Vec<(&'static str, (Code, String))> {
    let mut messages = MessageServiceClient::new(client.clone());
    let mut contacts = ContactServiceClient::new(client.clone());
    let mut consents = ConsentServiceClient::new(client.clone());
    let stream = futures_util::stream::empty::<v1::SendStreamRequest>();
    vec![
        refusal!(messages, SendRequest, send),
        ("send_stream", code_and_reason(messages.send_stream(stream).await.map(drop))),
        refusal!(messages, GetMessageRequest, get_message),
        refusal!(messages, ListMessagesRequest, list_messages),
        (
            "watch_messages",
            code_and_reason(messages.watch_messages(v1::WatchMessagesRequest::default()).await.map(drop)),
        ),
        refusal!(messages, CancelMessageRequest, cancel_message),
        refusal!(messages, ExplainRouteRequest, explain_route),
        refusal!(contacts, UpsertContactRequest, upsert_contact),
        refusal!(contacts, AddContactAddressRequest, add_contact_address),
        refusal!(contacts, RemoveContactAddressRequest, remove_contact_address),
        refusal!(contacts, GetContactRequest, get_contact),
        refusal!(contacts, FindContactRequest, find_contact),
        refusal!(contacts, ListContactsRequest, list_contacts),
        refusal!(contacts, DeleteContactRequest, delete_contact),
        refusal!(contacts, ListContactEventsRequest, list_contact_events),
        refusal!(contacts, CreateTelegramLinkRequest, create_telegram_link),
        refusal!(consents, RecordConsentRequest, record_consent),
        refusal!(consents, GetConsentRequest, get_consent),
        refusal!(consents, GetPreferencesRequest, get_preferences),
        refusal!(consents, SetPreferencesRequest, set_preferences),
        refusal!(consents, CheckConsentRequest, check_consent),
        refusal!(consents, SuppressAddressRequest, suppress_address),
        refusal!(consents, LiftSuppressionRequest, lift_suppression),
    ]
}

/// Calls every method of the services that a gateway key may use too.
async fn gateway_methods(client: &Client) -> Vec<(&'static str, (Code, String))> {
    let mut providers = ProviderServiceClient::new(client.clone());
    let mut keys = KeyServiceClient::new(client.clone());
    let mut incidents = IncidentServiceClient::new(client.clone());
    let mut sandbox = SandboxServiceClient::new(client.clone());
    let watch = providers.watch_providers(v1::WatchProvidersRequest::default()).await.map(drop);
    vec![
        ("watch_providers", code_and_reason(watch)),
        refusal!(providers, ListProvidersRequest, list_providers),
        refusal!(providers, SetProviderControlRequest, set_provider_control),
        refusal!(providers, ListProviderControlChangesRequest, list_provider_control_changes),
        refusal!(incidents, ListIncidentsRequest, list_incidents),
        refusal!(incidents, GetIncidentRequest, get_incident),
        refusal!(keys, CreateKeyRequest, create_key),
        refusal!(keys, ListKeysRequest, list_keys),
        refusal!(keys, RevokeKeyRequest, revoke_key),
        refusal!(sandbox, ListOutboxRequest, list_outbox),
        refusal!(sandbox, SetBehaviorRequest, set_behavior),
    ]
}

async fn every_method(client: &Client) -> Vec<(&'static str, (Code, String))> {
    [brand_methods(client).await, gateway_methods(client).await].concat()
}

#[tokio::test]
async fn every_method_of_the_api_is_tried() {
    let gateway = Gateway::start().await;
    let tried = every_method(&gateway.client_with(None)).await;
    let tried: BTreeSet<String> = tried.iter().map(|(method, _)| method.replace('_', "")).collect();
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    assert_eq!(tried, methods.map(|method| method.name().to_lowercase()).collect());
}

#[tokio::test]
async fn no_method_answers_without_a_key_in_force() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let wrong = format!("rlv_{}_{}", key_id(&key), "0".repeat(64));
    let unknown = format!("rlv_nobody_{}", "0".repeat(64));
    let revoked = gateway.acme().await;
    gateway.stores.keys.revoke_key(&key_id(&revoked), START).await.unwrap();
    for (authorization, reason) in [
        (None, "KEY_MISSING"),
        (Some("Bearer nonsense".to_owned()), "KEY_MALFORMED"),
        (Some(format!("Basic {key}")), "KEY_MALFORMED"),
        (Some(key), "KEY_MALFORMED"),
        (Some(format!("Bearer {wrong}")), "KEY_UNKNOWN"),
        (Some(format!("Bearer {unknown}")), "KEY_UNKNOWN"),
        (Some(format!("bearer {revoked}")), "KEY_REVOKED"),
    ] {
        let client = gateway.client_with(authorization.as_deref());
        for (method, actual) in every_method(&client).await {
            assert_eq!(actual, expected(Code::Unauthenticated, reason), "{method} with {authorization:?}");
        }
    }
}

#[tokio::test]
async fn every_method_needs_its_scope() {
    let gateway = Gateway::start().await;
    for (scope, refused, allowed) in [
        (KeyScope::Send, "contacts operate admin", "messages"),
        (KeyScope::Contacts, "messages operate admin", "contacts"),
        (KeyScope::Operate, "messages contacts admin", "operate"),
        (KeyScope::Admin, "", "messages contacts operate admin"),
    ] {
        let key = gateway.key(Some("acme"), &[scope]).await;
        for (kind, answer) in one_of_each_kind(&gateway, &key).await {
            let narrow = matches!(&answer, Err(status) if status.code() == Code::PermissionDenied);
            assert_eq!(narrow, refused.contains(kind), "{kind} with {scope:?}: {answer:?}");
            assert_eq!(answer.is_ok(), allowed.contains(kind), "{kind} with {scope:?}: {answer:?}");
        }
    }
    let key = gateway.key(Some("acme"), &[KeyScope::Contacts]).await;
    let answer = gateway.messages(&key).send(v1::SendRequest::default()).await;
    let id = key_id(&key);
    insta::assert_snapshot!("too_narrow", error_text(answer, &[(id.as_str(), "<key>")]));
}

/// Calls a method that reads, one for each kind of scope.
async fn one_of_each_kind(gateway: &Gateway, key: &str) -> Vec<(&'static str, Result<(), Status>)> {
    vec![
        ("messages", gateway.messages(key).list_messages(v1::ListMessagesRequest::default()).await.map(drop)),
        ("contacts", gateway.contacts(key).list_contacts(v1::ListContactsRequest::default()).await.map(drop)),
        (
            "operate",
            gateway.providers(key).list_providers(v1::ListProvidersRequest::default()).await.map(drop),
        ),
        ("admin", gateway.keys(key).list_keys(v1::ListKeysRequest::default()).await.map(drop)),
    ]
}

#[tokio::test]
async fn a_gateway_key_touches_no_brands_data() {
    let gateway = Gateway::start().await;
    let key = gateway.key(None, &[KeyScope::Admin]).await;
    for (method, actual) in brand_methods(&gateway.client(&key)).await {
        assert_eq!(actual, expected(Code::PermissionDenied, "KEY_WITHOUT_BRAND"), "{method}");
    }
    for (kind, answer) in one_of_each_kind(&gateway, &key).await {
        assert_eq!(answer.is_ok(), matches!(kind, "operate" | "admin"), "{kind}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_of_a_brand_that_is_gone_opens_nothing() {
    let gateway = Gateway::start().await;
    let key = gateway.key(Some("gone"), &[KeyScope::Admin]).await;
    for (method, actual) in every_method(&gateway.client(&key)).await {
        assert_eq!(actual, expected(Code::PermissionDenied, "BRAND_NOT_CONFIGURED"), "{method}");
    }
}

#[tokio::test]
async fn a_refused_call_changes_nothing() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let narrow = gateway.key(Some("acme"), &[KeyScope::Contacts]).await;
    let answer = gateway.messages(&narrow).send(send(spec("hello"))).await;
    assert_eq!(code_and_reason(answer), expected(Code::PermissionDenied, "KEY_LACKS_SCOPE"));
    let messages = gateway.messages(&key).list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    assert!(messages.into_inner().messages.is_empty());
}

#[tokio::test]
async fn how_keys_are_refused() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let id = key_id(&key);
    gateway.stores.keys.revoke_key(&id, START).await.unwrap();
    let mut text = String::new();
    let unknown = format!("Bearer rlv_nobody_{}", "0".repeat(64));
    let revoked = format!("Bearer {key}");
    for authorization in [None, Some("Bearer nonsense"), Some(unknown.as_str()), Some(revoked.as_str())] {
        let mut client = MessageServiceClient::new(gateway.client_with(authorization));
        let answer = client.send(v1::SendRequest::default()).await;
        text += &error_text(answer, &[(id.as_str(), "<key>")]);
    }
    insta::assert_snapshot!("refused_keys", text);
}
