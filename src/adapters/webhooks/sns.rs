//! Messages of an Amazon SNS topic over HTTP (SNS Developer Guide, "Parsing Amazon SNS message formats" and "Verifying the
//! signatures of Amazon SNS messages"): the envelope around what other services of Amazon's report.
//!
//! A message is signed by a certificate whose address it names. What makes the certificate Amazon's is that it comes from
//! SNS's own host in the topic's region, by TLS that this machine trusts. Its time must be right. The chain above it is not
//! checked, as Amazon serves it without.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use reqwest::Client;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use serde::Deserialize;
use url::{Position, Url};
use x509_cert::Certificate;
use x509_cert::der::DecodePem as _;

use super::{WebhookError, WebhookRequest, is_recent};
use crate::adapters::{ProviderBuildError, Transport, http};
use crate::model::Timestamp;

/// SNS tries to hand a message over for an hour at most ("Amazon SNS message delivery retries").
const WINDOW: SignedDuration = SignedDuration::from_mins(65);

/// Verifies the requests that SNS makes for one topic.
#[derive(Debug)]
pub(in crate::adapters) struct SnsTopic {
    arn: String,
    hosts: CertificateHosts,
    client: Client,
    certificates: CertificateCache,
}

impl SnsTopic {
    /// A topic by its ARN, with the hosts, besides Amazon's own, that may serve certificates and confirm subscriptions.
    /// Both are called as the provider is, by `transport`.
    ///
    /// # Errors
    /// When `topic_arn` is no topic's, or TLS cannot be set up.
    pub fn new(arn: &str, more_hosts: &[String], transport: &Transport) -> Result<Self, ProviderBuildError> {
        let must = "must be a topic's ARN such as arn:aws:sns:eu-west-1:123456789012:name";
        let wrong = ProviderBuildError::Setting { setting: "topic_arn", must };
        let hosts = CertificateHosts { own: host_of(arn).ok_or(wrong)?, more: more_hosts.to_vec() };
        let client = http::build_client(transport)?;
        Ok(Self { arn: arn.to_owned(), hosts, client, certificates: CertificateCache::default() })
    }

    /// Verifies a request from SNS, and returns the message that was published. `None` when the request brings none: one
    /// that asks to confirm the subscription is answered by an HTTP call, because the configuration names the topic.
    ///
    /// # Errors
    /// `Unauthenticated` when the request is not signed by SNS, or of another topic; `Unverifiable` when the certificate or
    /// the URL that confirms cannot be fetched; `Malformed` when its `SubscribeURL` is not at a host of SNS.
    pub async fn verify_notification(
        &self,
        request: &WebhookRequest<'_>,
    ) -> Result<Option<String>, WebhookError> {
        let body = request.body.ok_or(WebhookError::Unauthenticated("SNS calls with POST"))?;
        let envelope: SnsEnvelope = serde_json::from_slice(body).map_err(|_| {
            WebhookError::Unauthenticated("it is not a message of SNS, or raw message delivery is on")
        })?;
        self.verify(&envelope, request.now).await?;
        match envelope.kind.as_str() {
            "Notification" => Ok(Some(envelope.message)),
            "SubscriptionConfirmation" => self.confirm(&envelope, request.now).await.map(|()| None),
            // We were unsubscribed, or a word that is not documented yet.
            _ => Ok(None),
        }
    }

    async fn verify(&self, envelope: &SnsEnvelope, now: Timestamp) -> Result<(), WebhookError> {
        // The checks that cost nothing come first: the certificate takes a call.
        if envelope.topic_arn != self.arn {
            return Err(WebhookError::Unauthenticated("its topic is not topic_arn"));
        }
        if !envelope.timestamp.parse().is_ok_and(|time| is_recent(time, now, WINDOW)) {
            return Err(WebhookError::Unauthenticated("it was not published within the last hour"));
        }
        let algorithm = match envelope.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(WebhookError::Unauthenticated("its signature has a version that is not known")),
        };
        let signature = BASE64_STANDARD.decode(&envelope.signature);
        let signature =
            signature.map_err(|_| WebhookError::Unauthenticated("its signature is not base64"))?;
        let url = self.hosts.trusted(&envelope.signing_cert_url).filter(|url| url.path().ends_with(".pem"));
        let url = url.ok_or(WebhookError::Unauthenticated(
            "its certificate is not at a host of SNS in the topic's region",
        ))?;
        let signer = self.signer(&url, now).await?;
        if !signer.is_valid(now) {
            return Err(WebhookError::Unauthenticated("its certificate is not valid now"));
        }
        if signer.signed(algorithm, envelope.signed().as_bytes(), &signature) {
            Ok(())
        } else {
            Err(WebhookError::Unauthenticated("its signature is not by its certificate"))
        }
    }

    /// The certificate at this address: fetched once, by one call at a time, so that whoever invents addresses makes the
    /// gateway call Amazon no faster than Amazon answers.
    async fn signer(&self, url: &Url, now: Timestamp) -> Result<Arc<SigningCertificate>, WebhookError> {
        if let Some(known) = self.certificates.get(url) {
            return Ok(known);
        }
        let _turn = self.certificates.fetching.lock().await;
        if let Some(known) = self.certificates.get(url) {
            return Ok(known);
        }
        let pem = self.get(url, now).await?;
        let signer = SigningCertificate::read(&pem);
        let signer = signer
            .ok_or_else(|| WebhookError::Unverifiable("what SNS serves is no certificate".to_owned()))?;
        Ok(self.certificates.insert(url, signer))
    }

    async fn confirm(&self, envelope: &SnsEnvelope, now: Timestamp) -> Result<(), WebhookError> {
        let url = envelope.subscribe_url.as_deref().and_then(|url| self.hosts.trusted(url));
        let url =
            url.ok_or_else(|| WebhookError::Malformed("SubscribeURL is not at a host of SNS".to_owned()))?;
        self.get(&url, now).await.map(drop)
    }

    async fn get(&self, url: &Url, now: Timestamp) -> Result<Vec<u8>, WebhookError> {
        match http::exchange(self.client.get(url.clone()), now).await {
            Ok(answer) if answer.is_success() => Ok(answer.body),
            Ok(answer) => {
                Err(WebhookError::Unverifiable(format!("SNS answered {} for what proves it", answer.status)))
            }
            Err(_) => Err(WebhookError::Unverifiable("SNS cannot be reached for what proves it".to_owned())),
        }
    }
}

