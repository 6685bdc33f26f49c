//! What messages are about. Topics form a tree: `offers.shoes` lies below `offers`.

use std::fmt;
use std::str::FromStr;

/// Why a text is no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to 8 lower-case words of letters, digits, `-` and `_` joined by dots, at most 100 characters"
)]
pub struct TopicError;

/// What a message is about, for example `orders` or `offers.shoes`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(String);

impl Topic {
    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this topic or lies below it.
    pub fn covers(&self, other: &Topic) -> bool {
        match other.0.strip_prefix(&self.0) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }

    /// How many words it has: the more, the more specific.
    pub fn depth(&self) -> usize {
        self.0.split('.').count()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        let valid = text.len() <= 100 && text.split('.').count() <= 8 && text.split('.').all(word);
        if valid { Ok(Self(text.to_owned())) } else { Err(TopicError) }
    }
}

/// What a grant or revocation speaks of: all topics (`*`), or one and those below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicScope {
    /// Every topic.
    All,
    /// This topic and those below it.
    Topic(Topic),
}

impl TopicScope {
    /// Whether the scope includes `topic`.
    pub fn covers(&self, topic: &Topic) -> bool {
        match self {
            Self::All => true,
            Self::Topic(scope) => scope.covers(topic),
        }
    }

    /// How specific the scope is: 0 for all topics, else the topic's depth.
    pub fn depth(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Topic(topic) => topic.depth(),
        }
    }
}

impl fmt::Display for TopicScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Topic(topic) => topic.fmt(f),
        }
    }
}

impl FromStr for TopicScope {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        if text == "*" { Ok(Self::All) } else { text.parse().map(Self::Topic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_covers_itself_and_what_lies_below() {
        let offers: Topic = "offers".parse().unwrap();
        assert!(offers.covers(&offers));
        assert!(offers.covers(&"offers.shoes".parse().unwrap()));
        assert!(!offers.covers(&"offerset".parse().unwrap()));
        assert!(!"offers.shoes".parse::<Topic>().unwrap().covers(&offers));
    }

    #[test]
    fn malformed_topics_are_refused() {
        for text in ["", ".", "a.", "A", "a b", "a..b", &"x".repeat(101), "a.b.c.d.e.f.g.h.i"] {
            assert_eq!(text.parse::<Topic>(), Err(TopicError), "{text}");
        }
    }
}
