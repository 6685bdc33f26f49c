//! The parts that the adapters of Amazon's services share: credentials, requests signed by Signature Version 4, and the
//! errors that every service answers with.
//!
//! The signature is computed here (IAM User Guide, "Create a signed AWS API request") for the one form of request that is
//! needed: a POST without a query. The SDK's own crate for it, aws-sigv4, would bring thirteen crates along.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use sha2::{Digest, Sha256};
use url::{Position, Url};

use super::error_meaning::{ErrorMeaning, THROTTLED};
use super::settings::require;
use super::{ProviderBuildError, http};
use crate::model::Timestamp;
use crate::secret::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An access key and the region in which it is used.
#[derive(Debug, Clone)]
pub(super) struct AwsCredentials {
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The session of a temporary key.
    pub session_token: Option<Secret>,
}

impl AwsCredentials {
    /// Where a service is in the region, unless a setting says otherwise.
    ///
    /// # Errors
    /// When the region or the setting is wrong.
    pub(super) fn base_url(&self, host: &str, setting: Option<&str>) -> Result<Url, ProviderBuildError> {
        let in_region = format!("https://{host}.{}.amazonaws.com", self.region);
        http::parse_base_url("base_url", setting.unwrap_or(&in_region))
    }

    fn validate(&self) -> Result<(), ProviderBuildError> {
        let is_visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        require(is_region(&self.region), "region", "must be the code of a region such as eu-west-1")?;
        require(
            self.access_key_id.len() >= 16 && self.access_key_id.bytes().all(|b| b.is_ascii_alphanumeric()),
            "access_key_id",
            "must be the id of an access key: 16 or more letters and digits, such as AKIAIOSFODNN7EXAMPLE",
        )?;
        require(
            is_visible(self.secret_access_key.expose()),
            "secret_access_key",
            "must be the secret of the access key, without spaces",
        )?;
        require(
            self.session_token.as_ref().is_none_or(|token| is_visible(token.expose())),
            "session_token",
            "must be the token of a temporary access key, without spaces; leave it out for a lasting one",
        )
    }
}

