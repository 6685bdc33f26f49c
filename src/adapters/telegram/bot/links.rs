//! Links to a bot that say who follows them (core.telegram.org/bots/features#deep-linking).
//!
//! A link's token is the link's id and a signature by a key that only the bot's owner and Telegram know, so that an update
//! that brings a token of somebody else's making is told from one of ours before the store is asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::model::LinkId;
use crate::secret::Secret;

/// Says what is signed, so that no other signature by the bot's token is one of a link.
const PURPOSE: &[u8] = b"relevo telegram link 1\0";

/// How much of the signature goes along. Telegram takes 64 characters, and half of HMAC-SHA256 is enough (RFC 2104,
/// section 5).
const SIGNATURE_BYTES: usize = 16;

/// Makes the links of one bot, each with a signed token, and verifies the tokens that come back.
#[derive(Debug, Clone)]
pub struct TelegramLinkSigner {
    username: String,
    key: hmac::Key,
}

impl TelegramLinkSigner {
    pub(super) fn new(username: &str, token: &Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes());
        Self { username: username.to_owned(), key }
    }

    /// The URL of the link with this id.
    pub fn url(&self, id: LinkId) -> String {
        format!("https://t.me/{}?start={}", self.username, self.token(id))
    }

    fn token(&self, id: LinkId) -> String {
        let signature = self.signature(id);
        URL_SAFE_NO_PAD.encode([id.as_bytes(), &signature.as_ref()[..SIGNATURE_BYTES]].concat())
    }

    /// The id of the link whose token this is; `None` when it is none of ours.
    pub(super) fn verify(&self, token: &str) -> Option<LinkId> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        let id = LinkId::from_bytes(*id);
        let is_ours: bool = self.signature(id).as_ref()[..SIGNATURE_BYTES].ct_eq(signature).into();
        is_ours.then_some(id)
    }

    fn signature(&self, id: LinkId) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(PURPOSE);
        context.update(id.as_bytes());
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(token: &str) -> TelegramLinkSigner {
        TelegramLinkSigner::new("acme_bot", &Secret::new(token))
    }

    #[test]
    fn a_token_is_read_back_and_fits_into_telegrams_link() {
        let id = LinkId::new("2026-11-22T10:00:00Z".parse().unwrap(), &[255; 10]);
        let url = links("1:a").url(id);
        let token = url.strip_prefix("https://t.me/acme_bot?start=").unwrap();
        assert!(
            token.len() <= 64 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
            "{token}"
        );
        assert_eq!(links("1:a").verify(token), Some(id));
        assert_eq!(links("1:b").verify(token), None, "another bot's");
    }

    #[test]
    fn whatever_is_changed_breaks_the_signature() {
        let links = links("1:a");
        let id = LinkId::new("2026-11-22T10:00:00Z".parse().unwrap(), &[7; 10]);
        let bytes = URL_SAFE_NO_PAD.decode(links.token(id)).unwrap();
        for index in 0..bytes.len() {
            let mut tampered = bytes.clone();
            tampered[index] ^= 1;
            assert_eq!(links.verify(&URL_SAFE_NO_PAD.encode(tampered)), None, "byte {index}");
        }
        let longer = [&bytes[..], &[0]].concat();
        for bytes in [&bytes[..31], &bytes[..16], &bytes[..15], &longer, &[]] {
            assert_eq!(links.verify(&URL_SAFE_NO_PAD.encode(bytes)), None, "{} bytes", bytes.len());
        }
        assert_eq!(links.verify("not base64!"), None);
    }
}