/// The host of SNS in the region of a topic.
fn host_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let suffix = if partition == "aws-cn" { ".cn" } else { "" };
    (is_word(region) && region.contains('-') && is_word(account) && !name.is_empty())
        .then(|| format!("sns.{region}.amazonaws.com{suffix}"))
}

/// Where what proves a message may be.
#[derive(Debug)]
struct CertificateHosts {
    /// By `https`, and on its own port. Any host of the form `sns.WORD.amazonaws.com` would not do: a bucket of S3 that is
    /// called `sns` had such names.
    own: String,
    /// By `https` or `http`, each with its port if it has one.
    more: Vec<String>,
}

impl CertificateHosts {
    fn trusted(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url).ok()?;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let plain = url.username().is_empty() && url.password().is_none();
        let is_own = url.scheme() == "https" && host == self.own;
        let is_other =
            matches!(url.scheme(), "http" | "https") && self.more.iter().any(|other| other == host);
        (plain && (is_own || is_other)).then_some(url)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsEnvelope {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    token: Option<String>,
}

impl SnsEnvelope {
    /// The text that is signed: names and values, each in a line of its own, in the order of the names.
    fn signed(&self) -> String {
        let asks = self.kind != "Notification";
        let fields = [
            ("Message", Some(&self.message)),
            ("MessageId", Some(&self.message_id)),
            ("Subject", self.subject.as_ref().filter(|_| !asks)),
            ("SubscribeURL", self.subscribe_url.as_ref().filter(|_| asks)),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", self.token.as_ref().filter(|_| asks)),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(&self.kind)),
        ];
        let line = |(name, value): (&str, Option<&String>)| value.map(|value| format!("{name}\n{value}\n"));
        fields.into_iter().filter_map(line).collect()
    }
}

/// A certificate, as far as it signs.
#[derive(Debug)]
struct SigningCertificate {
    /// An RSAPublicKey (RFC 8017, appendix A.1.1).
    key: Vec<u8>,
    /// Seconds since the Unix epoch, the first and the last.
    valid: (u64, u64),
}

impl SigningCertificate {
    fn read(pem: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_pem(pem).ok()?.tbs_certificate;
        let valid = certificate.validity;
        Some(Self {
            key: certificate.subject_public_key_info.subject_public_key.as_bytes()?.to_vec(),
            valid: (
                valid.not_before.to_unix_duration().as_secs(),
                valid.not_after.to_unix_duration().as_secs(),
            ),
        })
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        let (first, last) = self.valid;
        u64::try_from(now.as_second()).is_ok_and(|now| first <= now && now <= last)
    }

    fn signed(&self, algorithm: &'static RsaParameters, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, &self.key).verify(text, signature).is_ok()
    }
}

/// The certificates last seen.
#[derive(Debug, Default)]
struct CertificateCache {
    known: Mutex<VecDeque<(Url, Arc<SigningCertificate>)>>,
    fetching: tokio::sync::Mutex<()>,
}

impl CertificateCache {
    /// SNS has one at a time in each region.
    const MAX: usize = 4;

    fn known(&self) -> MutexGuard<'_, VecDeque<(Url, Arc<SigningCertificate>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, url: &Url) -> Option<Arc<SigningCertificate>> {
        self.known().iter().find(|(known, _)| known == url).map(|(_, signer)| Arc::clone(signer))
    }

    fn insert(&self, url: &Url, signer: SigningCertificate) -> Arc<SigningCertificate> {
        let (mut known, signer) = (self.known(), Arc::new(signer));
        known.truncate(Self::MAX - 1);
        known.push_front((url.clone(), Arc::clone(&signer)));
        signer
    }
}

#[cfg(test)]
mod tests;