fn is_region(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Signs requests to one service.
#[derive(Debug, Clone)]
pub(super) struct AwsSigner {
    service: &'static str,
    credentials: AwsCredentials,
}

impl AwsSigner {
    /// A signer for a service, by the name that the service has in signatures.
    ///
    /// # Errors
    /// When one of the credentials cannot be one.
    pub(super) fn new(
        service: &'static str,
        credentials: AwsCredentials,
    ) -> Result<Self, ProviderBuildError> {
        credentials.validate()?;
        Ok(Self { service, credentials })
    }

    /// The headers that sign a POST of `body` to `url`. Amazon refuses a request that was signed more than five minutes
    /// before or after its own time.
    pub(super) fn signed_headers(
        &self,
        url: &Url,
        content_type: &str,
        body: &str,
        now: Timestamp,
    ) -> HeaderMap {
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        // In the order of their names, as they are signed.
        let mut headers = vec![
            (HeaderName::from_static("content-type"), content_type.to_owned()),
            (HeaderName::from_static("host"), url[Position::BeforeHost..Position::AfterPort].to_owned()),
            (HeaderName::from_static("x-amz-date"), time.clone()),
        ];
        if let Some(token) = &self.credentials.session_token {
            headers.push((HeaderName::from_static("x-amz-security-token"), token.expose().to_owned()));
        }
        let authorization = self.authorization(&canonical(url, &headers, body), &names(&headers), &time);
        headers.push((AUTHORIZATION, authorization));
        // The client writes the host by itself.
        headers.retain(|(name, _)| name != "host");
        headers.into_iter().map(|(name, value)| (name, sensitive(&value))).collect()
    }

    fn authorization(&self, canonical: &str, signed_headers: &str, time: &str) -> String {
        let AwsCredentials { region, access_key_id, secret_access_key, .. } = &self.credentials;
        let day = &time[..8];
        let scope = format!("{day}/{region}/{}/aws4_request", self.service);
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let key = format!("AWS4{}", secret_access_key.expose()).into_bytes();
        let parts = [day, region, self.service, "aws4_request", &to_sign];
        let signature = hex(&parts.iter().fold(key, |key, part| hmac(&key, part)));
        format!(
            "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        )
    }
}

/// The request in the form that is signed: method, path, query (none), headers, their names, and the body's hash.
fn canonical(url: &Url, headers: &[(HeaderName, String)], body: &str) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let path = twice_escaped(url.path());
    format!("POST\n{path}\n\n{lines}\n{}\n{}", names(headers), hex(&Sha256::digest(body)))
}

/// The path as it goes over the wire is escaped once; it is signed escaped once more.
fn twice_escaped(path: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(escaped).collect()
}

fn names(headers: &[(HeaderName, String)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sensitive(value: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(value).expect("it was checked when the signer was built");
    value.set_sensitive(true);
    value
}

/// The meaning of an error that every service may answer with ("Common error types" in each API's reference), by its name
/// with or without `Exception` at the end: the protocols differ in that. `None` when it is not one of those.
pub(super) fn common_error_meaning(name: &str) -> Option<ErrorMeaning> {
    Some(match name.trim_end_matches("Exception") {
        "Throttling" | "Throttled" | "RequestThrottled" | "TooManyRequests" | "LimitExceeded" => THROTTLED,

        "InternalFailure" | "InternalError" | "InternalServiceError" | "InternalServerError" => {
            ErrorMeaning::Unavailable
        }
        "ServiceUnavailable" | "RequestTimeout" | "RequestAborted" => ErrorMeaning::Unavailable,

        // The access key: unknown, wrong, expired, without permission, or not for this service.
        "InvalidClientTokenId" | "UnrecognizedClient" | "InvalidAccessKeyId" => ErrorMeaning::Misconfigured,
        "SignatureDoesNotMatch" | "InvalidSignature" | "IncompleteSignature" => ErrorMeaning::Misconfigured,
        "MissingAuthenticationToken" | "ExpiredToken" | "AuthFailure" => ErrorMeaning::Misconfigured,
        "AccessDenied" | "NotAuthorized" | "OptInRequired" => ErrorMeaning::Misconfigured,
        // This machine's clock is off.
        "RequestExpired" | "RequestTimeTooSkewed" => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(change: fn(&mut AwsCredentials)) -> Result<AwsSigner, ProviderBuildError> {
        let mut credentials = AwsCredentials {
            region: "us-east-1".to_owned(),
            access_key_id: "AKIDEXAMPLEAKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        change(&mut credentials);
        AwsSigner::new("service", credentials)
    }

    fn signed(signer: &AwsSigner, url: &str, body: &str) -> HeaderMap {
        let url = Url::parse(url).unwrap();
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        signer.signed_headers(&url, "application/x-www-form-urlencoded", body, now)
    }

    fn signature(headers: &HeaderMap) -> &str {
        headers["authorization"].to_str().unwrap().rsplit_once("Signature=").unwrap().1
    }

    /// The example `post-x-www-form-urlencoded` of Amazon's test suite for Signature Version 4.
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        // The id is not part of what is signed, and that of the example is too short to be one.
        let headers = signed(&signer(|_| ()).unwrap(), "https://example.amazonaws.com/", "Param1=value1");
        assert_eq!(
            headers["authorization"].to_str().unwrap(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEAKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert!(!headers.contains_key("host"));
    }

    /// The IAM User Guide's example of a derived key.
    #[test]
    fn the_key_is_that_of_the_published_example() {
        let key = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        let parts = ["20150830", "us-east-1", "iam", "aws4_request"];
        assert_eq!(
            hex(&parts.iter().fold(key, |key, part| hmac(&key, part))),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    #[test]
    fn everything_that_is_sent_is_signed() {
        let plain = signer(|_| ()).unwrap();
        let base = signed(&plain, "https://example.com/a", "x");
        for (url, body) in [
            ("https://example.com/a", "y"),
            ("https://example.com/b", "x"),
            ("https://example.com:8443/a", "x"),
            ("https://example.org/a", "x"),
        ] {
            assert_ne!(signature(&signed(&plain, url, body)), signature(&base), "{url} {body}");
        }
        let other = signer(|credentials| credentials.secret_access_key = Secret::new("another")).unwrap();
        assert_ne!(signature(&signed(&other, "https://example.com/a", "x")), signature(&base));
        let session =
            signer(|credentials| credentials.session_token = Some(Secret::new("the-token"))).unwrap();
        let headers = signed(&session, "https://example.com/a", "x");
        assert_ne!(signature(&headers), signature(&base));
        assert_eq!(headers["x-amz-security-token"], "the-token");
        assert!(!format!("{headers:?} {session:?}").contains("the-token"));
    }

    #[test]
    fn wrong_settings_say_what_would_be_right() {
        let error = |change| signer(change).unwrap_err().to_string();
        for region in ["", "Ireland", "eu_west_1", "euwest1"] {
            let wrong = AwsCredentials { region: region.to_owned(), ..signer(|_| ()).unwrap().credentials };
            let error = wrong.validate().unwrap_err().to_string();
            assert_eq!(error, "region must be the code of a region such as eu-west-1");
        }
        assert!(
            error(|credentials| credentials.access_key_id = "AKIA 1".to_owned())
                .starts_with("access_key_id must be")
        );
        assert!(
            error(|credentials| credentials.secret_access_key = Secret::new(""))
                .starts_with("secret_access_key must be")
        );
        let token = |credentials: &mut AwsCredentials| credentials.session_token = Some(Secret::new("a\nb"));
        assert!(error(token).starts_with("session_token must be"));
    }

    #[test]
    fn a_service_is_in_its_region_unless_a_setting_says_otherwise() {
        let credentials = signer(|_| ()).unwrap().credentials;
        let url = |setting| credentials.base_url("email", setting).unwrap().to_string();
        assert_eq!(url(None), "https://email.us-east-1.amazonaws.com/");
        assert_eq!(url(Some("http://127.0.0.1:4566")), "http://127.0.0.1:4566/");
        assert!(credentials.base_url("email", Some("here")).is_err());
    }
}
