//! Contacts.

use super::{
    AddressFormat, FieldPath, Violations, read_address, read_optional_time, read_time, timestamp, v1,
};
use crate::model::{Address, Contact, ContactAddress, ContactVersion, ProviderName, Timestamp};

/// The contact without its etag, which only the API has.
impl From<&Contact> for v1::Contact {
    fn from(contact: &Contact) -> Self {
        Self {
            contact_id: contact.id.as_str().to_owned(),
            addresses: contact.addresses.iter().map(Into::into).collect(),
            labels: contact.labels.clone(),
            create_time: Some(timestamp(contact.created_at)),
            update_time: Some(timestamp(contact.updated_at)),
            etag: String::new(),
        }
    }
}

/// The contact as the API shows it: its etag is its version.
pub fn contact_view(contact: &Contact) -> v1::Contact {
    v1::Contact { etag: contact.version().to_string(), ..contact.into() }
}

impl From<&ContactAddress> for v1::ContactAddress {
    fn from(contact_address: &ContactAddress) -> Self {
        Self {
            address: Some((&contact_address.address).into()),
            whatsapp_inbound_time: contact_address.whatsapp_inbound_at.map(timestamp),
            whatsapp_windows: contact_address.whatsapp_windows.iter().map(window_view).collect(),
            aliases: contact_address.aliases.iter().map(Into::into).collect(),
        }
    }
}

fn window_view((provider, at): (&ProviderName, &Timestamp)) -> v1::WhatsappWindow {
    v1::WhatsappWindow { provider: provider.to_string(), inbound_time: Some(timestamp(*at)) }
}

/// Reads a contact as stored, whose version stands beside it.
pub fn read_contact(
    contact: v1::Contact,
    version: ContactVersion,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Contact> {
    let id = violations.parsed(&contact.contact_id, &path.field("contact_id"));
    let addresses = read_contact_addresses(
        contact.addresses,
        AddressFormat::Stored,
        &path.field("addresses"),
        violations,
    );
    let created_at = read_time(contact.create_time, &path.field("create_time"), violations);
    let updated_at = read_time(contact.update_time, &path.field("update_time"), violations);
    Some(Contact {
        id: id?,
        incarnation: version.incarnation,
        addresses,
        labels: contact.labels,
        created_at: created_at?,
        updated_at: updated_at?,
        changes: version.changes,
    })
}

/// Reads a contact's addresses.
pub fn read_contact_addresses(
    addresses: Vec<v1::ContactAddress>,
    format: AddressFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Vec<ContactAddress> {
    let read = |(index, contact_address)| {
        read_contact_address(contact_address, format, &path.index(index), violations)
    };
    addresses.into_iter().enumerate().filter_map(read).collect()
}

/// Empties what only the gateway sets, windows and aliases: a caller sends it back with a contact that it read.
pub fn clear_what_the_gateway_sets(contact_address: &mut v1::ContactAddress) {
    contact_address.whatsapp_windows.clear();
    contact_address.aliases.clear();
}

/// Reads one of them.
pub fn read_contact_address(
    contact_address: v1::ContactAddress,
    format: AddressFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ContactAddress> {
    let address = read_address(contact_address.address, format, &path.field("address"), violations);
    let inbound = path.field("whatsapp_inbound_time");
    let whatsapp_inbound_at = read_optional_time(contact_address.whatsapp_inbound_time, &inbound, violations);
    let windows = path.field("whatsapp_windows");
    let read = |(index, window)| read_window(window, &windows.index(index), violations);
    let whatsapp_windows =
        contact_address.whatsapp_windows.into_iter().enumerate().filter_map(read).collect();
    let aliases = read_aliases(contact_address.aliases, format, &path.field("aliases"), violations);
    Some(ContactAddress { address: address?, whatsapp_inbound_at, whatsapp_windows, aliases })
}

fn read_aliases(
    aliases: Vec<v1::Address>,
    format: AddressFormat<'_>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Vec<Address> {
    let read = |(index, alias)| read_address(Some(alias), format, &path.index(index), violations);
    aliases.into_iter().enumerate().filter_map(read).collect()
}

fn read_window(
    window: v1::WhatsappWindow,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<(ProviderName, Timestamp)> {
    let provider = violations.parsed(&window.provider, &path.field("provider"));
    let at = read_time(window.inbound_time, &path.field("inbound_time"), violations);
    Some((provider?, at?))
}
