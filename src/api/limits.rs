//! How large the parts of a request may be, as documented in `proto/`, and the checks that more than one service makes.
//!
//! Every check adds what is wrong to the violations and goes on, so that a caller learns of everything at once.

use std::collections::HashSet;
use std::hash::Hash;

use url::Url;

use crate::model::{Channel, Contact, Labels, Preferences, text};
use crate::wire::{FieldPath, Violations};

/// Addresses of a contact.
pub const ADDRESSES: usize = Contact::MAX_ADDRESSES;
/// Labels of a contact or message.
pub const LABELS: usize = 16;
/// Characters of a label's key.
pub const LABEL_KEY: usize = 63;
/// Characters of a label's value.
pub const LABEL_VALUE: usize = 255;
/// Preferences by topic.
pub const TOPICS: usize = Preferences::MAX_TOPICS;
/// Characters of a name: of an actor, a source, a method.
pub const NAME: usize = 255;
/// Characters of a reason or an explanation.
pub const REASON: usize = 500;
/// Characters of the wording a person agreed to.
pub const WORDING: usize = 10_000;
/// Characters of a key's label.
pub const KEY_LABEL: usize = 100;
/// Messages that one watch may name.
pub const WATCHED: usize = 1_000;

/// Adds a violation for a text of more than `max` characters.
pub fn chars(text: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    // No text has more characters than bytes.
    if text.len() > max && text.chars().count() > max {
        violations.add(path, format_args!("must be at most {max} characters"));
    }
}

/// Adds a violation for a text of more than `max` bytes.
pub fn bytes(text: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    if text.len() > max {
        violations.add(path, format_args!("must be at most {max} bytes"));
    }
}

/// Adds a violation for a name or the like that is absent, or that [`line()`] finds wrong.
pub fn required_line(text: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    if text.trim().is_empty() {
        violations.add(path, "is required");
    }
    line(text, max, path, violations);
}

/// Adds a violation for a name or the like that is too long, not on one line, or that steers how it is shown: it is read in lists and
/// logs, between what others wrote.
pub fn line(text: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    chars(text, max, path, violations);
    no_controls(text, path, violations);
}

fn no_controls(text: &str, path: &FieldPath<'_>, violations: &mut Violations) {
    if text::has_controls(text) {
        violations.add(
            path,
            "must be on one line, without control characters, those of bidirectional text among them",
        );
    }
}

/// Adds a violation for a part of a content with control characters, line breaks among them. Those of bidirectional text belong to
/// some languages, and stay.
pub fn one_line(text: &str, path: &FieldPath<'_>, violations: &mut Violations) {
    if text.chars().any(char::is_control) {
        violations.add(path, "must be on one line, without control characters");
    }
}

/// Adds a violation for a text that says nothing but spaces, or has control characters other than those that lines are made
/// of: a provider would refuse it, or the reader's terminal obey it. An absent one is valid here.
pub fn text(text: &str, path: &FieldPath<'_>, violations: &mut Violations) {
    if !text.is_empty() && text.trim().is_empty() {
        violations.add(path, "is required: spaces alone say nothing");
    }
    printable(text, path, violations);
}

/// Adds a violation for a text with control characters other than line breaks and tabs.
pub fn printable(text: &str, path: &FieldPath<'_>, violations: &mut Violations) {
    if text.chars().any(|c| c.is_control() && !['\n', '\r', '\t'].contains(&c)) {
        violations.add(path, "must have no control characters but line breaks and tabs");
    }
}

/// Adds a violation for a text that is no https URL of at most `max` characters. An absent one is valid here.
pub fn https_url(text: &str, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    let is_allowed =
        |url: Url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    if !text.is_empty() && (text.chars().count() > max || !Url::parse(text).is_ok_and(is_allowed)) {
        violations
            .add(path, format_args!("must be an https URL of at most {max} characters, without credentials"));
    }
}

/// Adds a violation for a list of more than `max` items.
pub fn count(len: usize, max: usize, path: &FieldPath<'_>, violations: &mut Violations) {
    if len > max {
        violations.add(path, format_args!("must be at most {max}"));
    }
}

/// Adds a violation for every item that repeats one before it.
pub fn distinct<T: Eq + Hash>(
    items: impl IntoIterator<Item = T>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) {
    let mut seen = HashSet::new();
    for (index, item) in items.into_iter().enumerate() {
        if !seen.insert(item) {
            violations.add(&path.index(index), "must not repeat one before it");
        }
    }
}

/// Adds a violation for a list of channels that repeats one.
pub fn distinct_channels(channels: &[i32], path: &FieldPath<'_>, violations: &mut Violations) {
    // More entries than channels cannot all differ, and one violation is enough for them.
    if channels.len() > Channel::ALL.len() {
        violations.add(path, "must name each channel at most once");
    } else {
        distinct(channels, path, violations);
    }
}

