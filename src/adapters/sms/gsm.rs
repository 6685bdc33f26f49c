//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, section 6.2.1). A text that they hold goes out in
//! seven bits a character, any other in sixteen.

/// The GSM 7-bit default alphabet, each character at its code. At 0x1B stands the escape to the extension table.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table of the alphabet (section 6.2.1.1): each of its characters takes an escape and its code.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1b;

/// The code of a character, in the default alphabet or in its extension table.
enum GsmCode {
    Basic(u8),
    Extension(u8),
}

fn code(c: char) -> Option<GsmCode> {
    // Letters and digits are where ASCII has them.
    if c.is_ascii_alphanumeric() {
        return Some(GsmCode::Basic(c as u8));
    }
    let mut basic = (0u8..).zip(BASIC.chars()).filter(|&(code, _)| code != ESCAPE);
    if let Some((code, _)) = basic.find(|&(_, known)| known == c) {
        return Some(GsmCode::Basic(code));
    }
    let (code, _) = EXTENSION.iter().find(|&&(_, known)| known == c)?;
    Some(GsmCode::Extension(*code))
}

/// Whether the GSM 7-bit default alphabet and its extension table hold the whole text.
pub fn is_gsm(text: &str) -> bool {
    text.chars().all(|c| code(c).is_some())
}

/// The number of septets that a character takes: one in the default alphabet, two in the extension table, where an escape
/// comes first. `None` when neither has it.
pub fn septets(c: char) -> Option<usize> {
    code(c).map(|code| match code {
        GsmCode::Basic(_) => 1,
        GsmCode::Extension(_) => 2,
    })
}

/// Encodes a text with one septet in each octet; `None` when the alphabet and its extension table do not hold all of it.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    for c in text.chars() {
        match code(c)? {
            GsmCode::Basic(code) => octets.push(code),
            GsmCode::Extension(code) => octets.extend([ESCAPE, code]),
        }
    }
    Some(octets)
}

/// Decodes octets of one septet each. What is no code becomes U+FFFD; a code that the extension table does not have is read
/// from the default alphabet, as section 6.2.1.1 asks.
pub fn decode(octets: &[u8]) -> String {
    let basic: Vec<char> = BASIC.chars().collect();
    let mut octets = octets.iter();
    let mut text = String::new();
    while let Some(&octet) = octets.next() {
        let (octet, is_escaped) = match octet {
            ESCAPE => (octets.next().copied().unwrap_or(b' '), true),
            octet => (octet, false),
        };
        let extended = EXTENSION.iter().find(|&&(code, _)| is_escaped && code == octet).map(|&(_, c)| c);
        let c = extended.or_else(|| basic.get(usize::from(octet)).copied());
        text.push(c.filter(|&c| c != '\u{1b}').unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_network() {
        assert_eq!(BASIC.chars().count(), 128);
        for text in ["", "Hello, Ana!\nCosts 5 €.", "ÄÖÜ ñ ß à Ç", "[a]{b}~^|\\", "ΔΦΓΛΩΠΨΣΘΞ"]
        {
            assert!(is_gsm(text), "{text}");
        }
        for text in ["á", "ç", "`", "\t", "Ω and ω", "👋", "“quoted”", "ő", "\u{1b}"] {
            assert!(!is_gsm(text), "{text}");
        }
    }

    #[test]
    fn characters_have_the_codes_of_the_specification() {
        let codes =
            [('@', 0x00), ('£', 0x01), ('Δ', 0x10), ('_', 0x11), ('Æ', 0x1c), ('É', 0x1f), (' ', 0x20)];
        let more =
            [('¤', 0x24), ('¡', 0x40), ('A', 0x41), ('Ä', 0x5b), ('¿', 0x60), ('z', 0x7a), ('à', 0x7f)];
        for (c, code) in codes.into_iter().chain(more) {
            assert_eq!(encode(&c.to_string()), Some(vec![code]), "{c}");
        }
        assert_eq!(encode("[€]"), Some(vec![0x1b, 0x3c, 0x1b, 0x65, 0x1b, 0x3e]));
        assert_eq!(encode("ç"), None);
    }

    #[test]
    fn what_is_no_code_does_not_hide_the_rest() {
        assert_eq!(decode(&[0x1b, b'A', 0x80, b'B', 0x1b]), "A\u{fffd}B ");
        assert_eq!(decode(&[0x1b, 0x1b, b'C']), "\u{fffd}C");
    }

    proptest! {
        #[test]
        fn a_text_comes_back(chars in prop::collection::vec(prop::sample::select(
            BASIC.chars().chain(EXTENSION.map(|(_, c)| c)).filter(|&c| c != '\u{1b}').collect::<Vec<_>>(),
        ), 0..200)) {
            let text: String = chars.into_iter().collect();
            let octets = encode(&text).unwrap();
            prop_assert_eq!(octets.len(), text.chars().map(|c| septets(c).unwrap()).sum::<usize>());
            prop_assert_eq!(decode(&octets), text);
        }
    }
}
