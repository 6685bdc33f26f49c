//! The violations of a protobuf message, each with the path of its field.

use std::fmt;
use std::str::FromStr;

/// The path of a field, for example `contact.addresses[2].address.phone`. Built on the stack: a valid message costs
/// no allocation.
#[derive(Clone, Copy)]
pub struct FieldPath<'a> {
    parent: Option<&'a FieldPath<'a>>,
    segment: FieldPathSegment<'a>,
}

#[derive(Clone, Copy)]
enum FieldPathSegment<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> FieldPath<'a> {
    /// The request itself, whose fields have no prefix.
    pub const ROOT: FieldPath<'static> = FieldPath { parent: None, segment: FieldPathSegment::Root };

    /// A field of the request.
    pub fn new(field: &'a str) -> Self {
        Self { parent: None, segment: FieldPathSegment::Field(field) }
    }

    /// A field of the message at this path.
    pub fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), segment: FieldPathSegment::Field(name) }
    }

    /// An item of the list at this path, counted from 0.
    pub fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), segment: FieldPathSegment::Index(index) }
    }
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            FieldPathSegment::Root => Ok(()),
            FieldPathSegment::Field(name) if self.parent.is_some_and(|parent| !parent.is_root()) => {
                write!(f, ".{name}")
            }
            FieldPathSegment::Field(name) => f.write_str(name),
            FieldPathSegment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl FieldPath<'_> {
    fn is_root(&self) -> bool {
        matches!(self.segment, FieldPathSegment::Root)
    }
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field.
    pub field: String,
    /// What would be right, as the end of a sentence that begins with the field: `must be ...`, `is required`.
    pub description: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.description)
    }
}

/// The violations found in a message, at most [`Violations::MAX`] of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Violations(Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl Violations {
    /// How many violations are kept: enough to correct a request by, whatever its size.
    pub const MAX: usize = 50;

    /// Adds a violation at `path`, unless there are as many as are kept.
    pub fn add(&mut self, path: &FieldPath<'_>, description: impl fmt::Display) {
        if self.0.len() < Self::MAX {
            self.0.push(Violation { field: path.to_string(), description: description.to_string() });
        }
    }

    /// Whether there is no violation.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The violations, in the order in which they were found.
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }

    /// The value; adds a violation when it is absent.
    pub fn required<T>(&mut self, value: Option<T>, path: &FieldPath<'_>) -> Option<T> {
        if value.is_none() {
            self.add(path, "is required");
        }
        value
    }

    /// The text; adds a violation when it is empty.
    pub fn required_text(&mut self, text: String, path: &FieldPath<'_>) -> Option<String> {
        self.required(optional_text(text), path)
    }

    /// Parses a required text; adds a violation, in the words of the type's error, when it cannot be parsed.
    pub fn parsed<T>(&mut self, text: &str, path: &FieldPath<'_>) -> Option<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        if text.is_empty() {
            return self.required(None, path);
        }
        text.parse().map_err(|error| self.add(path, error)).ok()
    }

    /// The value that was read, when there is no violation.
    ///
    /// # Errors
    /// The violations, when there are any.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => {
                if self.is_empty() {
                    self.add(&FieldPath::new("message"), "is required");
                }
                Err(self)
            }
        }
    }
}

/// An empty text is an absent one.
pub fn optional_text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_request() {
        let contact = FieldPath::ROOT.field("contact");
        let addresses = contact.field("addresses");
        let third = addresses.index(2);
        assert_eq!(third.field("phone").to_string(), "contact.addresses[2].phone");
        assert_eq!(FieldPath::new("topic").to_string(), "topic");
    }

    #[test]
    fn violations_are_bounded() {
        let mut violations = Violations::default();
        for index in 0..1_000 {
            violations.add(&FieldPath::new("items").index(index), "is required");
        }
        assert_eq!(violations.into_vec().len(), Violations::MAX);
    }

    #[test]
    fn a_value_is_returned_only_without_violations() {
        assert_eq!(Violations::default().finish(Some(1)), Ok(1));
        let mut violations = Violations::default();
        violations.add(&FieldPath::new("topic"), "is required");
        assert_eq!(violations.finish(Some(1)).unwrap_err().to_string(), "topic is required");
        assert!(Violations::default().finish::<u8>(None).is_err());
    }
}
