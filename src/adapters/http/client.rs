//! The client by which a provider's HTTP API is called.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};

use super::exchange::describe;
use crate::adapters::build_error::ProviderBuildError;
use crate::adapters::name_lookup::HttpResolver;
use crate::adapters::transport::Transport;

/// Shorter than the providers' own limits (a minute and more): a connection that the other side is about to close
/// would leave the request sent on it in doubt.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// How often the other side of an HTTP/2 connection is asked whether it is still there while it owes answers, and how
/// long that may take. All calls share such a connection, and a call's time-out does not end it: without this, one that
/// died in silence would cost every call its time-out until the system gave it up.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds the client of one provider. It follows no redirect and no proxy of the environment: the configuration alone says
/// where a message and its credentials go. Who makes a call bounds its time, because an answer that has arrived by then has to
/// count, and reqwest's own timer does not look for one. Connections are kept for the next calls, and speak HTTP/2 where the provider
/// offers it (ALPN; RFC 9113, section 3.2); the operating system watches over them by reqwest's defaults (TCP keep-alive after 15
/// seconds without a word).
///
/// # Errors
/// When the machine's TLS set-up cannot be read.
pub(in crate::adapters) fn build_client(transport: &Transport) -> Result<Client, ProviderBuildError> {
    let Transport { limits, http } = transport;
    let connect_timeout = Duration::from_millis(limits.connect_timeout_ms);
    let mut builder = Client::builder()
        .connect_timeout(connect_timeout)
        .dns_resolver(Arc::new(HttpResolver { connect_timeout }))
        .pool_idle_timeout(IDLE_CONNECTION)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .use_rustls_tls()
        .user_agent(concat!("relevo/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = &http.proxy {
        builder = builder.proxy(proxy.clone());
    }
    for certificate in &http.trusted {
        builder = builder.add_root_certificate(certificate.clone());
    }
    builder.build().map_err(|error| ProviderBuildError::HttpClient(describe(error)))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::super::HttpSettings;
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let text = "proxy = 'https://proxy.example.com'\nproxy_username = 'relevo'\n\
                    proxy_password = { '$secret' = 'open sesame' }";
        let settings: HttpSettings = toml::from_str(text).unwrap();
        let http = settings.build().unwrap();
        let client = build_client(&Transport { http: http.clone(), ..Transport::default() }).unwrap();
        let shown = format!("{settings:?} {http:?} {client:?}");
        let encoded = STANDARD.encode("relevo:open sesame");
        assert!(shown.contains("proxy.example.com"), "{shown}");
        assert!(!shown.contains("open sesame") && !shown.contains(&encoded), "{shown}");
    }
}
