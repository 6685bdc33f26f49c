//! The segments of a text as SMS (3GPP TS 23.038 and 23.040, section 9.2.3.24.1).
//!
//! One SMS holds 140 octets: 160 characters of seven bits, or 70 of sixteen. Each segment of a longer text begins with a
//! header of six octets that says where it belongs, which leaves 153 or 67.

use super::gsm;

/// The alphabet in which a text goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// The GSM 7-bit default alphabet with its extension table, seven bits a character.
    Gsm,
    /// Unicode, sixteen bits a unit (UTF-16, although the specification says UCS-2).
    Ucs2,
}

impl Alphabet {
    /// The alphabet with the shortest characters that holds the text.
    pub fn of(text: &str) -> Self {
        if gsm::is_gsm(text) { Self::Gsm } else { Self::Ucs2 }
    }

    /// The number of units that fit into one SMS on its own.
    fn alone(self) -> usize {
        match self {
            Self::Gsm => 160,
            Self::Ucs2 => 70,
        }
    }

    /// The number of units that fit into each segment of a longer text.
    fn in_part(self) -> usize {
        match self {
            Self::Gsm => 153,
            Self::Ucs2 => 67,
        }
    }

    /// The number of units that a character takes. One beyond the alphabet counts as the question mark that would stand for it.
    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm => gsm::septets(c).unwrap_or(1),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// The size of a text as SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsSize {
    /// The alphabet with the shortest characters that holds the text.
    pub alphabet: Alphabet,
    /// The number of units of that alphabet: septets, or units of UTF-16.
    pub units: usize,
    /// The number of segments.
    pub segments: usize,
}

impl SmsSize {
    /// The size of this text.
    pub fn of(text: &str) -> Self {
        let alphabet = Alphabet::of(text);
        let units = text.chars().map(|c| alphabet.units(c)).sum();
        Self { alphabet, units, segments: split(text, alphabet).len() }
    }
}

/// Cuts the text into segments, each as long as fits: at least one, which is empty when the text is. No character is cut in
/// two: neither an escape from its code, nor the halves of a surrogate pair.
pub fn split(text: &str, alphabet: Alphabet) -> Vec<&str> {
    let units: usize = text.chars().map(|c| alphabet.units(c)).sum();
    if units <= alphabet.alone() {
        return vec![text];
    }
    let mut parts = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (at, c) in text.char_indices() {
        filled += alphabet.units(c);
        if filled > alphabet.in_part() {
            parts.push(&text[start..at]);
            (start, filled) = (at, alphabet.units(c));
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> usize {
        SmsSize::of(text).segments
    }

    #[test]
    fn the_limits_are_those_of_the_specification() {
        for (text, at_most, more) in [("a", 160, 161), ("€", 80, 81), ("ç", 70, 71), ("👋", 35, 36)] {
            assert_eq!((count(&text.repeat(at_most)), count(&text.repeat(more))), (1, 2), "{text}");
        }
        for (text, at_most, more) in [("a", 306, 307), ("ç", 134, 135)] {
            assert_eq!((count(&text.repeat(at_most)), count(&text.repeat(more))), (2, 3), "{text}");
        }
        assert_eq!(count(""), 1);
        let size = |alphabet, units, segments| SmsSize { alphabet, units, segments };
        assert_eq!(SmsSize::of("20 €"), size(Alphabet::Gsm, 5, 1));
        assert_eq!(SmsSize::of(&"hi 👋".repeat(20)), size(Alphabet::Ucs2, 100, 2));
    }

    #[test]
    fn no_character_is_cut_in_two() {
        let escaped = format!("{}€{}", "a".repeat(152), "a".repeat(20));
        assert_eq!(split(&escaped, Alphabet::Gsm)[0].len(), 152);
        let pair = format!("{}👋{}", "ç".repeat(66), "ç".repeat(20));
        assert_eq!(split(&pair, Alphabet::Ucs2)[0], "ç".repeat(66));
    }

    proptest! {
        #[test]
        fn parts_make_up_the_text_and_each_fits(text in "[a-z€ç👋\\[]{0,400}") {
            let alphabet = Alphabet::of(&text);
            let parts = split(&text, alphabet);
            prop_assert_eq!(parts.concat(), text.as_str());
            let bound = if parts.len() == 1 { alphabet.alone() } else { alphabet.in_part() };
            for part in parts {
                prop_assert!(part.chars().map(|c| alphabet.units(c)).sum::<usize>() <= bound);
            }
        }
    }
}
