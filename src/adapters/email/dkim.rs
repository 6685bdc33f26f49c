//! Signing messages with DKIM (RFC 6376), by lettre.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey,
};
use lettre::message::header::HeaderName;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::{DecodePrivateKey, PrivateKeyInfo, SecretDocument};

use super::settings::{DkimAlgorithm, DkimSettings};
use crate::adapters::ProviderBuildError;
use crate::adapters::settings::require;

/// What is signed: all that a reader sees and a thread hangs on. A name that a message lacks is signed as lacking, so
/// that nobody can add it (RFC 6376, section 5.4). The headers of the body's parts are not the message's for lettre.
const SIGNED: [&str; 7] = ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version"];

/// Relays may re-fold headers and strip spaces at the end of lines; that must not break a signature.
const RELAXED: DkimCanonicalization = DkimCanonicalization {
    header: DkimCanonicalizationType::Relaxed,
    body: DkimCanonicalizationType::Relaxed,
};

/// Prepares signing.
///
/// # Errors
/// When the key is not what its setting says.
pub(super) fn signer(settings: &DkimSettings) -> Result<DkimConfig, ProviderBuildError> {
    require(is_dns_name(&settings.domain), "dkim.domain", "must be a domain name such as example.com")?;
    require(is_dns_name(&settings.selector), "dkim.selector", "must be a DNS label such as mail2026")?;
    let key = key(settings.private_key.expose(), settings.algorithm).ok_or(ProviderBuildError::Setting {
        setting: "dkim.private_key",
        must: "must be a private key in PEM (PKCS #8, or PKCS #1 for RSA) of the kind that dkim.algorithm says",
    })?;
    let signed = SIGNED.map(HeaderName::new_from_ascii_str).to_vec();
    Ok(DkimConfig::new(settings.selector.clone(), settings.domain.clone(), key, signed, RELAXED))
}

fn is_dns_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

/// lettre wants RSA keys in PKCS #1 and Ed25519 keys as bare seeds in base64; `openssl genpkey` writes PKCS #8.
fn key(pem: &str, algorithm: DkimAlgorithm) -> Option<DkimSigningKey> {
    match algorithm {
        DkimAlgorithm::Rsa => {
            let key =
                RsaPrivateKey::from_pkcs8_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem)).ok()?;
            DkimSigningKey::new(&key.to_pkcs1_pem(LineEnding::LF).ok()?, DkimSigningAlgorithm::Rsa).ok()
        }
        DkimAlgorithm::Ed25519 => {
            DkimSigningKey::new(&BASE64_STANDARD.encode(seed(pem)?), DkimSigningAlgorithm::Ed25519).ok()
        }
    }
}

/// The seed in an Ed25519 key: an octet string of 32 bytes within the key's octet string (RFC 8410, section 7).
fn seed(pem: &str) -> Option<[u8; 32]> {
    let (_, document) = SecretDocument::from_pem(pem).ok()?;
    let info = PrivateKeyInfo::try_from(document.as_bytes()).ok()?;
    if info.algorithm.oid.to_string() != "1.3.101.112" {
        return None;
    }
    info.private_key.strip_prefix(&[0x04, 0x20])?.try_into().ok()
}
