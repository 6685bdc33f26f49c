//! Texts from outside: on one line, and without what could steer a screen or mislead a reader.

use std::borrow::Cow;

/// Whether a character steers what shows it instead of being shown: a control character (Unicode's category Cc, with line
/// breaks and ESC), a separator of lines or paragraphs (Zl, Zp), or a control of bidirectional text (the property
/// Bidi_Control, UAX #9), which can make a text read as another than it is.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_bidi_control(c)
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the text holds a character that is a control ([`is_control`]).
pub fn has_controls(text: &str) -> bool {
    // Most texts are ASCII, and of that only the bytes need a look.
    if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        text.chars().any(is_control)
    }
}

/// The text cleaned to one line, as it is kept: controls of bidirectional text are left out, and whatever else is a control or white
/// space becomes one space, none at its ends.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !is_bidi_control(c)) {
        if !is_control(c) && !c.is_whitespace() {
            line.push(c);
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The text as it is shown on a terminal or in a log, on one line: every control is written out, such as `\n` or `\u{1b}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !has_controls(text) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_control(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str =
        "fax\n2026-01-01 ERROR \u{1b}[2Jall is lost\u{9b}1m\u{2028}\u{202e}txt.exe\u{2066}\u{7f}";

    #[test]
    fn what_steers_a_screen_or_misleads_a_reader_is_a_control() {
        for c in ['\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}'] {
            assert!(is_control(c) && has_controls(&c.to_string()), "{c:?}");
        }
        for c in
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}"
                .chars()
        {
            assert!(is_control(c), "{c:?}");
        }
        // The joiners belong to emoji and to Indic scripts.
        for text in ["", "plain", "ñandú שלום مرحبا", "👨\u{200d}👩", "\u{200c}", "\\n"] {
            assert!(!has_controls(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cleaned_to_one_line() {
        assert_eq!(one_line(FORGED), "fax 2026-01-01 ERROR [2Jall is lost 1m txt.exe");
        assert_eq!(one_line(" \r\n a \t\u{a0} b\n"), "a b");
        assert_eq!(one_line("a\u{200e}b"), "ab", "it was never a space");
        assert_eq!(one_line("\u{1b}"), "");
    }

    #[test]
    fn a_text_is_escaped_on_one_line() {
        assert_eq!(
            escaped(FORGED),
            r"fax\n2026-01-01 ERROR \u{1b}[2Jall is lost\u{9b}1m\u{2028}\u{202e}txt.exe\u{2066}\u{7f}"
        );
        assert!(matches!(escaped("ñandú"), Cow::Borrowed("ñandú")));
    }
}
