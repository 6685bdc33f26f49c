//! Contacts.

use super::Table;
use super::story::{EXCERPT_CHARS, evidence};
use super::words::{address, channel, excerpt, labels, list, time};
use crate::wire::v1;

/// One contact.
pub(crate) fn contact(contact: &v1::Contact) -> String {
    let mut table = Table::<2>::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("contact", contact.contact_id.clone());
    for own in &contact.addresses {
        let wrote = own.whatsapp_inbound_time.iter().map(|at| (at, String::new()));
        let by = |own: &v1::WhatsappWindow| format!(" by {}", own.provider);
        let wrote_by =
            own.whatsapp_windows.iter().filter_map(|own| Some((own.inbound_time.as_ref()?, by(own))));
        let mut shown = address(own.address.as_ref());
        for (at, by) in wrote.chain(wrote_by) {
            shown += &format!(" (last wrote on WhatsApp{by} {})", time(Some(at)));
        }
        row(kind(own.address.as_ref()), shown);
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

/// A list of what came from a contact.
pub(crate) fn contact_events(events: &[v1::ContactEvent]) -> String {
    let mut table = Table::new(["time", "channel", "provider", "address", "what"]);
    for event in events {
        table.row([
            time(event.time.as_ref()),
            channel(event.channel),
            event.provider.clone(),
            address(event.address.as_ref()),
            happened(event),
        ]);
    }
    table.or("Nothing came from this contact.")
}

/// What came from a contact, in a sentence.
pub(super) fn happened(event: &v1::ContactEvent) -> String {
    use v1::contact_event::Detail;
    match &event.detail {
        Some(Detail::Wrote(own)) => {
            let keyword = if own.keyword.is_empty() { String::new() } else { format!(" [{}]", own.keyword) };
            let answers = if own.message_id.is_empty() {
                String::new()
            } else {
                format!(" in answer to {}", own.message_id)
            };
            format!("wrote{answers}: {}{keyword}", excerpt(&own.text, EXCERPT_CHARS))
        }
        Some(Detail::Objected(own)) => {
            format!("{}{}", own.objection.replace('_', " "), evidence(&own.code, &own.text))
        }
        Some(Detail::Returned(_)) => "can be reached again".to_owned(),
        Some(Detail::Moved(own)) => format!("moved to {}", address(own.to.as_ref())),
        None => "something that this version does not know".to_owned(),
    }
}

/// A link to a bot.
pub(crate) fn telegram_link(link: &v1::CreateTelegramLinkResponse) -> String {
    let mut table = Table::<2>::bare();
    table.row(["link".to_owned(), link.url.clone()]);
    table.row(["expires".to_owned(), time(link.expire_time.as_ref())]);
    table.indented("")
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
