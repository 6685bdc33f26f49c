//! The way to a provider: connections that are kept, HTTP/2, certificates of a private authority, and a proxy.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use relevo::adapters::email::resend::ResendAdapter;
use relevo::adapters::{Adapter, HttpSettings, Transport};
use serde_json::json;

use super::network::deliveries;
use super::resend;
use crate::email::tls::{Certificates, bundle};
use crate::peers::{Api, Proxy, WiremockStubs};
use crate::support::envelopes;

/// The way that the settings in TOML describe.
fn way(text: &str) -> Transport {
    let settings: HttpSettings = toml::from_str(text).unwrap();
    Transport { http: settings.build().unwrap(), ..Transport::default() }
}

fn resend_at(url: String, transport: &Transport) -> ResendAdapter {
    ResendAdapter::new(&resend::settings(url), transport).unwrap()
}

#[tokio::test]
async fn every_adapter_speaks_http2_where_it_is_offered_and_keeps_its_connection() {
    let api = Api::start("http2", &[]);
    let deliveries = deliveries(&api.url(), &way(&api.trust()));
    for (adapter, envelope) in &deliveries {
        let _ = adapter.deliver(envelope).await;
        join_all((0..5).map(|_| adapter.deliver(envelope))).await;
    }
    let posted = api.posted().await;
    assert!(posted.len() >= 6 * deliveries.len(), "{}", posted.len());
    assert!(posted.iter().all(|(version, _)| version == "2.0"), "{posted:?}");
    let connections: BTreeSet<u64> = posted.iter().map(|(_, connection)| *connection).collect();
    assert_eq!(connections.len(), deliveries.len());
}

#[tokio::test]
async fn a_connection_of_http1_is_kept_for_the_next_call() {
    let api = Api::start("http1", &["--http1"]);
    let adapter = resend_at(api.url(), &way(&api.trust()));
    for _ in 0..3 {
        assert_eq!(adapter.deliver(&envelopes::to_email("hello")).await.as_str(), "sent");
    }
    let posted = api.posted().await;
    assert_eq!(posted.len(), 3);
    assert!(posted.iter().all(|post| *post == ("1.1".to_owned(), posted[0].1)), "{posted:?}");
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_where_it_is_configured() {
    let api = Api::start("private-authority", &[]);
    let outcome = resend_at(api.url(), &way("")).deliver(&envelopes::to_email("hello")).await;
    assert_eq!(outcome.as_str(), "unavailable");
    let words = outcome.evidence().unwrap().to_string();
    assert!(words.contains("certificate"), "{words}");
    assert!(api.posted().await.is_empty());
}

#[tokio::test]
async fn a_proxy_carries_the_calls_in_a_tunnel_once_it_knows_us() {
    let (api, proxy) = (Api::start("behind-proxy", &[]), Proxy::start("proxy"));
    let email = envelopes::to_email("hello");
    let stranger = resend_at(api.url(), &way(&(api.trust() + &proxy.settings("wrong"))));
    let outcome = stranger.deliver(&email).await;
    assert_eq!(outcome.as_str(), "unavailable", "{outcome:?}");
    assert!(api.posted().await.is_empty() && proxy.passed().is_empty());

    let known = resend_at(api.url(), &way(&(api.trust() + &proxy.settings("open sesame"))));
    for _ in 0..3 {
        assert_eq!(known.deliver(&email).await.as_str(), "sent");
    }
    let posted = api.posted().await;
    assert_eq!(posted.len(), 3);
    assert!(posted.iter().all(|post| *post == ("2.0".to_owned(), posted[0].1)), "{posted:?}");
    assert_eq!(proxy.passed(), [format!("tunnel {}", api.url().replace("https://", ""))]);
}

#[tokio::test]
async fn a_proxy_forwards_what_is_not_encrypted() {
    let (stubs, proxy) = (WiremockStubs::new("forwarded"), Proxy::start("forwarding-proxy"));
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "id": "17" } })).await;
    let adapter = resend_at(stubs.url(), &way(&proxy.settings("open sesame")));
    assert_eq!(adapter.deliver(&envelopes::to_email("hello")).await.as_str(), "sent");
    let request = &stubs.requests().await[0];
    assert!(!request["headers"].to_string().to_lowercase().contains("proxy-authorization"), "{request}");
    assert_eq!(proxy.passed().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_is_itself_encrypted_is_trusted_by_the_same_file() {
    let (api, certificates) = (Api::start("behind-tls-proxy", &[]), Certificates::new("tls-proxy"));
    let proxy = Proxy::encrypted("tls-proxy", &certificates);
    let email = envelopes::to_email("hello");
    let through = |trust: String| resend_at(api.url(), &way(&(trust + &proxy.settings("open sesame"))));
    let outcome = through(api.trust()).deliver(&email).await;
    assert_eq!(outcome.as_str(), "unavailable", "{outcome:?}");
    assert!(api.posted().await.is_empty() && proxy.passed().is_empty());

    let both = bundle("behind-tls-proxy", &[api.authority(), &certificates.authority]);
    let outcome = through(format!("ca_file = '{}'\n", both.display())).deliver(&email).await;
    assert_eq!(outcome.as_str(), "sent", "{outcome:?}");
    assert_eq!(proxy.passed().len(), 1);
}
