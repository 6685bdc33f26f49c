//! Steering sandbox providers.

use relevo::adapters::Envelope;
use relevo::adapters::sandbox::{SandboxBehavior, SandboxTarget};
use relevo::model::{Channel, MessageClass, RenderedContent};

use super::*;

/// An envelope of a brand, handed to the shared provider.
async fn deliver(gateway: &Gateway, sandbox: &Sandbox, brand: &str, text: &str) {
    use relevo::adapters::Adapter;
    let envelope = Envelope {
        message_id: gateway.clock.message_id(),
        attempt: 1,
        idempotency_attempt: 1,
        brand: brand.parse().unwrap(),
        class: MessageClass::Transactional,
        topic: "orders".parse().unwrap(),
        channel: Channel::Sms,
        from: None,
        address: relevo::model::Address::Phone(relevo::model::Phone::parse("+34600123456", None).unwrap()),
        content: RenderedContent::Text(text.into()),
        now: gateway.clock.now(),
    };
    sandbox.deliver(&envelope).await;
}

async fn outbox(gateway: &Gateway, key: &str, provider: &str) -> Result<Vec<String>, Status> {
    let request = v1::ListOutboxRequest { provider: provider.into(), page_size: 0 };
    let answer = gateway.sandbox(key).list_outbox(request).await?.into_inner();
    Ok(answer.entries.into_iter().map(|entry| entry.text).collect())
}

fn behave(provider: &str, failure_domain: &str, behavior: v1::Behavior) -> v1::SetBehaviorRequest {
    let (provider, failure_domain) = (provider.into(), failure_domain.into());
    v1::SetBehaviorRequest { provider, failure_domain, behavior: behavior.into(), retry_after: None }
}

#[tokio::test]
async fn a_brand_sees_what_it_sent_itself_even_through_a_shared_provider() {
    let gateway = Gateway::start().await;
    let shared = gateway.sandboxes.get(&"sms-shared".parse().unwrap()).unwrap();
    deliver(&gateway, shared, "acme", "from acme").await;
    deliver(&gateway, shared, "globex", "from globex").await;
    let (acme, root) = (gateway.acme().await, gateway.key(None, &[KeyScope::Operate]).await);
    assert_eq!(outbox(&gateway, &acme, "sms-shared").await.unwrap(), ["from acme"]);
    assert_eq!(outbox(&gateway, &acme, "").await.unwrap(), ["from acme"]);
    assert_eq!(outbox(&gateway, &root, "").await.unwrap().len(), 2);
    let hidden = outbox(&gateway, &acme, "email-globex").await;
    assert_eq!(code_and_reason(hidden), expected(Code::NotFound, "PROVIDER_NOT_FOUND"));
}

#[tokio::test]
async fn behaviour_follows_the_rules_of_control() {
    let gateway = Gateway::start().await;
    let (acme, root) = (gateway.acme().await, gateway.key(None, &[KeyScope::Operate]).await);
    let mut of_acme = gateway.sandbox(&acme);
    let set = of_acme.set_behavior(behave("email-acme", "", v1::Behavior::Fail)).await.unwrap().into_inner();
    assert_eq!(set.providers, ["email-acme"]);
    let answer = of_acme.set_behavior(behave("sms-shared", "", v1::Behavior::Fail)).await;
    assert_eq!(code_and_reason(answer), expected(Code::PermissionDenied, "PROVIDER_SHARED"));
    let answer = of_acme.set_behavior(behave("", "lab", v1::Behavior::Fail)).await;
    assert_eq!(code_and_reason(answer), expected(Code::PermissionDenied, "PROVIDER_SHARED"), "all or none");
    let answer = of_acme.set_behavior(behave("", "nowhere", v1::Behavior::Fail)).await;
    assert_eq!(code_and_reason(answer), expected(Code::NotFound, "SANDBOX_NOT_FOUND"));
    let all = gateway.sandbox(&root).set_behavior(behave("", "lab", v1::Behavior::Hang)).await.unwrap();
    assert_eq!(all.into_inner().providers.len(), 5);
    let unknown = SandboxTarget::Provider("nobody".parse().unwrap());
    assert!(gateway.sandboxes.set_behavior(&unknown, SandboxBehavior::Accept).is_empty());
}

#[tokio::test]
async fn everything_wrong_with_a_behaviour_is_told_at_once() {
    let gateway = Gateway::start().await;
    let mut sandbox = gateway.sandbox(&gateway.acme().await);
    let both = v1::SetBehaviorRequest {
        retry_after: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
        ..behave("email-acme", "lab", v1::Behavior::Unspecified)
    };
    insta::assert_snapshot!("invalid_behavior", error_text(sandbox.set_behavior(both).await, &[]));
}
