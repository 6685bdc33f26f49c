//! Whether two addresses are those of one person, where providers spell them in their own ways.

use super::Address;
use super::numbering_plan::current_digits;

/// How many digits at their end two spellings of a number must have in common: as many as the shortest numbers have.
const MIN_COMMON_DIGITS: usize = 7;

/// What two addresses say of whether they are one. The later, the more certain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressMatch {
    /// They are certainly two.
    Other,
    /// They may be one: nothing says that they are two.
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
            _ if one.is_same(other) => Self::Same,
            (Address::Phone(one), Address::Phone(other)) => of_phones(one.digits(), other.digits()),
            (Address::Phone(_), Address::WhatsappUser(_)) | (Address::WhatsappUser(_), Address::Phone(_)) => {
                Self::Possible
            }
            _ => Self::Other,
        }
    }
}

/// Two numbers that are not the same in any spelling known here. They come without their country, and there may be digits in one
/// book that are not in another, as a 15 in Argentina: all of these are one number with digits put in at one place.
fn of_phones(one: &str, other: &str) -> AddressMatch {
    let (one, other) = (current_digits(one), current_digits(other));
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let end = common(short.bytes().rev(), long.bytes().rev());
    let has_more_digits = short.len() < long.len()
        && end >= MIN_COMMON_DIGITS
        && end + common(short.bytes(), long.bytes()) >= short.len();
    if has_more_digits { AddressMatch::Possible } else { AddressMatch::Other }
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
            ("+5215512345678", "+525512345678", Same),
            ("+5215512345678", "+525512345679", Other),
            ("+5491123456789", "+541123456789", Same),
            ("+5491123456789", "+54111523456789", Possible),
            ("+5491123456789", "+541123456780", Other),
            ("+5511987654321", "+551187654321", Same),
            ("+5511987654321", "+551187654322", Other),
            ("+5511987654321", "+552187654321", Other),
            ("+2290197123456", "+22997123456", Same),
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
            ("ana@xn--bcher-kva.example", "ana@bücher.example", Same),
            ("\"ana\"@example.com", "ana@example.com", Same),
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
