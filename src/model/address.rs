//! Channels and the addresses at which they reach people.

use std::fmt;
use std::str::FromStr;

use icu_normalizer::ComposingNormalizerBorrowed;
use phonenumber::PhoneNumber;
use phonenumber::metadata::{DATABASE, Descriptor};

use super::BusinessId;
use super::numbering_plan::current_digits;

/// A medium that reaches people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Email.
    Email,
    /// Short messages of the telephone network.
    Sms,
    /// Telegram, by a bot.
    Telegram,
    /// WhatsApp.
    Whatsapp,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 4] = [Channel::Email, Channel::Sms, Channel::Telegram, Channel::Whatsapp];

    /// The channel's name in configuration, logs and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Telegram => "telegram",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Whether the channel delivers to this kind of address.
    pub fn delivers_to(self, address: &Address) -> bool {
        matches!(
            (self, address),
            (Self::Email, Address::Email(_))
                | (Self::Sms | Self::Whatsapp, Address::Phone(_))
                | (Self::Whatsapp, Address::WhatsappUser(_))
                | (Self::Telegram, Address::TelegramChat(_))
        )
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an email address.
    #[error("must be an email address such as ana@example.com")]
    Email,
    /// Not a phone number.
    #[error(
        "must be a valid phone number in international form such as +34600123456, or national with the brand's \
         default_country set"
    )]
    Phone,
    /// Not a private chat.
    #[error("must be the positive id of a private Telegram chat")]
    TelegramChat,
    /// Not a user id of WhatsApp's.
    #[error(
        "must be a user id of WhatsApp's such as ES.13491208655302741918: the letters of a country, a period, and up to 128 \
         letters and digits"
    )]
    WhatsappUser,
}

/// Characters of a domain (RFC 5321, section 4.5.3.1.2).
const MAX_DOMAIN: usize = 255;

/// An email address: the domain in lower case, the local part as given (RFC 5321, section 2.4), both in Unicode's composed form
/// (RFC 6532, section 3.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an address that was checked when it was stored, by the rules of then.
    ///
    /// # Errors
    /// [`AddressError::Email`] when it has no domain.
    pub fn from_stored(text: &str) -> Result<Self, AddressError> {
        if text.contains('@') { Ok(Self(text.to_owned())) } else { Err(AddressError::Email) }
    }

    /// Its local part and its domain.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').unwrap_or((&self.0, ""))
    }

    /// The address of these parts, which are those of an address.
    pub(super) fn from_parts(local: &str, domain: &str) -> Self {
        Self(format!("{local}@{domain}"))
    }
}

impl FromStr for Email {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = &*ComposingNormalizerBorrowed::new_nfc().normalize(text.trim());
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        let parsed = email_address::EmailAddress::parse_with_options(text, options)
            .map_err(|_| AddressError::Email)?;
        // What cannot be written in ASCII cannot be looked up, nor written to. A bare host such as `localhost` is valid in RFC
        // 5321, and useful in a test set-up.
        let is_domain = idna::domain_to_ascii(parsed.domain()).is_ok_and(|domain| domain.len() <= MAX_DOMAIN);
        match is_domain && !text.contains(char::is_control) {
            true => Ok(Self::from_parts(parsed.local_part(), &parsed.domain().to_lowercase())),
            false => Err(AddressError::Email),
        }
    }
}

/// A phone number in E.164 form: `+` and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// Reads a number, in ASCII or in the full-width characters of East Asian keyboards. One without a leading `+` or `00` is
    /// read as dialled in `country` (ISO 3166-1 alpha-2). One as its country wrote it before its numbering plan changed becomes
    /// the one of today.
    ///
    /// A number with its `+` may be of a range that its country has opened since the numbering plans known here were
    /// published, as long as it has a length that the country uses.
    ///
    /// # Errors
    /// [`AddressError::Phone`] when it is not a number that the numbering plan of its country could assign.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, AddressError> {
        let country = match country {
            Some(code) => Some(code.parse().map_err(|_| AddressError::Phone)?),
            None => None,
        };
        let text: String = text.chars().map(narrow).collect();
        let number = phonenumber::parse(country, &text).map_err(|_| AddressError::Phone)?;
        // Some numbering plans have numbers shorter or longer than E.164's.
        let given = Self::from_e164(&number.format().mode(phonenumber::Mode::E164).to_string())?;
        if phonenumber::is_valid(&number) {
            return Ok(given);
        }
        if let Some(current) = given.in_current_plan() {
            return Ok(current);
        }
        let is_international = text.trim_start().starts_with('+');
        if is_international && has_possible_length(&number) { Ok(given) } else { Err(AddressError::Phone) }
    }

    /// The number as its country's plan has it today, where it is of the plan before.
    fn in_current_plan(&self) -> Option<Self> {
        let current = Self::from_digits(&current_digits(self.digits()));
        let is_valid =
            || phonenumber::parse(None, &current.0).is_ok_and(|number| phonenumber::is_valid(&number));
        (current != *self && is_valid()).then_some(current)
    }

    /// Reads a number that was checked when it was stored: its form, not its numbering plan, which may have changed.
    ///
    /// # Errors
    /// [`AddressError::Phone`] when it is not `+` and 7 to 15 digits.
    pub fn from_e164(text: &str) -> Result<Self, AddressError> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let valid = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if valid { Ok(Self(text.to_owned())) } else { Err(AddressError::Phone) }
    }

    /// The number of these digits, which are those of a number.
    pub(super) fn from_digits(digits: &str) -> Self {
        Self(format!("+{digits}"))
    }

    /// The number as `+` and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without its `+`, as WhatsApp wants it.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

