//! How long Telegram takes a text to be: it counts the characters (Unicode code points, not UTF-16 units) that are left once the
//! formatting is read (core.telegram.org/bots/api, `sendMessage`: "after entities parsing"; its server, github.com/tdlib/td,
//! `MessageContent.cpp`, compares `utf8_length` of the text that was read with the limit, for texts and captions alike).
//!
//! Whether the formatting is right is for Telegram to say: what it would refuse has some length here, too.

use super::TextFormat;

impl TextFormat {
    /// How many characters of a text so written Telegram counts.
    pub fn counted_chars(self, text: &str) -> usize {
        match self {
            Self::Plain => text.chars().count(),
            Self::MarkdownV2 => markdown_chars(text),
            Self::Html => html_chars(text),
        }
    }
}

/// Marks do not count, nor does what stands between the parentheses of a link, nor the language after three backticks. After a
/// backslash, a character stands for itself.
fn markdown_chars(text: &str) -> usize {
    let (mut count, mut rest) = (0, text);
    let mut in_code = false;
    while let Some(first) = rest.chars().next() {
        let (length, counted) = match first {
            '\\' => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), 1),
            '`' => {
                in_code = !in_code;
                let opens_block = in_code && rest.starts_with("```");
                let fence = if rest.starts_with("```") { 3 } else { 1 };
                (fence + if opens_block { language_bytes(&rest[3..]) } else { 0 }, 0)
            }
            _ if in_code => (first.len_utf8(), 1),
            ']' if rest.starts_with("](") => (2 + target_bytes(&rest[2..]), 0),
            '*' | '_' | '~' | '|' | '[' | ']' | '!' | '>' => (1, 0),
            _ => (first.len_utf8(), 1),
        };
        count += counted;
        rest = &rest[length..];
    }
    count
}

/// The bytes of the language at the beginning of a block of code: a word that is not the code itself. The line end after it, or
/// without it, does not count either.
fn language_bytes(block: &str) -> usize {
    let word = block.find(|c: char| c.is_whitespace() || c == '`').unwrap_or(0);
    let word = if block[word..].starts_with('`') { 0 } else { word };
    word + usize::from(block[word..].starts_with('\n'))
}

/// The bytes of the target of a link, with the parenthesis that closes it.
fn target_bytes(target: &str) -> usize {
    let mut escaped = false;
    let closing = target.find(|c| {
        let closes = c == ')' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    closing.map_or(target.len(), |at| at + 1)
}

/// Tags do not count, and an entity is one character.
fn html_chars(text: &str) -> usize {
    let (mut count, mut rest) = (0, text);
    while let Some(first) = rest.chars().next() {
        let (length, counted) = match first {
            '<' => (tag_bytes(rest), 0),
            '&' => (entity_bytes(rest), 1),
            _ => (first.len_utf8(), 1),
        };
        count += counted;
        rest = &rest[length..];
    }
    count
}

/// The bytes of a tag, whose values in quotation marks may hold its end.
fn tag_bytes(tag: &str) -> usize {
    let mut quote = None;
    let end = tag.find(|c| match (quote, c) {
        (None, '"' | '\'') => {
            quote = Some(c);
            false
        }
        (Some(open), _) if open == c => {
            quote = None;
            false
        }
        (None, '>') => true,
        _ => false,
    });
    end.map_or(tag.len(), |at| at + 1)
}

/// The bytes of an entity of those that Telegram knows; else those of its `&`, which then stands for itself.
fn entity_bytes(text: &str) -> usize {
    let Some((name, _)) = text[1..].split_once(';') else { return 1 };
    let is_number = |digits: &str| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).is_ok(),
        None => digits.parse::<u32>().is_ok(),
    };
    let is_known =
        matches!(name, "lt" | "gt" | "amp" | "quot") || name.strip_prefix('#').is_some_and(is_number);
    if is_known { name.len() + 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_is_as_long_as_its_code_points() {
        assert_eq!(TextFormat::Plain.counted_chars("ñ😀 *a* <b>"), 11 - 1);
        assert_eq!(TextFormat::Plain.counted_chars("👨\u{200d}👩"), 3);
    }

    #[test]
    fn marks_and_links_of_markdown_do_not_count() {
        for (text, left) in [
            ("*bold* _it_ __u__ ~s~ ||x||", "bold it u s x"),
            (r"1\.5 \* 2 \\ \`", "1.5 * 2 \\ `"),
            (r"see [here\!](https://example.com/a_\)b?c=\\) now", "see here! now"),
            ("![👍](tg://emoji?id=5368324170671202286)", "👍"),
            (">a\n>b\\.", "a\nb."),
            ("`a*_b\\`c`*d*", "a*_b`cd"),
            ("```\n*x*\n```", "*x*\n"),
            ("```rust\nlet a = [1];```", "let a = [1];"),
            ("```code```", "code"),
            ("plain\\", "plain\\"),
            ("[open](https://example.com", "open"),
        ] {
            assert_eq!(TextFormat::MarkdownV2.counted_chars(text), left.chars().count(), "{text}");
        }
    }

    #[test]
    fn tags_do_not_count_and_an_entity_is_one_character() {
        for (text, left) in [
            ("<b>bold</b> <i>it</i>", "bold it"),
            (r#"<a href="https://example.com/?a=1&amp;b=>">here</a>"#, "here"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &quot;", "1 < 2 && 3 > 2 \""),
            ("&#8364;&#x20AC;", "€€"),
            ("&nbsp; & &; &#; &#zz;", "&nbsp; & &; &#; &#zz;"),
            ("<b", ""),
            ("😀", "😀"),
        ] {
            assert_eq!(TextFormat::Html.counted_chars(text), left.chars().count(), "{text}");
        }
    }
}
