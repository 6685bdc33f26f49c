//! Contacts that share an address are told at the start, as long as there are any.

use crate::model::ContactId;
use crate::store::{ContactStore, StoreError};

/// How many are told, at most.
const LIMIT: usize = 100;

/// Warns of each address that several contacts have: a store from before spellings were compared may have given them one in two
/// spellings.
///
/// # Errors
/// When the store fails.
pub(super) async fn warn(contacts: &dyn ContactStore) -> Result<(), StoreError> {
    for shared in contacts.shared_addresses(LIMIT).await? {
        let contacts = shared.contacts.iter().map(ContactId::as_str).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            brand.id = %shared.brand, address = shared.address.masked(), contacts,
            "contacts share one address in different spellings, and it finds the first of them; \
             remove it from the others with `relevo contact remove-address`"
        );
    }
    Ok(())
}
