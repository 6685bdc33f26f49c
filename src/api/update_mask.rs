//! Update masks: which fields a request changes (AIP-134).

use prost_types::FieldMask;

use crate::wire::{FieldPath, Violations};

/// A field that a request can change.
#[derive(Debug, Clone, Copy)]
pub struct MaskField {
    /// Its name.
    pub name: &'static str,
    /// Whether the request has a value for it.
    pub is_present: bool,
}

impl MaskField {
    /// The field `name`, which is present where the request says anything of it.
    pub fn new(name: &'static str, is_present: bool) -> Self {
        Self { name, is_present }
    }
}

/// The fields to change.
#[derive(Debug)]
pub struct UpdateMask {
    paths: Vec<String>,
}

impl UpdateMask {
    /// Reads the mask at `path`: an absent or empty one means those of the `known` fields that are present, and `*` all of them.
    pub fn read(
        mask: Option<FieldMask>,
        known: &[MaskField],
        path: &FieldPath<'_>,
        violations: &mut Violations,
    ) -> Self {
        let paths = mask.unwrap_or_default().paths;
        let names = |is_meant: fn(&MaskField) -> bool| {
            known.iter().copied().filter(is_meant).map(|field| field.name.to_owned()).collect()
        };
        if paths.is_empty() {
            return Self { paths: names(|field| field.is_present) };
        }
        if paths == ["*"] {
            return Self { paths: names(|_| true) };
        }
        let list = path.field("paths");
        for (index, path) in paths.iter().enumerate() {
            if !known.iter().any(|known| known.name == path) {
                let known: Vec<_> = known.iter().map(|known| known.name).collect();
                violations.add(&list.index(index), format_args!("must be one of {}", known.join(", ")));
            }
        }
        Self { paths }
    }

    /// Whether it names the field.
    pub fn names(&self, field: &str) -> bool {
        self.paths.iter().any(|path| path == field)
    }

    /// The value, if the mask names its field.
    pub fn pick<T>(&self, field: &str, value: T) -> Option<T> {
        self.names(field).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_mask_names_the_fields_present_and_the_violation_of_an_unknown_path_lists_the_known_ones() {
        let read = |paths: &[&str]| {
            let mut violations = Violations::default();
            let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
            let known = [MaskField::new("labels", true), MaskField::new("addresses", false)];
            let mask = UpdateMask::read(Some(mask), &known, &FieldPath::new("update_mask"), &mut violations);
            (mask, violations.to_string())
        };
        let picked = |mask: &UpdateMask| (mask.pick("labels", 1), mask.pick("addresses", 1));
        for (paths, expected) in [
            (&[][..], (Some(1), None)),
            (&["*"], (Some(1), Some(1))),
            (&["labels"], (Some(1), None)),
            (&["addresses"], (None, Some(1))),
        ] {
            let (mask, wrong) = read(paths);
            assert_eq!((picked(&mask), wrong.as_str()), (expected, ""), "{paths:?}");
        }
        let (_, wrong) = read(&["labels", "name"]);
        assert_eq!(wrong, "update_mask.paths[1] must be one of labels, addresses");
    }
}
