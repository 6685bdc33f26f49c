//! The alphabet of the telephone network (3GPP TS 23.038, section 6.2.1): what lies within it goes out in seven bits a
//! character, everything else in sixteen.

/// The default alphabet but for ASCII's letters and digits, and its extension table.
const OTHERS: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà\u{c}^{}\\[~]|€";

/// Whether the text lies within the alphabet.
pub(super) fn is_gsm(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || OTHERS.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_network() {
        for text in ["", "Hello, Ana!\nCosts 5 €.", "ÄÖÜ ñ ß à Ç", "[a]{b}~^|\\", "ΔΦΓΛΩΠΨΣΘΞ"]
        {
            assert!(is_gsm(text), "{text}");
        }
        for text in ["á", "ç", "`", "\t", "Ω and ω", "👋", "“quoted”", "ő"] {
            assert!(!is_gsm(text), "{text}");
        }
    }
}
