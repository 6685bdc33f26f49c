//! The states of a contact and of its preferences, told apart by versions. As text these are the etags of the API.

use std::fmt;
use std::str::FromStr;

use super::ContactIncarnation;

/// A state of a contact, which changes with every change and is never that of somebody else. As text it is the etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContactVersion {
    /// Whose state.
    pub incarnation: ContactIncarnation,
    /// How often it was changed, from 1; zero for what does not exist.
    pub changes: u64,
}

/// A state of a contact's preferences, which changes with every change and is never that of somebody else. As text it is the
/// etag, in a form that no contact's etag has: one is not taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PreferencesVersion {
    /// Whose preferences.
    pub incarnation: ContactIncarnation,
    /// How often they were changed; zero before the first time.
    pub changes: u64,
}

/// The text is no etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an etag as it was read")]
pub struct EtagError;

impl fmt::Display for ContactVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            ContactIncarnation(0) => self.changes.fmt(f),
            ContactIncarnation(number) => write!(f, "{number}-{}", self.changes),
        }
    }
}

impl FromStr for ContactVersion {
    type Err = EtagError;

    fn from_str(text: &str) -> Result<Self, EtagError> {
        let (incarnation, changes) = text.split_once('-').unwrap_or(("0", text));
        Ok(Self { incarnation: ContactIncarnation(number(incarnation)?), changes: number(changes)? })
    }
}

/// The letter that begins an etag of preferences.
const PREFERENCES: char = 'p';

impl fmt::Display for PreferencesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ContactIncarnation(incarnation) = self.incarnation;
        write!(f, "{PREFERENCES}{incarnation}-{}", self.changes)
    }
}

impl FromStr for PreferencesVersion {
    type Err = EtagError;

    fn from_str(text: &str) -> Result<Self, EtagError> {
        let parts = text.strip_prefix(PREFERENCES).and_then(|text| text.split_once('-'));
        let (incarnation, changes) = parts.ok_or(EtagError)?;
        Ok(Self { incarnation: ContactIncarnation(number(incarnation)?), changes: number(changes)? })
    }
}

fn number(text: &str) -> Result<u64, EtagError> {
    text.parse().map_err(|_| EtagError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_read_back_and_is_of_one_kind() {
        let incarnation = ContactIncarnation(7);
        for changes in [0, 1, u64::MAX] {
            let contact = ContactVersion { incarnation, changes }.to_string();
            assert_eq!(contact.parse(), Ok(ContactVersion { incarnation, changes }));
            let preferences = PreferencesVersion { incarnation, changes }.to_string();
            assert_eq!(preferences.parse(), Ok(PreferencesVersion { incarnation, changes }));
            assert_eq!(contact.parse::<PreferencesVersion>(), Err(EtagError));
            assert_eq!(preferences.parse::<ContactVersion>(), Err(EtagError));
        }
        let of_an_older_build = ContactVersion { changes: 3, ..ContactVersion::default() };
        assert_eq!("3".parse(), Ok(of_an_older_build));
        for wrong in ["", "p", "p3", "p-", "p7-", "p-2", "px-2", "q7-2", "p7-2-1"] {
            assert_eq!(wrong.parse::<PreferencesVersion>(), Err(EtagError), "{wrong:?}");
        }
    }
}
