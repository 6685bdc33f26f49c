//! `ContactService`: the people a brand can reach.

mod addresses;
mod links;

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};

pub use links::TelegramLinkIssuer;

use super::caller::BrandCaller;
use super::error::ApiError;
use super::etag::{self, read_etag};
use super::limits::{self, ADDRESSES};
use super::page::{PageTokenScope, collect};
use super::sealer::TokenSealer;
use super::update_mask::{MaskField, UpdateMask};
use crate::clock::Clock;
use crate::model::{ContactAddress, ContactId, ContactIncarnation, ContactVersion};
use crate::store::{ContactChange, ContactStore, UpsertResult};
use crate::wire::v1::contact_service_server::ContactService;
use crate::wire::{
    AddressFormat, FieldPath, Violations, clear_what_the_gateway_sets, contact_view, read_address,
    read_contact_addresses, v1,
};

/// Implements `ContactService`.
#[derive(Clone)]
pub struct ContactApi {
    store: Arc<dyn ContactStore>,
    tokens: Arc<TokenSealer>,
    links: TelegramLinkIssuer,
    clock: Clock,
}

#[tonic::async_trait]
impl ContactService for ContactApi {
    async fn upsert_contact(
        &self,
        request: Request<v1::UpsertContactRequest>,
    ) -> Result<Response<v1::UpsertContactResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.upsert(&caller, request).await?))
    }

    async fn add_contact_address(
        &self,
        request: Request<v1::AddContactAddressRequest>,
    ) -> Result<Response<v1::AddContactAddressResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.add_address(&caller, request).await?))
    }

    async fn remove_contact_address(
        &self,
        request: Request<v1::RemoveContactAddressRequest>,
    ) -> Result<Response<v1::RemoveContactAddressResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.remove_address(&caller, request).await?))
    }

    async fn get_contact(
        &self,
        request: Request<v1::GetContactRequest>,
    ) -> Result<Response<v1::GetContactResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.get(&caller, request).await?))
    }

    async fn find_contact(
        &self,
        request: Request<v1::FindContactRequest>,
    ) -> Result<Response<v1::FindContactResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.find(&caller, request).await?))
    }

    async fn list_contacts(
        &self,
        request: Request<v1::ListContactsRequest>,
    ) -> Result<Response<v1::ListContactsResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.list(&caller, request).await?))
    }

    async fn list_contact_events(
        &self,
        request: Request<v1::ListContactEventsRequest>,
    ) -> Result<Response<v1::ListContactEventsResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.events(&caller, request).await?))
    }

    async fn delete_contact(
        &self,
        request: Request<v1::DeleteContactRequest>,
    ) -> Result<Response<v1::DeleteContactResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.delete(&caller, request).await?))
    }

    async fn create_telegram_link(
        &self,
        request: Request<v1::CreateTelegramLinkRequest>,
    ) -> Result<Response<v1::CreateTelegramLinkResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.links.create(&caller, request).await?))
    }
}

impl ContactApi {
    /// The service over this store. `tokens` seals page tokens.
    pub fn new(
        store: Arc<dyn ContactStore>,
        tokens: Arc<TokenSealer>,
        links: TelegramLinkIssuer,
        clock: Clock,
    ) -> Self {
        Self { store, tokens, links, clock }
    }

    async fn upsert(
        &self,
        caller: &BrandCaller,
        request: v1::UpsertContactRequest,
    ) -> Result<v1::UpsertContactResponse, ApiError> {
        let change = read_change(request, caller.country())?;
        let (contact, created) =
            match self.store.upsert_contact(&caller.brand, change, self.clock.now()).await? {
                UpsertResult::Created(contact) => (contact, true),
                UpsertResult::Changed(contact) => (contact, false),
                UpsertResult::AddressTaken { index, owner } => {
                    let field = format!("contact.addresses[{index}].address");
                    return Err(address_taken(field, &owner));
                }
                UpsertResult::Stale => {
                    let next = "read it with GetContact and change it again";
                    return Err(etag::stale("the contact was", next));
                }
            };
        Ok(v1::UpsertContactResponse { contact: Some(contact_view(&contact)), created })
    }

    async fn get(
        &self,
        caller: &BrandCaller,
        request: v1::GetContactRequest,
    ) -> Result<v1::GetContactResponse, ApiError> {
        let id = read_contact_id(&request.contact_id)?;
        let contact = self.store.contact(&caller.brand, &id).await?;
        let contact = contact.ok_or_else(|| ApiError::no_contact(&id))?;
        Ok(v1::GetContactResponse { contact: Some(contact_view(&contact)) })
    }

    async fn find(
        &self,
        caller: &BrandCaller,
        request: v1::FindContactRequest,
    ) -> Result<v1::FindContactResponse, ApiError> {
        let mut violations = Violations::default();
        let numbers = AddressFormat::Dialled(caller.country());
        let address = read_address(request.address, numbers, &FieldPath::new("address"), &mut violations);
        let address = violations.finish(address)?;
        let contact = match self.store.find_by_address(&caller.brand, &address).await? {
            Some(id) => self.store.contact(&caller.brand, &id).await?,
            None => None,
        };
        let contact = contact.ok_or_else(ApiError::no_contact_at_address)?;
        Ok(v1::FindContactResponse { contact: Some(contact_view(&contact)) })
    }

