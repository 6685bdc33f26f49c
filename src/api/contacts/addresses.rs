//! One address more, or one less.

use tonic::Code;

use super::{ContactApi, address_taken};
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::model::{Contact, ContactId};
use crate::store::AddressResult;
use crate::wire::{
    AddressFormat, FieldPath, Violations, clear_what_the_gateway_sets, contact_view, read_address,
    read_contact_address, v1,
};

impl ContactApi {
    pub(super) async fn add_address(
        &self,
        caller: &BrandCaller,
        request: v1::AddContactAddressRequest,
    ) -> Result<v1::AddContactAddressResponse, ApiError> {
        let mut violations = Violations::default();
        let id = violations.parsed(&request.contact_id, &FieldPath::new("contact_id"));
        let path = FieldPath::new("address");
        let address = violations.required(request.address, &path).and_then(|mut address| {
            clear_what_the_gateway_sets(&mut address);
            read_contact_address(address, AddressFormat::Dialled(caller.country()), &path, &mut violations)
        });
        let (id, address) = violations.finish(id.zip(address))?;
        let added = self.store.add_address(&caller.brand, &id, address, self.clock.now()).await?;
        Ok(v1::AddContactAddressResponse { contact: Some(contact_view(&changed(added, &id)?)) })
    }

    pub(super) async fn remove_address(
        &self,
        caller: &BrandCaller,
        request: v1::RemoveContactAddressRequest,
    ) -> Result<v1::RemoveContactAddressResponse, ApiError> {
        let mut violations = Violations::default();
        let id = violations.parsed(&request.contact_id, &FieldPath::new("contact_id"));
        let numbers = AddressFormat::Dialled(caller.country());
        let address = read_address(request.address, numbers, &FieldPath::new("address"), &mut violations);
        let (id, address) = violations.finish(id.zip(address))?;
        let removed = self.store.remove_address(&caller.brand, &id, &address, self.clock.now()).await?;
        Ok(v1::RemoveContactAddressResponse { contact: Some(contact_view(&changed(removed, &id)?)) })
    }
}

fn changed(result: AddressResult, id: &ContactId) -> Result<Contact, ApiError> {
    match result {
        AddressResult::Changed(contact) => Ok(contact),
        AddressResult::NoContact => Err(ApiError::no_contact(id)),
        AddressResult::Taken(owner) => Err(address_taken("address".to_owned(), &owner)),
        AddressResult::Full => {
            let message = format!(
                "the contact {id} has {} addresses, as many as it may: remove one first",
                Contact::MAX_ADDRESSES
            );
            let full = ApiError::new(Code::FailedPrecondition, "TOO_MANY_ADDRESSES", message);
            Err(full.with_metadata("contact_id", id))
        }
        AddressResult::Absent => {
            let message =
                format!("the contact {id} does not have this address: read what it has with GetContact");
            Err(ApiError::new(Code::NotFound, "ADDRESS_NOT_FOUND", message).with_metadata("contact_id", id))
        }
    }
}
