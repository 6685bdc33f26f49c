//! The settings of the way to a provider's HTTP API: directly or through a proxy, and whose certificates are trusted.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use reqwest::{Certificate, Proxy};
use serde::Deserialize;
use url::Url;

use super::exchange::describe;
use crate::adapters::build_error::ProviderBuildError;
use crate::adapters::tls;
use crate::secret::Secret;

/// The settings of the way to a provider's HTTP API. Each of them may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// The proxy through which the provider is reached: `http` or `https`, a host and a port. Requests to `https` go
    /// through a tunnel (CONNECT; RFC 9110, section 9.3.6). None when absent: the environment is not asked.
    pub proxy: Option<String>,
    /// The user name at the proxy; no authentication when absent.
    pub proxy_username: Option<String>,
    /// The password that goes with `proxy_username`.
    pub proxy_password: Option<Secret>,
    /// A file of certificates in PEM to trust besides the system's, for a provider or a proxy with a private certificate
    /// authority.
    pub ca_file: Option<PathBuf>,
}

/// The way to a provider's HTTP API, checked. By default there is no proxy, and the system's certificates are trusted.
#[derive(Debug, Clone, Default)]
pub struct HttpTransport {
    pub(super) proxy: Option<Proxy>,
    pub(super) trusted: Vec<Certificate>,
}

impl HttpSettings {
    /// Checks the settings, and reads the certificates.
    ///
    /// # Errors
    /// When a setting's value is wrong, or `ca_file` cannot be used.
    pub fn build(&self) -> Result<HttpTransport, ProviderBuildError> {
        Ok(HttpTransport { proxy: self.proxy()?, trusted: self.trusted()? })
    }

    /// The credentials travel apart from the URL, which is shown in errors and debug output.
    fn proxy(&self) -> Result<Option<Proxy>, ProviderBuildError> {
        let credentials = self.credentials()?;
        let Some(proxy) = &self.proxy else { return Ok(None) };
        let must = "must be a URL such as http://proxy.example.com:3128, without credentials, path or query";
        let wrong = ProviderBuildError::Setting { setting: "proxy", must };
        let url = Url::parse(proxy).ok().filter(is_host_alone).ok_or_else(|| wrong.clone())?;
        let proxy = Proxy::all(url).map_err(|_| wrong)?;
        Ok(Some(match credentials {
            Some(credentials) => proxy.custom_http_auth(credentials),
            None => proxy,
        }))
    }

    /// The value of `Proxy-Authorization` (RFC 7617).
    fn credentials(&self) -> Result<Option<HeaderValue>, ProviderBuildError> {
        let wrong = |setting, must| Err(ProviderBuildError::Setting { setting, must });
        match (&self.proxy_username, &self.proxy_password) {
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                wrong("proxy_password", "must be given if and only if proxy_username is")
            }
            (Some(_), Some(_)) if self.proxy.is_none() => {
                wrong("proxy_username", "must not be given without proxy")
            }
            (Some(user), Some(_)) if user.contains(':') => {
                wrong("proxy_username", "must not contain a colon")
            }
            (Some(user), Some(password)) => {
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                let mut value = HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is ASCII");
                value.set_sensitive(true);
                Ok(Some(value))
            }
        }
    }

    fn trusted(&self) -> Result<Vec<Certificate>, ProviderBuildError> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        Certificate::from_pem_bundle(&tls::read_ca_file(path)?)
            .map_err(|error| tls::ca_file_error(path, describe(error)))
    }
}

/// A proxy is a server, and so nothing but scheme, host and port.
fn is_host_alone(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    let root = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && plain && root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let settings: HttpSettings = toml::from_str(text).unwrap();
        settings.build().unwrap_err().to_string()
    }

    #[test]
    fn a_proxy_is_a_server_and_its_credentials_are_elsewhere() {
        for proxy in [
            "",
            "proxy.example.com:3128",
            "socks5://proxy.example.com",
            "http://user:secret@proxy.example.com",
            "http://proxy.example.com/path",
            "http://proxy.example.com?a=b",
        ] {
            let must = "proxy must be a URL such as http://proxy.example.com:3128, without credentials, path or query";
            assert_eq!(error(&format!("proxy = '{proxy}'")), must, "{proxy}");
        }
        let with = |more: &str| error(&format!("proxy = 'http://proxy.example.com:3128'\n{more}"));
        let password = "proxy_password = { '$secret' = 'secret' }";
        let together = "proxy_password must be given if and only if proxy_username is";
        assert_eq!(with("proxy_username = 'relevo'"), together);
        assert_eq!(with(password), together);
        assert_eq!(
            error(&format!("proxy_username = 'relevo'\n{password}")),
            "proxy_username must not be given without proxy"
        );
        assert_eq!(
            with(&format!("proxy_username = 'a:b'\n{password}")),
            "proxy_username must not contain a colon"
        );
    }

    #[test]
    fn a_file_of_certificates_must_hold_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(
            error(&format!("ca_file = '{path}'")),
            format!("ca_file: {path} cannot be used: it holds no certificate in PEM")
        );
        assert!(
            error("ca_file = '/nonexistent'")
                .starts_with("ca_file: /nonexistent cannot be used: No such file")
        );
    }
}
