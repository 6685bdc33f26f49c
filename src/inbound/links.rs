//! Contact links that people followed.

use crate::model::{Address, LinkId, ProviderName, Timestamp};
use crate::store::{FollowResult, LinkStore, StoreError};

/// Ties the address of somebody who followed a link at `at` to the contact whose link it is.
///
/// # Errors
/// When the store failed: the provider should report it again.
pub(super) async fn follow(
    store: &dyn LinkStore,
    provider: &ProviderName,
    id: LinkId,
    address: Address,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let masked = address.masked();
    match store.follow_link(id, address, at, now).await? {
        FollowResult::AddressAdded(link) => tracing::info!(
            provider.name = %provider, brand.id = %link.brand, contact.id = %link.contact, address = masked,
            "a contact link was followed: the address now belongs to the contact"
        ),
        FollowResult::AddressTaken { link, owner } => tracing::warn!(
            provider.name = %provider, brand.id = %link.brand, contact.id = %link.contact, owner.id = %owner,
            address = masked, "a contact link was not followed: the address belongs to another contact"
        ),
        FollowResult::TooManyAddresses(link) => tracing::warn!(
            provider.name = %provider, brand.id = %link.brand, contact.id = %link.contact, address = masked,
            "a contact link was not followed: the contact has as many addresses as it may"
        ),
        FollowResult::Expired(link) => tracing::info!(
            provider.name = %provider, brand.id = %link.brand, contact.id = %link.contact, address = masked,
            "a contact link was not followed: it had expired"
        ),
        FollowResult::Unknown => tracing::debug!(
            provider.name = %provider, address = masked,
            "a contact link was not followed: it was followed before, or its contact is deleted"
        ),
    }
    Ok(())
}
