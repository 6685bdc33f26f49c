//! How people want to be reached.

use super::keys;
use super::txn::Txn;
use crate::model::{BrandId, ContactId, ContactIncarnation, Preferences};
use crate::store::{PreferencesChange, SetPreferencesResult, StoreError};

/// Changes the preferences of a contact. What changes nothing is no change, and leaves the version as it is.
pub fn set(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: &ContactId,
    change: PreferencesChange,
) -> Result<SetPreferencesResult, StoreError> {
    let Some(incarnation) = txn.load::<ContactIncarnation>(&keys::contact(brand, contact))? else {
        return Ok(SetPreferencesResult::NoContact);
    };
    let key = keys::preferences(brand, contact);
    let before = txn.load::<Preferences>(&key)?.unwrap_or_default();
    if change.expected_version.is_some_and(|expected| expected != before.version(incarnation)) {
        return Ok(SetPreferencesResult::Stale);
    }
    let mut preferences = change.apply(before.clone());
    if preferences.topics.len() > Preferences::MAX_TOPICS {
        return Ok(SetPreferencesResult::TooManyTopics(preferences.topics.len()));
    }
    if preferences != before {
        preferences.changes += 1;
        txn.save(key, &preferences);
    }
    let version = preferences.version(incarnation);
    Ok(SetPreferencesResult::Set { preferences, version })
}
