//! Contacts.

use super::Table;
use super::words::{address, labels, list, time};
use crate::wire::v1;

/// One contact.
pub(crate) fn contact(contact: &v1::Contact) -> String {
    let mut table = Table::<2>::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("contact", contact.contact_id.clone());
    for own in &contact.addresses {
        let window = match &own.whatsapp_inbound_time {
            Some(wrote) => format!(" (last wrote on WhatsApp {})", time(Some(wrote))),
            None => String::new(),
        };
        row(kind(own.address.as_ref()), address(own.address.as_ref()) + &window);
    }
    row("labels", labels(&contact.labels));
    row("created", time(contact.create_time.as_ref()));
    row("changed", time(contact.update_time.as_ref()));
    row("etag", contact.etag.clone());
    table.indented("")
}

/// A list of contacts.
pub(crate) fn contacts(contacts: &[v1::Contact]) -> String {
    let mut table = Table::new(["contact", "addresses", "labels", "changed"]);
    for contact in contacts {
        let addresses = contact.addresses.iter().map(|own| address(own.address.as_ref()));
        table.row([
            contact.contact_id.clone(),
            list(addresses),
            labels(&contact.labels),
            time(contact.update_time.as_ref()),
        ]);
    }
    table.or("There are no contacts.")
}

fn kind(address: Option<&v1::Address>) -> &'static str {
    use v1::address::Value;
    match address.and_then(|address| address.value.as_ref()) {
        Some(Value::Email(_)) => "email",
        Some(Value::Phone(_)) => "phone",
        Some(Value::TelegramChatId(_)) => "telegram",
        None => "address",
    }
}
