//! Seals what callers are given to pass back: cursors and page tokens. They hold places in the order of the store's records,
//! and the store counts those of all brands together: a brand must not learn from its own how much the others send.
//!
//! Sealed is encrypted and authenticated (ChaCha20-Poly1305) under a key that everybody who uses the store has. The nonce is
//! an HMAC of all that is sealed, as in RFC 5297 (SIV): so the same content gives the same token, and no nonce covers two.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// Seals and opens tokens.
pub struct TokenSealer {
    encryption: LessSafeKey,
    nonces: hmac::Key,
}

impl TokenSealer {
    /// With a random secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |purpose: &[u8]| hmac::sign(&root, purpose);
        let encryption = UnboundKey::new(&CHACHA20_POLY1305, derived(b"encryption of tokens").as_ref());
        Self {
            encryption: LessSafeKey::new(encryption.expect("the HMAC is as long as the key")),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, derived(b"nonces of tokens").as_ref()),
        }
    }

    /// Seals `content`, which can be opened again with the same `context` only. It gets 28 bytes longer.
    pub fn seal(&self, context: &[u8], content: &[u8]) -> Vec<u8> {
        let hash =
            hmac::sign(&self.nonces, &[&(context.len() as u64).to_be_bytes(), context, content].concat());
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hash.as_ref()[..NONCE_LEN]);
        let mut sealed = content.to_vec();
        self.encryption
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .expect("a token is shorter than the cipher allows");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what was sealed. `None` when it was not, or in another context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut content) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let opened = self.encryption.open_in_place(nonce, Aad::from(context), &mut content).ok()?;
        Some(opened.to_vec())
    }
}
