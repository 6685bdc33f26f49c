//! The health and the control of providers.

use relevo::model::{CallScope, Outcome, OutcomeEvidence, later};
use relevo::wire::timestamp;
use tokio_stream::StreamExt;
use v1::{BreakerState, ControlMode};

use super::*;

fn control(provider: &str, mode: ControlMode) -> v1::SetProviderControlRequest {
    let (reason, actor) = ("the lab burns".into(), "eva".into());
    v1::SetProviderControlRequest {
        provider: provider.into(),
        mode: mode.into(),
        reason,
        expire_time: None,
        actor,
    }
}

async fn names(gateway: &Gateway, key: &str) -> Vec<String> {
    let answer = gateway.providers(key).list_providers(v1::ListProvidersRequest {}).await.unwrap();
    answer.into_inner().providers.into_iter().map(|provider| provider.provider).collect()
}

#[tokio::test]
async fn a_brand_sees_the_providers_that_serve_it() {
    let gateway = Gateway::start().await;
    let root = gateway.key(None, &[KeyScope::Operate]).await;
    assert_eq!(
        names(&gateway, &gateway.acme().await).await,
        ["sms-shared", "email-acme", "bot-acme", "bot-shared"]
    );
    assert_eq!(names(&gateway, &gateway.globex().await).await, ["sms-shared", "email-globex", "bot-shared"]);
    assert_eq!(
        names(&gateway, &root).await,
        ["sms-shared", "email-acme", "email-globex", "bot-acme", "bot-shared"]
    );
}

#[tokio::test]
async fn a_brand_controls_what_serves_it_alone() {
    let gateway = Gateway::start().await;
    let (acme, root) = (gateway.acme().await, gateway.key(None, &[KeyScope::Operate]).await);
    let off = |name| control(name, ControlMode::OutOfService);
    let shared = gateway.providers(&acme).set_provider_control(off("sms-shared")).await;
    insta::assert_snapshot!("shared_provider", error_text(shared, &[(key_id(&acme).as_str(), "<key>")]));
    let hidden = gateway.providers(&acme).set_provider_control(off("email-globex")).await;
    assert_eq!(code_and_reason(hidden), expected(Code::NotFound, "PROVIDER_NOT_FOUND"));
    gateway.providers(&acme).set_provider_control(off("email-acme")).await.unwrap();
    gateway.providers(&root).set_provider_control(off("sms-shared")).await.unwrap();
}