/// The ASCII character of a full-width one; any other as it is.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// Whether people's numbers in its country may be as long.
fn has_possible_length(number: &PhoneNumber) -> bool {
    let national = number.national().to_string();
    let regions = DATABASE.by_code(&number.country().code()).unwrap_or_default();
    let lengths = regions.iter().flat_map(|region| {
        let kinds = region.descriptors();
        [kinds.mobile(), kinds.fixed_line(), kinds.voip(), kinds.personal_number()].into_iter().flatten()
    });
    lengths.flat_map(Descriptor::possible_length).any(|length| usize::from(*length) == national.len())
}

/// A person on WhatsApp, by the id under which Meta shows them to one business: whoever takes a user name may come without a
/// phone number. The same person has another id at another business, and gets a new one with a new number. (Cloud API,
/// "Business-scoped user IDs".)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WhatsappUser {
    business: BusinessId,
    id: String,
}

impl WhatsappUser {
    /// The id as Meta writes it, and the business that it is of.
    ///
    /// # Errors
    /// [`AddressError::WhatsappUser`] when it is not an ISO 3166-1 alpha-2 code, a period, perhaps `ENT` and another one, and up
    /// to 128 letters and digits.
    pub fn new(business: BusinessId, id: &str) -> Result<Self, AddressError> {
        let (country, rest) = id.split_once('.').ok_or(AddressError::WhatsappUser)?;
        // The id by which companies of one enterprise know the person.
        let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
        let is_id = country.len() == 2
            && country.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=128).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id { Ok(Self { business, id: id.to_owned() }) } else { Err(AddressError::WhatsappUser) }
    }

    /// The business that knows the person by the id.
    pub fn business(&self) -> &BusinessId {
        &self.business
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Where a channel reaches a contact. One phone number serves SMS and WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An email address.
    Email(Email),
    /// A phone number.
    Phone(Phone),
    /// The id of a private Telegram chat, always positive.
    TelegramChat(i64),
    /// A person on WhatsApp whose phone number need not be known.
    WhatsappUser(WhatsappUser),
}

impl Address {
    /// A private Telegram chat; groups have negative ids and are no person.
    ///
    /// # Errors
    /// [`AddressError::TelegramChat`] when the id is not positive.
    pub fn telegram(chat_id: i64) -> Result<Self, AddressError> {
        if chat_id > 0 { Ok(Self::TelegramChat(chat_id)) } else { Err(AddressError::TelegramChat) }
    }

    /// Whether both are email addresses, phone numbers, chats or user ids.
    pub fn is_of_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// A person on WhatsApp as a business knows them.
    ///
    /// # Errors
    /// Those of [`WhatsappUser::new`].
    pub fn whatsapp_user(business: &BusinessId, id: &str) -> Result<Self, AddressError> {
        WhatsappUser::new(business.clone(), id).map(Self::WhatsappUser)
    }

    /// The address in a form that tells two apart in a log without naming a person: `a***@example.com`, `+34***56`.
    pub fn masked(&self) -> String {
        match self {
            Self::Email(email) => {
                let (local, domain) = email.0.rsplit_once('@').unwrap_or((&email.0, ""));
                format!("{}***@{domain}", local.chars().next().unwrap_or('*'))
            }
            Self::Phone(phone) => format!("{}***{}", &phone.0[..3], &phone.0[phone.0.len() - 2..]),
            Self::TelegramChat(id) => format!("chat ***{:02}", id % 100),
            Self::WhatsappUser(user) => format!("{}.***{}", &user.id[..2], &user.id[user.id.len() - 2..]),
        }
    }
}

