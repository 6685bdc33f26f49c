//! The one spelling of an address by which it is found, owned and suppressed. Messages go to the spelling that was given.

use icu_normalizer::ComposingNormalizerBorrowed;

use super::numbering_plan::current_digits;
use super::{Address, Email, Phone};

impl Address {
    /// The spelling that all spellings of this address have in common: two addresses are one where theirs is equal.
    ///
    /// - An email address in lower case and Unicode's composed form (NFC), without quotes that its local part does not need, its
    ///   domain in ASCII (RFC 5891). A mail server may tell letters in a local part apart (RFC 5321, section 2.4), but no large one does, and
    ///   who suppresses `ana@example.com` means `Ana@example.com` too.
    /// - A phone number as its country's numbering plan has it today.
    /// - Ids are what they are.
    pub fn folded(&self) -> Self {
        match self {
            Self::Email(email) => Self::Email(folded_email(email)),
            Self::Phone(phone) => Self::Phone(Phone::from_digits(&current_digits(phone.digits()))),
            Self::TelegramChat(_) | Self::WhatsappUser(_) => self.clone(),
        }
    }

    /// Whether two spellings are of one address.
    pub fn is_same(&self, other: &Self) -> bool {
        self == other || self.folded() == other.folded()
    }
}

fn folded_email(email: &Email) -> Email {
    // Most are folded as they come, and each decision asks for several.
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase() && byte != b'"';
    if email.as_str().bytes().all(is_folded) {
        return email.clone();
    }
    let (local, domain) = email.parts();
    let local = ComposingNormalizerBorrowed::new_nfc().normalize(&local.to_lowercase()).into_owned();
    Email::from_parts(&without_needless_quotes(&local), &ascii_domain(domain))
}

/// A domain as servers and registries write it; as it is, in lower case, where it is none.
fn ascii_domain(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

/// A local part without quotes where it is the same without, and otherwise without needless backslashes (RFC 5321, section
/// 4.1.2).
fn without_needless_quotes(local: &str) -> String {
    let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let content = unescaped(quoted);
    match is_dot_string(&content) {
        true => content,
        false => format!("\"{}\"", content.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn unescaped(quoted: &str) -> String {
    let mut content = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => content.extend(chars.next()),
            _ => content.push(c),
        }
    }
    content
}

/// Whether a local part needs no quotes.
fn is_dot_string(local: &str) -> bool {
    let is_atom_char =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Address {
        Address::Email(text.parse().unwrap())
    }

    fn phone(number: &str) -> Address {
        Address::Phone(Phone::from_e164(number).unwrap())
    }

    #[test]
    fn spellings_of_one_mailbox_are_one() {
        for (one, other) in [
            ("First.Last@Example.com", "first.last@example.com"),
            ("x@bücher.example", "x@xn--bcher-kva.example"),
            ("x@BÜCHER.example", "x@XN--BCHER-KVA.example"),
            ("\"y\"@x.example", "y@x.example"),
            ("\"First.Last\"@x.example", "first.last@x.example"),
            ("\"a \\bc\"@x.example", "\"A bc\"@x.example"),
            // Composed and decomposed.
            ("jos\u{e9}@x.example", "jose\u{301}@x.example"),
            ("JOSE\u{301}@x.example", "jos\u{e9}@x.example"),
        ] {
            assert!(email(one).is_same(&email(other)), "{one} {other}");
            assert_eq!(email(one).folded().folded(), email(one).folded(), "{one}");
        }
        for (one, other) in [
            ("ana@example.com", "ana@example.org"),
            ("ana+shop@example.com", "ana@example.com"),
            ("a.na@example.com", "ana@example.com"),
            ("\"a b\"@x.example", "ab@x.example"),
            ("\".a\"@x.example", "a@x.example"),
            ("x@bücher.example", "x@bucher.example"),
        ] {
            assert!(!email(one).is_same(&email(other)), "{one} {other}");
        }
    }

    #[test]
    fn what_is_folded_already_is_left_as_it_is() {
        for text in ["ana+shop@mail.example.com", "x@xn--bcher-kva.example", "a.b@localhost"] {
            assert_eq!(email(text).folded().to_string(), text);
        }
    }

    #[test]
    fn quotes_that_are_needed_stay() {
        for text in
            ["\"a b\"@x.example", "\"a\\\"b\"@x.example", "\"a..b\"@x.example", "\"a\\\\b\"@x.example"]
        {
            assert_eq!(email(text).folded().to_string(), text);
        }
    }

    #[test]
    fn a_number_is_one_before_and_after_its_plan_changed() {
        for (before, today) in [
            ("+5215512345678", "+525512345678"),
            ("+5491123456789", "+541123456789"),
            ("+551187654321", "+5511987654321"),
            ("+22997123456", "+2290197123456"),
            ("+0034600123456", "+34600123456"),
        ] {
            assert!(phone(before).is_same(&phone(today)), "{before}");
            assert_eq!(phone(before).folded(), phone(today).folded().folded(), "{before}");
        }
        for (one, other) in [
            // Fixed lines, and the trunked radio of Brazil.
            ("+551132654321", "+5511932654321"),
            ("+551177654321", "+5511977654321"),
            ("+5215512345678", "+525512345679"),
            ("+34600123456", "+341600123456"),
        ] {
            assert!(!phone(one).is_same(&phone(other)), "{one} {other}");
        }
    }
}