#[tokio::test]
async fn a_control_is_in_force_on_record_and_says_who() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let mut providers = gateway.providers(&key);
    let expire_time = Some(timestamp(later(gateway.clock.now(), Duration::from_secs(60))));
    let request =
        v1::SetProviderControlRequest { expire_time, ..control("email-acme", ControlMode::Draining) };
    let set = providers.set_provider_control(request).await.unwrap().into_inner().provider.unwrap();
    let set = set.control.unwrap();
    assert_eq!(
        (set.mode(), set.reason.as_str(), set.expire_time),
        (ControlMode::Draining, "the lab burns", expire_time)
    );
    assert_eq!(set.actor, format!("{} (eva)", key_id(&key)));
    let status = gateway.board.status(&"email-acme".parse().unwrap(), gateway.clock.moment()).unwrap();
    assert_eq!(status.mode, relevo::model::ControlMode::Draining);
    assert_eq!(gateway.stores.controls.controls().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_audit_log_shows_a_brand_its_own_providers() {
    let gateway = Gateway::start().await;
    let root = gateway.key(None, &[KeyScope::Operate]).await;
    for (name, mode) in [
        ("email-acme", ControlMode::OutOfService),
        ("email-globex", ControlMode::OutOfService),
        ("email-acme", ControlMode::InService),
    ] {
        gateway.providers(&root).set_provider_control(control(name, mode)).await.unwrap();
    }
    let changes = async |key: &str, provider: &str, page_token: String| {
        let request =
            v1::ListProviderControlChangesRequest { provider: provider.into(), page_size: 2, page_token };
        gateway.providers(key).list_provider_control_changes(request).await.map(tonic::Response::into_inner)
    };
    let named = |page: &v1::ListProviderControlChangesResponse| {
        page.changes.iter().map(|change| change.provider.clone()).collect::<Vec<_>>().join(" ")
    };
    let first = changes(&root, "", String::new()).await.unwrap();
    assert_eq!(named(&first), "email-acme email-globex");
    let second = changes(&root, "", first.next_page_token).await.unwrap();
    assert_eq!((named(&second).as_str(), second.next_page_token.as_str()), ("email-acme", ""));
    let globex = gateway.globex().await;
    assert_eq!(named(&changes(&globex, "", String::new()).await.unwrap()), "email-globex");
    let hidden = changes(&globex, "email-acme", String::new()).await;
    assert_eq!(code_and_reason(hidden), expected(Code::NotFound, "PROVIDER_NOT_FOUND"));
}

#[tokio::test]
async fn everything_wrong_with_a_control_is_told_at_once() {
    let gateway = Gateway::start().await;
    let mut providers = gateway.providers(&gateway.acme().await);
    let past = v1::SetProviderControlRequest { expire_time: Some(timestamp(START)), ..Default::default() };
    let ahead = timestamp(later(gateway.clock.now(), Duration::from_secs(60)));
    let forever = control("email-acme", ControlMode::InService);
    let forever = v1::SetProviderControlRequest { expire_time: Some(ahead), ..forever };
    let text = error_text(providers.set_provider_control(past).await, &[])
        + &error_text(providers.set_provider_control(forever).await, &[]);
    insta::assert_snapshot!("invalid_control", text);
}

#[tokio::test]
async fn a_watch_tells_all_providers_and_then_what_changes() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let mut watch =
        gateway.providers(&key).watch_providers(v1::WatchProvidersRequest {}).await.unwrap().into_inner();
    let mut next = async || watch.next().await.unwrap().unwrap().provider.unwrap();
    for name in ["sms-shared", "email-acme", "bot-acme", "bot-shared"] {
        assert_eq!(next().await.provider, name);
    }
    gateway.providers(&key).set_provider_control(control("email-acme", ControlMode::Draining)).await.unwrap();
    let changed = next().await;
    assert_eq!(
        (changed.provider.as_str(), changed.control.unwrap().mode()),
        ("email-acme", ControlMode::Draining)
    );

    let (sms, now) = ("sms-shared".parse().unwrap(), gateway.clock.moment());
    let evidence = OutcomeEvidence::new("401", "wrong password");
    let call = gateway
        .board
        .permit(&sms, CallScope::default(), false, now)
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    call.finish(&Outcome::Misconfigured { evidence }, now);
    let broken = loop {
        let provider = next().await;
        if provider.breaker() != BreakerState::Closed {
            break provider;
        }
    };
    assert_eq!((broken.provider.as_str(), broken.breaker()), ("sms-shared", BreakerState::Open));
    assert!(broken.probe_time.is_some());
    // A provider's words may quote another brand's message.
    assert_eq!(broken.last_failure, "misconfigured: 401");
    let list = v1::ListProvidersRequest::default();
    let root = gateway
        .providers(&gateway.key(None, &[KeyScope::Operate]).await)
        .list_providers(list)
        .await
        .unwrap()
        .into_inner();
    let failures: Vec<_> = root.providers.iter().map(|provider| provider.last_failure.as_str()).collect();
    assert!(failures.contains(&"misconfigured: 401 wrong password"), "{failures:?}");
}

#[tokio::test]
async fn a_watch_ends_when_the_gateway_stops() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let watch =
        gateway.providers(&key).watch_providers(v1::WatchProvidersRequest {}).await.unwrap().into_inner();
    let mut watch = watch.skip(4);
    gateway.stop.send(()).unwrap();
    assert_eq!(code_and_reason(watch.next().await.unwrap()), expected(Code::Unavailable, "STOPPING"));
    gateway.server.await.unwrap();
}
