//! What a call concerns, and the parts of a provider that may fail alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Address, RenderedContent};

/// The calling code of a country, or of several that share one (ITU-T E.164).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallingCode(u16);

/// The calling codes of two digits; those of one are 1 and 7, and all others have three (ITU-T E.164, list of assigned codes).
const TWO_DIGITS: [u16; 44] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

impl CallingCode {
    /// The code of an address that is a phone number.
    pub fn of(address: &Address) -> Option<Self> {
        let Address::Phone(phone) = address else { return None };
        let prefix = |length: usize| phone.digits().get(..length)?.parse::<u16>().ok();
        match prefix(1)? {
            one @ (1 | 7) => Some(Self(one)),
            _ => match prefix(2)? {
                two if TWO_DIGITS.contains(&two) => Some(Self(two)),
                _ => prefix(3).map(Self),
            },
        }
    }
}

impl FromStr for CallingCode {
    type Err = &'static str;

    /// Reads a code as it is shown: `+34`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('+').and_then(|digits| digits.parse().ok());
        digits.map(Self).ok_or("must be a calling code, such as +34")
    }
}

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// A part of a provider that may fail while the rest of it works.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthCell {
    /// What is sent as one sender; empty for the provider's own.
    Sender(String),
    /// What is sent with one template.
    Template(String),
    /// What is sent to the numbers of one calling code.
    Country(CallingCode),
}

/// What tells cells of one kind from those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CellDimension {
    /// By sender.
    Sender,
    /// By template.
    Template,
    /// By country.
    Country,
}

impl CellDimension {
    /// All of them; of two that explain failures equally well, the first is meant.
    pub const ALL: [Self; 3] = [Self::Sender, Self::Template, Self::Country];
}

impl HealthCell {
    /// The dimension in which it lies.
    pub fn dimension(&self) -> CellDimension {
        match self {
            Self::Sender(_) => CellDimension::Sender,
            Self::Template(_) => CellDimension::Template,
            Self::Country(_) => CellDimension::Country,
        }
    }
}

impl fmt::Display for HealthCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sender(sender) if sender.is_empty() => f.write_str("its own sender"),
            Self::Sender(sender) => write!(f, "sender {sender}"),
            Self::Template(name) => write!(f, "template {name}"),
            Self::Country(code) => write!(f, "country {code}"),
        }
    }
}

/// A cell of a provider that refuses calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRefusal {
    /// The cell.
    pub cell: HealthCell,
    /// How long to wait before asking again.
    pub wait: Duration,
}

/// What one call concerns: the cells whose trouble could be the cause when it fails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallScope {
    cells: Vec<HealthCell>,
}

impl CallScope {
    /// The scope of a call that sends `content` to `address` as `sender`, `None` for the provider's own.
    pub fn new(sender: Option<&str>, address: &Address, content: &RenderedContent) -> Self {
        let sender = HealthCell::Sender(sender.unwrap_or_default().to_owned());
        let template = match content {
            RenderedContent::Template(template) => Some(HealthCell::Template(template.name.clone())),
            _ => None,
        };
        let country = CallingCode::of(address).map(HealthCell::Country);
        Self { cells: [Some(sender), template, country].into_iter().flatten().collect() }
    }

    /// The cells, in the order of [`CellDimension::ALL`].
    pub fn cells(&self) -> &[HealthCell] {
        &self.cells
    }

    /// The cell of a dimension, if the call lies in one.
    pub fn cell(&self, dimension: CellDimension) -> Option<&HealthCell> {
        self.cells.iter().find(|cell| cell.dimension() == dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phone;

    #[test]
    fn a_number_is_of_the_country_whose_code_it_begins_with() {
        for (number, code) in [
            ("+12125550123", "+1"),
            ("+79161234567", "+7"),
            ("+34600123456", "+34"),
            ("+351912345678", "+351"),
            ("+8801712345678", "+880"),
            ("+989121234567", "+98"),
            ("+22901234567", "+229"),
        ] {
            let address = Address::Phone(Phone::parse(number, None).unwrap());
            assert_eq!(CallingCode::of(&address).map(|code| code.to_string()).as_deref(), Some(code));
        }
        assert_eq!(CallingCode::of(&Address::telegram(34).unwrap()), None);
    }

    #[test]
    fn a_call_lies_in_a_cell_of_each_dimension_that_it_has() {
        let address = Address::Phone(Phone::parse("+34600123456", None).unwrap());
        let scope = CallScope::new(None, &address, &RenderedContent::Text("Hi".to_owned()));
        let shown: Vec<String> = scope.cells().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["its own sender", "country +34"]);
        assert_eq!(scope.cell(CellDimension::Template), None);
    }
}
