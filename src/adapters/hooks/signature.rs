//! Signatures of calls, by keys that both sides know.

use ring::hmac;
use subtle::ConstantTimeEq as _;

/// How a call is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters) enum Algorithm {
    /// HMAC with SHA-1, which is still sound for this (RFC 6194, section 3.3).
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
}

/// Whether `signature` is that of these parts, one after the other, by `key`. Takes the same time wherever they differ.
pub(in crate::adapters) fn is_signed(
    algorithm: Algorithm,
    key: &[u8],
    parts: &[&[u8]],
    signature: &[u8],
) -> bool {
    let algorithm = match algorithm {
        Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::HmacSha256 => hmac::HMAC_SHA256,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().ct_eq(signature).into()
}

/// Whether two secrets are the same. Takes the same time wherever they differ.
pub(in crate::adapters) fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, section 3, and RFC 4231, section 4.3: test case 2 of both.
    #[test]
    fn signatures_are_those_of_the_standards() {
        let sha1 = [
            0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c,
            0x25, 0x9a, 0x7c, 0x79,
        ];
        let sha256 = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        assert!(is_signed(Algorithm::HmacSha1, b"Jefe", &parts, &sha1));
        assert!(is_signed(Algorithm::HmacSha256, b"Jefe", &parts, &sha256));
        assert!(!is_signed(Algorithm::HmacSha256, b"jefe", &parts, &sha256));
        assert!(!is_signed(Algorithm::HmacSha256, b"Jefe", &parts[..1], &sha256));
        assert!(!is_signed(Algorithm::HmacSha256, b"Jefe", &parts, &sha256[..31]));
    }
}
