//! An envelope sender for each attempt (variable envelope return path, VERP): whoever reports on a mail writes to it, and so
//! a report finds its attempt, whatever else it leaves out.
//!
//! `bounce@bounces.example.com` becomes `bounce+TOKEN@bounces.example.com`. A local part has at most 64 octets (RFC 5321,
//! section 4.5.3.1.1) and may lose its case on the way, so the token is in base32 and holds the message's id, the attempt's
//! number and a signature. A brand's name would not fit. The signature covers it, and of the few brands that a provider
//! serves the one it fits is the message's.

use data_encoding::BASE32_NOPAD;
use lettre::Address;
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::adapters::email::addresses;
use crate::model::{AttemptRef, BrandId, MessageId};
use crate::secret::Secret;

const ID_BYTES: usize = 16;
const ATTEMPT_BYTES: usize = 4;
/// 80 bits: it can be guessed only by asking us, one guess a mail.
const SIGNATURE_BYTES: usize = 10;
/// Of the token in base32.
const TOKEN_CHARS: usize = (ID_BYTES + ATTEMPT_BYTES + SIGNATURE_BYTES) * 8 / 5;
const MAX_LOCAL_CHARS: usize = 64 - TOKEN_CHARS - 1;

/// The rule for the setting `bounce_address`, for its error.
pub(in crate::adapters::email) const BOUNCE_ADDRESS_MUST: &str = "must be an email address with at most 15 ASCII characters before the @, \
     none of them a +, such as bounce@bounces.example.com";

/// Writes the envelope senders of one provider, and reads them back.
#[derive(Debug, Clone)]
pub(in crate::adapters::email) struct BounceAddresses {
    local: String,
    domain: String,
    key: hmac::Key,
}