    async fn list(
        &self,
        caller: &BrandCaller,
        request: v1::ListContactsRequest,
    ) -> Result<v1::ListContactsResponse, ApiError> {
        let mut violations = Violations::default();
        let listing = PageTokenScope::new(&self.tokens, "contacts", Some(&caller.brand), &[]);
        let wanted = listing.request(request.page_size, &request.page_token, &mut violations);
        let wanted = violations.finish(Some(wanted))?;
        let page = collect(wanted, |page| self.store.contacts(&caller.brand, page), contact_view).await?;
        Ok(v1::ListContactsResponse { contacts: page.items, next_page_token: listing.token(page.next) })
    }

    async fn events(
        &self,
        caller: &BrandCaller,
        request: v1::ListContactEventsRequest,
    ) -> Result<v1::ListContactEventsResponse, ApiError> {
        let mut violations = Violations::default();
        let contact = request.contact_id.as_str();
        let listing =
            PageTokenScope::new(&self.tokens, "contact events", Some(&caller.brand), contact.as_bytes());
        let id = violations.parsed::<ContactId>(contact, &FieldPath::new("contact_id"));
        let wanted = listing.request(request.page_size, &request.page_token, &mut violations);
        let (id, wanted) = violations.finish(id.map(|id| (id, wanted)))?;
        if self.store.incarnation(&caller.brand, &id).await?.is_none() {
            return Err(ApiError::no_contact(&id));
        }
        let read = |page| self.store.contact_events(&caller.brand, &id, page);
        let page = collect(wanted, read, |event| v1::ContactEvent::from(event)).await?;
        Ok(v1::ListContactEventsResponse { events: page.items, next_page_token: listing.token(page.next) })
    }

    async fn delete(
        &self,
        caller: &BrandCaller,
        request: v1::DeleteContactRequest,
    ) -> Result<v1::DeleteContactResponse, ApiError> {
        let id = read_contact_id(&request.contact_id)?;
        match self.store.delete_contact(&caller.brand, &id).await? {
            true => Ok(v1::DeleteContactResponse {}),
            false => Err(ApiError::no_contact(&id)),
        }
    }
}

/// The version of no contact.
const OF_NOBODY: ContactVersion =
    ContactVersion { incarnation: ContactIncarnation(u64::MAX), changes: u64::MAX };

/// Reads the field `contact_id` of a request.
pub(super) fn read_contact_id(text: &str) -> Result<ContactId, ApiError> {
    let mut violations = Violations::default();
    let id = violations.parsed(text, &FieldPath::new("contact_id"));
    Ok(violations.finish(id)?)
}

fn read_change(request: v1::UpsertContactRequest, country: Option<&str>) -> Result<ContactChange, ApiError> {
    let mut violations = Violations::default();
    let given = request.contact.as_ref();
    let fields = [
        MaskField::new("addresses", given.is_some_and(|contact| !contact.addresses.is_empty())),
        MaskField::new("labels", given.is_some_and(|contact| !contact.labels.is_empty())),
    ];
    let mask =
        UpdateMask::read(request.update_mask, &fields, &FieldPath::new("update_mask"), &mut violations);
    let path = FieldPath::new("contact");
    let contact = violations.required(request.contact, &path);
    let change = contact.and_then(|contact| {
        let id = violations.parsed(&contact.contact_id, &path.field("contact_id"));
        // A field that the mask leaves out is not even checked.
        let addresses = mask.pick("addresses", contact.addresses);
        let addresses = addresses.map(|list| read_addresses(list, country, &path, &mut violations));
        let labels = mask.pick("labels", contact.labels);
        if let Some(labels) = &labels {
            limits::labels(labels, &path.field("labels"), &mut violations);
        }
        Some(ContactChange {
            id: id?,
            addresses,
            labels,
            expected_version: read_etag(&contact.etag, OF_NOBODY),
        })
    });
    Ok(violations.finish(change)?)
}

fn read_addresses(
    mut addresses: Vec<v1::ContactAddress>,
    country: Option<&str>,
    contact: &FieldPath<'_>,
    violations: &mut Violations,
) -> Vec<ContactAddress> {
    let path = contact.field("addresses");
    let count = addresses.len();
    addresses.iter_mut().for_each(clear_what_the_gateway_sets);
    limits::count(count, ADDRESSES, &path, violations);
    let read = read_contact_addresses(addresses, AddressFormat::Dialled(country), &path, violations);
    // The addresses are compared as read: two spellings of one number are one address. Unless all could be read, their
    // indexes are not those of the request, and a violation would name the wrong one.
    if read.len() == count {
        limits::distinct(read.iter().map(|contact| contact.address.folded()), &path, violations);
    }
    read
}

/// The address in `field` belongs to another contact.
fn address_taken(field: String, owner: &ContactId) -> ApiError {
    let message =
        format!("{field} belongs to the contact {owner}: take it from that contact first, or use that one");
    ApiError::new(Code::AlreadyExists, "ADDRESS_TAKEN", message)
        .with_metadata("field", field)
        .with_metadata("contact_id", owner)
}