/// The whole address, for records and providers. Logs use [`Address::masked`].
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(email) => f.write_str(&email.0),
            Self::Phone(phone) => f.write_str(&phone.0),
            Self::TelegramChat(id) => id.fmt(f),
            Self::WhatsappUser(user) => f.write_str(&user.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domain_of_an_email_changes_case() {
        assert_eq!("Ana.Maria@Example.COM".parse::<Email>().unwrap().as_str(), "Ana.Maria@example.com");
        for text in
            ["", "ana", "ana@", "@example.com", "a b@example.com", "Ana <ana@example.com>", "a@[127.0.0.1]"]
        {
            assert_eq!(text.parse::<Email>(), Err(AddressError::Email), "{text}");
        }
    }

    #[test]
    fn phone_numbers_become_e164() {
        let spain = |text| Phone::parse(text, Some("ES")).map(|phone| phone.0);
        assert_eq!(spain("600 123 456").unwrap(), "+34600123456");
        assert_eq!(spain("+1 (415) 555-2671").unwrap(), "+14155552671");
        assert_eq!(Phone::parse("600123456", None), Err(AddressError::Phone));
        for text in ["", "123", "+34 600", "+999999999999", "hello", "+34600123456789012"] {
            assert_eq!(spain(text), Err(AddressError::Phone), "{text}");
        }
    }

    #[test]
    fn numbers_of_a_plan_that_was_given_up_are_those_of_today() {
        for (before, today) in [
            ("+5215512345678", "+525512345678"),
            ("+52 1 55 1234 5678", "+525512345678"),
            ("+551187654321", "+5511987654321"),
            ("+22997123456", "+2290197123456"),
            // Valid as it is: Argentina's mobile numbers as they are dialled from abroad.
            ("+5491123456789", "+5491123456789"),
            ("+551132654321", "+551132654321"),
        ] {
            assert_eq!(Phone::parse(before, None).unwrap().as_str(), today, "{before}");
        }
    }

    #[test]
    fn numbers_of_new_ranges_and_of_other_keyboards_are_read() {
        let read = |text| Phone::parse(text, None).map(|phone| phone.0);
        for (text, number) in [
            ("+962722123456", "+962722123456"),
            ("+255721234567", "+255721234567"),
            (
                "\u{ff0b}\u{ff13}\u{ff14}\u{3000}\u{ff16}\u{ff10}\u{ff10}\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
                "+34600123456",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Ok(number), "{text}");
        }
        for text in ["+9627221234", "+9627221234567", "+2557212345", "+9991234567"] {
            assert_eq!(read(text), Err(AddressError::Phone), "{text}");
        }
        assert_eq!(
            Phone::parse("0722123456", Some("JO")),
            Err(AddressError::Phone),
            "without its + it is not trusted"
        );
    }

    #[test]
    fn user_ids_are_kept_as_they_are() {
        let business: BusinessId = "shop".parse().unwrap();
        let longest = format!("ES.{}", "9".repeat(128));
        for id in ["US.13491208655302741918", "US.ENT.11815799212886844830", "BR.aB9", longest.as_str()] {
            assert_eq!(WhatsappUser::new(business.clone(), id).unwrap().id(), id);
        }
        let too_long = format!("ES.{}", "9".repeat(129));
        for id in [
            "",
            "13491208655302741918",
            "us.1",
            "USA.1",
            "US.",
            "US.1.2",
            "US.ENT.",
            "US.1 ",
            "+US.1",
            &too_long,
        ] {
            assert_eq!(WhatsappUser::new(business.clone(), id), Err(AddressError::WhatsappUser), "{id}");
        }
    }

    #[test]
    fn what_is_parsed_can_be_read_back() {
        let digits = "123456789012345678";
        for prefix in ["+49 30", "+49 2", "+39 0", "+290", "+247", "+44", "+81 3", "+683", "+672", "+49 1"] {
            for length in 0..18 {
                let text = format!("{prefix}{}", &digits[..length]);
                if let Ok(phone) = Phone::parse(&text, None) {
                    assert_eq!(Phone::from_e164(phone.as_str()), Ok(phone.clone()), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_masked_address_hides_the_person() {
        let masked = |address: Address| address.masked();
        assert_eq!(masked(Address::Email("ana@example.com".parse().unwrap())), "a***@example.com");
        assert_eq!(masked(Address::Phone(Phone::parse("+34600123456", None).unwrap())), "+34***56");
        assert_eq!(masked(Address::TelegramChat(123_456)), "chat ***56");
        let user = Address::whatsapp_user(&"shop".parse().unwrap(), "US.13491208655302741918");
        assert_eq!(masked(user.unwrap()), "US.***18");
    }
}
