//! The text of an API key: `rlv_<key id>_<secret>`.
//!
//! The key id finds the record; the secret proves the right to use it and is kept as a hash only.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::model::{ApiKey, BrandId, KeyId, KeyScope, Timestamp};
use crate::secret::Secret;

const PREFIX: &str = "rlv_";
/// 80 bits: enough that ids never meet.
const ID_CHARS: usize = 16;
/// 32 letters, so that five random bits choose one without bias.
const ID_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const SECRET_BYTES: usize = 32;

/// An API key as a caller presents it.
pub struct KeyToken {
    /// Its public part.
    pub id: KeyId,
    /// SHA-256 of its secret part.
    pub hash: [u8; 32],
}

impl KeyToken {
    /// Reads `rlv_<key id>_<secret>`. `None` when it does not have that form.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let well_formed = secret.len() == SECRET_BYTES * 2 && secret.bytes().all(hex);
        well_formed.then_some(Self { id: id.parse().ok()?, hash: Sha256::digest(secret).into() })
    }
}

/// Makes a new key, and the text to present it with. That text is shown once: the key keeps only a hash of it.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn create_key(
    brand: Option<BrandId>,
    scopes: Vec<KeyScope>,
    label: String,
    now: Timestamp,
) -> Result<(ApiKey, Secret), getrandom::Error> {
    let id = new_id()?;
    let secret = new_secret()?;
    let text = Secret::new(format!("{PREFIX}{id}_{secret}"));
    let secret_hash = Sha256::digest(&secret).into();
    Ok((ApiKey { id, brand, scopes, label, secret_hash, created_at: now, revoked_at: None }, text))
}

fn new_id() -> Result<KeyId, getrandom::Error> {
    let mut random = [0; ID_CHARS];
    getrandom::fill(&mut random)?;
    let id: String = random.iter().map(|byte| ID_ALPHABET[usize::from(byte % 32)] as char).collect();
    Ok(id.parse().expect("the alphabet is that of key ids"))
}

fn new_secret() -> Result<String, getrandom::Error> {
    let mut random = [0; SECRET_BYTES];
    getrandom::fill(&mut random)?;
    Ok(random.iter().fold(String::with_capacity(SECRET_BYTES * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_key_is_read_back_and_no_two_are_alike() {
        let create =
            || create_key(None, vec![KeyScope::Admin], "test".into(), Timestamp::UNIX_EPOCH).unwrap();
        let (key, text) = create();
        let token = KeyToken::parse(text.expose()).unwrap();
        assert_eq!((token.id, token.hash), (key.id.clone(), key.secret_hash));
        let (other, _) = create();
        assert!(other.id != key.id && other.secret_hash != key.secret_hash);
    }

    #[test]
    fn the_record_does_not_hold_the_secret() {
        let (key, text) = create_key(None, vec![], String::new(), Timestamp::UNIX_EPOCH).unwrap();
        let secret = text.expose().rsplit('_').next().unwrap();
        assert!(!format!("{key:?}").contains(secret));
        assert_eq!(format!("{text:?}"), "Secret(***)");
    }

    #[test]
    fn texts_of_another_form_are_no_key() {
        let secret = "0".repeat(64);
        assert!(KeyToken::parse(&format!("rlv_abc_{secret}")).is_some());
        for text in [
            String::new(),
            "rlv_abc".into(),
            format!("abc_{secret}"),
            format!("rlv__{secret}"),
            format!("rlv_ABC_{secret}"),
            format!("rlv_abc_{secret}0"),
            format!("rlv_abc_{}", &secret[1..]),
            format!("rlv_abc_{}", "G".repeat(64)),
            format!("rlv_abc_def_{secret}"),
        ] {
            assert!(KeyToken::parse(&text).is_none(), "{text}");
        }
    }
}