/// Adds violations for labels that are too many, too long, or not on one line.
pub fn labels(labels: &Labels, path: &FieldPath<'_>, violations: &mut Violations) {
    count(labels.len(), LABELS, path, violations);
    for (key, value) in labels {
        let length = key.chars().count();
        let valid = (1..=LABEL_KEY).contains(&length) && !text::has_controls(key);
        if !valid {
            violations.add(path, format_args!("must have keys of 1 to {LABEL_KEY} printable characters"));
            continue;
        }
        let label = format!("{path}[{key:?}]");
        line(value, LABEL_VALUE, &FieldPath::new(&label), violations);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations_of(check: impl FnOnce(&FieldPath<'_>, &mut Violations)) -> Vec<String> {
        let mut violations = Violations::default();
        check(&FieldPath::new("it"), &mut violations);
        violations.into_vec().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn characters_are_counted_as_people_count_them() {
        assert!(violations_of(|path, violations| chars("ñandú", 5, path, violations)).is_empty());
        assert_eq!(
            violations_of(|path, violations| chars("ñandúes", 5, path, violations)),
            ["it must be at most 5 characters"]
        );
        assert_eq!(
            violations_of(|path, violations| bytes("ñandú", 5, path, violations)),
            ["it must be at most 5 bytes"]
        );
    }

    #[test]
    fn a_line_is_one_line() {
        assert!(violations_of(|path, violations| required_line("one", 9, path, violations)).is_empty());
        assert_eq!(
            violations_of(|path, violations| required_line("  ", 9, path, violations)),
            ["it is required"]
        );
        let broken =
            ["it must be on one line, without control characters, those of bidirectional text among them"];
        for text in ["a\r\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{2028}b"] {
            assert_eq!(
                violations_of(|path, violations| required_line(text, 9, path, violations)),
                broken,
                "{text:?}"
            );
        }
        let content = |text: &str| violations_of(|path, violations| one_line(text, path, violations));
        assert_eq!(content("a\nb"), ["it must be on one line, without control characters"]);
        assert!(content("\u{200f}שלום\u{202b}").is_empty(), "a subject may need them");
    }

    #[test]
    fn a_text_says_something_and_steers_nothing() {
        let check = |content: &str| violations_of(|path, violations| text(content, path, violations));
        for right in ["", "Hello", "  Hello\r\n\tworld\n", "né 🎉\u{200d}"] {
            assert!(check(right).is_empty(), "{right:?}");
        }
        for blank in [" ", "\n", "\t \u{a0}\u{3000}"] {
            assert_eq!(check(blank), ["it is required: spaces alone say nothing"], "{blank:?}");
        }
        for control in ["a\0b", "\u{1b}[2J", "\u{7}", "\u{7f}", "\u{9b}2J", "a\u{b}"] {
            let must = "it must have no control characters but line breaks and tabs";
            assert_eq!(check(control), [must], "{control:?}");
        }
    }

    #[test]
    fn a_url_is_https_and_nothing_else() {
        let check = |text: &str| violations_of(|path, violations| https_url(text, 30, path, violations));
        assert!(check("https://example.com/a%20b?c=d").is_empty());
        assert!(check("").is_empty(), "whether it is required is another check");
        let long = format!("https://example.com/{}", "a".repeat(20));
        for text in
            ["http://example.com", "example.com", "https://", "https://u:p@example.com", "file:///etc", &long]
        {
            let must = "it must be an https URL of at most 30 characters, without credentials";
            assert_eq!(check(text), [must], "{text}");
        }
    }

    #[test]
    fn what_repeats_is_named() {
        let channels =
            |list: &[i32]| violations_of(|path, violations| distinct_channels(list, path, violations));
        assert!(channels(&[1, 2, 3, 4]).is_empty());
        assert_eq!(channels(&[1, 2, 1]), ["it[2] must not repeat one before it"]);
        assert_eq!(channels(&[1; 1_000]), ["it must name each channel at most once"]);
    }

    #[test]
    fn labels_are_bounded() {
        let label = |key: String, value: String| Labels::from([(key, value)]);
        let check = |list: &Labels| violations_of(|path, violations| labels(list, path, violations));
        assert!(check(&label("k".repeat(63), "v".repeat(255))).is_empty());
        assert_eq!(check(&label("k".into(), "v".repeat(256))), ["it[\"k\"] must be at most 255 characters"]);
        for key in [String::new(), "k".repeat(64), "a\n".into(), "a\u{202e}".into()] {
            assert_eq!(check(&label(key, "v".into())), ["it must have keys of 1 to 63 printable characters"]);
        }
        for value in ["a\nb", "\u{1b}]0;a", "a\u{2066}b"] {
            assert_eq!(
                check(&label("k".into(), value.into())),
                [
                    "it[\"k\"] must be on one line, without control characters, those of bidirectional text among them"
                ]
            );
        }
        let many = (0..17).map(|index| (index.to_string(), String::new())).collect();
        assert_eq!(check(&many), ["it must be at most 16"]);
    }
}
