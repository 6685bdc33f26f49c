//! Texts folded between words.

/// How many columns a text takes, as far as characters tell.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The width of the longest word, below which a text cannot be folded.
pub(super) fn longest_word(text: &str) -> usize {
    text.split(' ').map(width).max().unwrap_or_default()
}

/// The text in lines of at most `columns`; a word that is longer has a line of its own. One line at least, which may be empty.
pub(super) fn fold(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut is_first = true;
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one");
        if is_first {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
        is_first = false;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_folded_between_words_only() {
        assert_eq!(fold("", 5), [""]);
        assert_eq!(fold("one two three", 7), ["one two", "three"]);
        assert_eq!(fold("one two three", 3), ["one", "two", "three"]);
        assert_eq!(fold("ñandú ñu", 8), ["ñandú ñu"]);
        assert_eq!(longest_word("one three"), 5);
    }
}
