//! Whether two addresses are those of one person, where providers spell them in their own ways.

use super::Address;

/// How many digits at their end two spellings of a number must have in common: as many as the shortest numbers have.
const MIN_COMMON_DIGITS: usize = 7;

/// What two addresses say of whether they are one. The later, the more certain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressMatch {
    /// They are certainly two.
    Other,
    /// They may be one.
    Possible,
    /// They are one.
    Same,
}

impl AddressMatch {
    /// What a report that names these addresses, one of them the recipient's, says of whether it is about `address`. One that
    /// names none may be.
    pub fn of_any(named: &[Address], address: &Address) -> Self {
        named.iter().map(|named| Self::of(named, address)).max().unwrap_or(Self::Possible)
    }

    /// Compares two addresses.
    pub fn of(one: &Address, other: &Address) -> Self {
        match (one, other) {
            (Address::Email(one), Address::Email(other)) => of_emails(one.as_str(), other.as_str()),
            (Address::Phone(one), Address::Phone(other)) => of_phones(one.digits(), other.digits()),
            _ if one == other => Self::Same,
            _ => Self::Other,
        }
    }
}

/// Providers change the case of mailboxes, quote them, and write domains with other letters in either of two forms.
fn of_emails(one: &str, other: &str) -> AddressMatch {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let has_forms = |email: &str| !email.is_ascii() || email.contains("xn--") || email.contains('"');
    match one == other {
        true => AddressMatch::Same,
        false if has_forms(&one) || has_forms(&other) => AddressMatch::Possible,
        false => AddressMatch::Other,
    }
}

/// Numbers come with `00` before them or without their country. And in some countries a number has digits that the same number
/// has not in another book: WhatsApp's ids in Mexico have a 1 after the 52, and in Brazil lack the ninth digit of numbers from
/// before it was introduced, as in Benin the 01 (Cloud API, "Phone numbers"; wwebjs/whatsapp-web.js#596,
/// code-chat-br/whatsapp-api#107, chatwoot/chatwoot#11053). All of these are one number with digits put in at one place.
fn of_phones(one: &str, other: &str) -> AddressMatch {
    let (one, other) = (significant(one), significant(other));
    if one == other {
        return AddressMatch::Same;
    }
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let end = common(short.bytes().rev(), long.bytes().rev());
    let has_more_digits = short.len() < long.len()
        && end >= MIN_COMMON_DIGITS
        && end + common(short.bytes(), long.bytes()) >= short.len();
    if has_more_digits { AddressMatch::Possible } else { AddressMatch::Other }
}

/// The digits without those before a country's code, and in Argentina without the 9 of mobile numbers, in whose place others write
/// a 15 further on.
fn significant(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    digits.strip_prefix("549").map_or_else(|| digits.to_owned(), |rest| format!("54{rest}"))
}

/// How many are the same from the beginning on.
fn common(one: impl Iterator<Item = u8>, other: impl Iterator<Item = u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use AddressMatch::{Other, Possible, Same};

    use super::*;
    use crate::model::Phone;

    fn phone(number: &str) -> Address {
        Address::Phone(Phone::from_e164(number).unwrap())
    }

    fn email(text: &str) -> Address {
        Address::Email(text.parse().unwrap())
    }

    fn both_ways(one: &Address, other: &Address) -> AddressMatch {
        assert_eq!(AddressMatch::of(one, other), AddressMatch::of(other, one), "{one} {other}");
        AddressMatch::of(one, other)
    }

    #[test]
    fn numbers_are_others_only_where_no_spelling_explains_the_difference() {
        for (one, other, expected) in [
            ("+34600123456", "+34600123456", Same),
            ("+34600123456", "+34600123457", Other),
            ("+34600123456", "+34610123456", Other),
            ("+34600123456", "+33600123456", Other),
            ("+34600123456", "+346001234", Other),
            ("+34600123456", "+3460012345699", Other),
            // As dialled from abroad, and within the country.
            ("+34600123456", "+0034600123456", Same),
            ("+34600123456", "+600123456", Possible),
            ("+447400123456", "+07400123456", Possible),
            ("+34600123456", "+600123457", Other),
            // Mexico, Argentina, Brazil and Benin.
            ("+5215512345678", "+525512345678", Possible),
            ("+5215512345678", "+525512345679", Other),
            ("+5491123456789", "+541123456789", Same),
            ("+5491123456789", "+54111523456789", Possible),
            ("+5491123456789", "+541123456780", Other),
            ("+5511987654321", "+551187654321", Possible),
            ("+5511987654321", "+551187654322", Other),
            ("+5511987654321", "+552187654321", Other),
            ("+2290197123456", "+22997123456", Possible),
            // Short enough to be the end of many.
            ("+6834002", "+6834003", Other),
        ] {
            assert_eq!(both_ways(&phone(one), &phone(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn mailboxes_are_one_in_whatever_case() {
        for (one, other, expected) in [
            ("Ana@example.com", "ana@EXAMPLE.com", Same),
            ("ana@example.com", "eva@example.com", Other),
            ("ana@example.com", "ana@example.org", Other),
            ("ana@xn--bcher-kva.example", "ana@bücher.example", Possible),
            ("\"ana\"@example.com", "ana@example.com", Possible),
        ] {
            assert_eq!(both_ways(&email(one), &email(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn other_addresses_are_one_when_they_are_equal() {
        let chat = Address::TelegramChat;
        assert_eq!((both_ways(&chat(1), &chat(1)), both_ways(&chat(1), &chat(2))), (Same, Other));
        assert_eq!(both_ways(&phone("+34600123456"), &email("ana@example.com")), Other);
    }

    #[test]
    fn a_report_is_about_whichever_of_its_addresses_fits_best() {
        let (ana, eva) = (phone("+34600123456"), phone("+34600654321"));
        for (named, expected) in [
            (vec![], Possible),
            (vec![eva.clone()], Other),
            (vec![eva.clone(), phone("+600123456")], Possible),
            (vec![eva, ana.clone()], Same),
        ] {
            assert_eq!(AddressMatch::of_any(&named, &ana), expected, "{named:?}");
        }
    }
}