impl BounceAddresses {
    /// Makes them of the address without a token. `None` when it cannot carry one.
    pub(in crate::adapters::email) fn new(address: &str, secret: &Secret) -> Option<Self> {
        let base = addresses::with_ascii_domain(address)?;
        let local = base.user();
        if local.len() > MAX_LOCAL_CHARS || local.contains(['+', '"']) || !local.is_ascii() {
            return None;
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Some(Self { local: local.to_owned(), domain: base.domain().to_owned(), key })
    }

    /// The envelope sender of an attempt.
    pub(in crate::adapters::email) fn address_for(&self, echo: &AttemptRef) -> Address {
        let mut token = Vec::with_capacity(ID_BYTES + ATTEMPT_BYTES + SIGNATURE_BYTES);
        token.extend(echo.message.as_bytes());
        token.extend(echo.attempt.to_be_bytes());
        token.extend(self.signature(echo));
        let token = BASE32_NOPAD.encode(&token).to_ascii_lowercase();
        let local = format!("{}+{token}", self.local);
        Address::new(local, &self.domain).expect("letters and digits after a local part that was read as one")
    }

    /// The attempt whose envelope sender this is, if it is one of these brands'.
    pub(super) fn attempt_of(&self, address: &str, brands: &[BrandId]) -> Option<AttemptRef> {
        let token = BASE32_NOPAD.decode(self.token(address)?.to_ascii_uppercase().as_bytes()).ok()?;
        let (id, rest) = token.split_first_chunk::<ID_BYTES>()?;
        let (attempt, signature) = rest.split_first_chunk::<ATTEMPT_BYTES>()?;
        let (message, attempt) = (MessageId::from_bytes(*id), u32::from_be_bytes(*attempt));
        let signed = |echo: &AttemptRef| self.signature(echo).ct_eq(signature).into();
        brands.iter().map(|brand| AttemptRef { brand: brand.clone(), message, attempt }).find(signed)
    }

    /// Whether this is the address without a token, to which complaints go: whoever takes part in a feedback loop names one
    /// address for all of them.
    pub(super) fn is_base(&self, address: &str) -> bool {
        self.local_part(address).is_some_and(|local| local.eq_ignore_ascii_case(&self.local))
    }

    fn token<'a>(&self, address: &'a str) -> Option<&'a str> {
        let (base, token) = self.local_part(address)?.split_once('+')?;
        (base.eq_ignore_ascii_case(&self.local) && token.len() == TOKEN_CHARS).then_some(token)
    }

    fn local_part<'a>(&self, address: &'a str) -> Option<&'a str> {
        let (local, domain) = address.rsplit_once('@')?;
        domain.eq_ignore_ascii_case(&self.domain).then_some(local)
    }

    fn signature(&self, echo: &AttemptRef) -> [u8; SIGNATURE_BYTES] {
        let signature = hmac::sign(&self.key, echo.to_string().as_bytes());
        *signature.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::adapters::email::bounces) fn addresses() -> BounceAddresses {
        BounceAddresses::new("bounce@bounces.example.com", &Secret::new("the secret")).unwrap()
    }

    pub(in crate::adapters::email::bounces) fn brands() -> Vec<BrandId> {
        ["acme", "umbrella"].map(|name| name.parse().unwrap()).to_vec()
    }

    pub(in crate::adapters::email::bounces) fn echo() -> AttemptRef {
        let message = MessageId::new(1_795_000_000_000, &[7; 10]);
        AttemptRef { brand: "umbrella".parse().unwrap(), message, attempt: 2 }
    }

    #[test]
    fn an_address_leads_back_to_its_attempt_and_brand_whatever_its_case() {
        let address = addresses().address_for(&echo()).to_string();
        assert!(address.split('@').next().unwrap().len() <= 64, "{address}");
        assert_eq!(addresses().attempt_of(&address, &brands()), Some(echo()));
        assert_eq!(addresses().attempt_of(&address.to_ascii_uppercase(), &brands()), Some(echo()));
    }

    #[test]
    fn whatever_is_changed_leads_nowhere() {
        let address = addresses().address_for(&echo()).to_string();
        let (local, domain) = address.split_once('@').unwrap();
        let at = local.find('+').unwrap() + 1;
        for index in at..local.len() {
            let mut changed = local.as_bytes().to_vec();
            changed[index] = if changed[index] == b'a' { b'b' } else { b'a' };
            let changed = format!("{}@{domain}", String::from_utf8(changed).unwrap());
            assert_eq!(addresses().attempt_of(&changed, &brands()), None, "{changed}");
        }
        let other =
            BounceAddresses::new("bounce@bounces.example.com", &Secret::new("another secret")).unwrap();
        assert_eq!(other.attempt_of(&address, &brands()), None);
        assert_eq!(addresses().attempt_of(&address, &brands()[..1]), None, "the brand is gone");
        for wrong in [
            "",
            "@",
            "bounce@bounces.example.com",
            "bounce+@bounces.example.com",
            &format!("{local}a@{domain}"),
            &format!("{}@{domain}", &local[..local.len() - 1]),
            &format!("{local}@example.com"),
            &format!("x{local}@{domain}"),
            &address.replace(&local[at..at + 1], "1"),
        ] {
            assert_eq!(addresses().attempt_of(wrong, &brands()), None, "{wrong}");
        }
    }

    #[test]
    fn the_address_without_a_token_is_known_too() {
        assert!(addresses().is_base("Bounce@Bounces.example.com"));
        for other in ["bounce@example.com", "bounce+@bounces.example.com", "x@bounces.example.com", "bounce"]
        {
            assert!(!addresses().is_base(other), "{other}");
        }
    }

    #[test]
    fn what_cannot_carry_a_token_is_no_bounce_address() {
        let right = |address: &str| BounceAddresses::new(address, &Secret::new("the secret")).is_some();
        assert!(right("b@x.example") && right("fifteen-letters@bücher.example"));
        for wrong in
            ["bounces.example.com", "sixteen--letters@x.example", "a+b@x.example", "ñ@x.example", "@", ""]
        {
            assert!(!right(wrong), "{wrong}");
        }
    }
}
