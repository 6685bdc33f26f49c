//! Signatures of webhook requests, by keys that both sides know.

use jiff::SignedDuration;
use md5::{Digest as _, Md5};
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::model::Timestamp;

/// How far ahead of ours a provider's clock may be.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// For how long providers repeat a request that was not answered (Sinch 23 hours, Vonage 24). They do not say that they sign
/// it anew, so its first signature holds as long: a request that comes twice changes nothing.
pub(in crate::adapters) const REDELIVERY_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters) enum SignatureAlgorithm {
    /// HMAC with SHA-1, which is still sound for this (RFC 6194, section 3.3).
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// MD5 over the parts and, after them, the key. Two texts with one MD5 (RFC 6151, section 2.1) have one signature, too.
    Md5KeySuffix,
}

/// Whether `signature` is that of these parts, one after the other, by `key`. Takes the same time wherever they differ.
pub(in crate::adapters) fn is_valid_signature(
    algorithm: SignatureAlgorithm,
    key: &[u8],
    parts: &[&[u8]],
    signature: &[u8],
) -> bool {
    let hmac = |algorithm| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        parts.iter().for_each(|part| context.update(part));
        context.sign().as_ref().ct_eq(signature).into()
    };
    match algorithm {
        SignatureAlgorithm::HmacSha1 => hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        SignatureAlgorithm::HmacSha256 => hmac(hmac::HMAC_SHA256),
        SignatureAlgorithm::HmacSha512 => hmac(hmac::HMAC_SHA512),
        SignatureAlgorithm::Md5KeySuffix => {
            let mut hash = Md5::new();
            parts.iter().for_each(|part| hash.update(part));
            hash.chain_update(key).finalize().as_slice().ct_eq(signature).into()
        }
    }
}

/// Whether two secrets are the same. Takes the same time wherever they differ.
pub(in crate::adapters) fn constant_time_eq(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Whether a request that was signed at `signed` may still count, for signatures that hold for `window`.
pub(in crate::adapters) fn is_recent(signed: Timestamp, now: Timestamp, window: SignedDuration) -> bool {
    let age = now.duration_since(signed);
    -MAX_AHEAD <= age && age <= window
}

/// Decodes hexadecimal digits of either case; `None` when they are none, or not in pairs.
pub(in crate::adapters) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [a, b] = pair { Some(digit(*a)? << 4 | digit(*b)?) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, section 3, and RFC 4231, section 4.3: test case 2 of both.
    #[test]
    fn signatures_are_those_of_the_standards() {
        let sha1 = decode_hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79").unwrap();
        let sha256 = decode_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843").unwrap();
        let sha512 = decode_hex(
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        );
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        assert!(is_valid_signature(SignatureAlgorithm::HmacSha1, b"Jefe", &parts, &sha1));
        assert!(is_valid_signature(SignatureAlgorithm::HmacSha256, b"Jefe", &parts, &sha256));
        assert!(is_valid_signature(SignatureAlgorithm::HmacSha512, b"Jefe", &parts, &sha512.unwrap()));
        assert!(!is_valid_signature(SignatureAlgorithm::HmacSha256, b"jefe", &parts, &sha256));
        assert!(!is_valid_signature(SignatureAlgorithm::HmacSha256, b"Jefe", &parts[..1], &sha256));
        assert!(!is_valid_signature(SignatureAlgorithm::HmacSha256, b"Jefe", &parts, &sha256[..31]));
    }

    /// RFC 1321, appendix A.5: the MD5 of "message digest".
    #[test]
    fn a_key_may_come_last() {
        let md5 = decode_hex("f96b697d7cb7938d525a2f31aaf161d0").unwrap();
        let is_valid =
            |key, parts: &[&[u8]], md5| is_valid_signature(SignatureAlgorithm::Md5KeySuffix, key, parts, md5);
        assert!(is_valid(b"digest", &[b"mess", b"age "], &md5));
        assert!(!is_valid(b"digest", &[b"message"], &md5));
        assert!(!is_valid(b"Digest", &[b"message "], &md5));
        assert!(!is_valid(b"digest", &[b"message "], &md5[..15]));
    }

    #[test]
    fn a_signature_counts_for_its_window_and_not_before_its_time() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let at = |text: &str| is_recent(text.parse().unwrap(), now, REDELIVERY_WINDOW);
        assert!(at("2026-11-22T10:00:00Z") && at("2026-11-21T10:00:00Z") && at("2026-11-22T10:05:00Z"));
        assert!(!at("2026-11-21T09:59:59Z") && !at("2026-11-22T10:05:01Z"));
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(decode_hex("00fFa1"), Some(vec![0x00, 0xff, 0xa1]));
        assert_eq!(decode_hex(""), Some(vec![]));
        for wrong in ["0", "000", "0g", "+1", "0 ", "é"] {
            assert_eq!(decode_hex(wrong), None, "{wrong}");
        }
    }
}
