//! What is wrong with a setting, and the one way to say within which bounds a number must lie.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// A day, the longest of most times that can be set, in milliseconds: a longer one is a slip of the unit.
pub const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// The most of anything that is counted: more is a slip, and far above what one machine holds.
pub const MAX_COUNT: u32 = 1_000_000;

/// A setting whose value is not valid, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {must}")]
pub struct SettingError {
    /// Its path below its table, for example `backoff_ms`.
    pub key: String,
    /// What would be right.
    pub must: String,
}

impl SettingError {
    /// Says of the setting at `key` what it must be.
    pub fn new(key: impl Into<String>, must: impl Into<String>) -> Self {
        Self { key: key.into(), must: must.into() }
    }

    /// What is wrong when `value` lies outside of `bounds`.
    pub fn out_of_bounds<T: PartialOrd + Display>(
        key: impl Into<String>,
        value: T,
        bounds: RangeInclusive<T>,
    ) -> Option<Self> {
        let must = || format!("must be from {} to {}", bounds.start(), bounds.end());
        (!bounds.contains(&value)).then(|| Self::new(key, must()))
    }
}

/// Gathers what is wrong with the settings of a table.
#[derive(Debug, Default)]
pub struct SettingErrors(Vec<SettingError>);

impl SettingErrors {
    /// The setting at `key` must lie within `bounds`. A number that is none is outside of all.
    pub fn within<T: PartialOrd + Display>(&mut self, key: &str, value: T, bounds: RangeInclusive<T>) {
        self.0.extend(SettingError::out_of_bounds(key, value, bounds));
    }

    /// Notes what is wrong.
    pub fn add(&mut self, error: SettingError) {
        self.0.push(error);
    }

    /// What was read, or nothing when that failed.
    pub fn take<T>(&mut self, read: Result<T, SettingError>) -> Option<T> {
        read.map_err(|error| self.add(error)).ok()
    }

    /// The setting at `key` is as it `must` be only where it is `right`.
    pub fn require(&mut self, right: bool, key: &str, must: &str) {
        if !right {
            self.0.push(SettingError::new(key, must));
        }
    }

    /// What is wrong, in the order in which it was found.
    pub fn into_vec(self) -> Vec<SettingError> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_named_and_belong_to_the_range() {
        let told = |value: f64| {
            SettingError::out_of_bounds("rate", value, 0.001..=1.0).map(|error| error.to_string())
        };
        assert_eq!([told(0.001), told(1.0)], [None, None]);
        for outside in [0.0, 1.001, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(told(outside).as_deref(), Some("rate must be from 0.001 to 1"), "{outside}");
        }
    }
}
