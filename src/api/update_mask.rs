//! Update masks: which fields a request changes (AIP-134).

use prost_types::FieldMask;

use crate::wire::{FieldPath, Violations};

/// The fields to change.
#[derive(Debug)]
pub struct UpdateMask {
    /// `None` for all.
    paths: Option<Vec<String>>,
}

impl UpdateMask {
    /// Reads `update_mask`: an absent or empty one, or `*`, means all of the `known` fields.
    pub fn read(mask: Option<FieldMask>, known: &[&str], violations: &mut Violations) -> Self {
        let paths = mask.unwrap_or_default().paths;
        if paths.is_empty() || paths == ["*"] {
            return Self { paths: None };
        }
        let field = FieldPath::new("update_mask");
        let list = field.field("paths");
        for (index, path) in paths.iter().enumerate() {
            if !known.contains(&path.as_str()) {
                violations.add(&list.index(index), format_args!("must be one of {}", known.join(", ")));
            }
        }
        Self { paths: Some(paths) }
    }

    /// The value, if the mask names its field.
    pub fn pick<T>(&self, field: &str, value: T) -> Option<T> {
        let named = self.paths.as_ref().is_none_or(|paths| paths.iter().any(|path| path == field));
        named.then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_mask_names_all_fields_and_the_violation_of_an_unknown_path_lists_the_known_ones() {
        let read = |paths: &[&str]| {
            let mut violations = Violations::default();
            let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
            let mask = UpdateMask::read(Some(mask), &["labels", "addresses"], &mut violations);
            (mask, violations.to_string())
        };
        for paths in [&[][..], &["*"]] {
            let (mask, wrong) = read(paths);
            assert_eq!((mask.pick("labels", 1), wrong.as_str()), (Some(1), ""));
        }
        let (mask, wrong) = read(&["labels"]);
        assert_eq!((mask.pick("labels", 1), mask.pick("addresses", 1), wrong.as_str()), (Some(1), None, ""));
        let (_, wrong) = read(&["labels", "name"]);
        assert_eq!(wrong, "update_mask.paths[1] must be one of labels, addresses");
    }
}
