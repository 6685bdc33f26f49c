//! Contacts.

use super::format::{address, channel, excerpt, labels, list, time};
use super::history::{EXCERPT_CHARS, evidence};
use super::{Table, TextWidth};
use crate::wire::v1;

/// One contact.
pub(crate) fn contact(contact: &v1::Contact, within: TextWidth) -> String {
    let mut table = Table::<2>::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("contact", contact.contact_id.clone());
    for contact_address in &contact.addresses {
        let wrote = contact_address.whatsapp_inbound_time.iter().map(|at| (at, String::new()));
        let by = |window: &v1::WhatsappWindow| format!(" by {}", window.provider);
        let wrote_by = contact_address
            .whatsapp_windows
            .iter()
            .filter_map(|window| Some((window.inbound_time.as_ref()?, by(window))));
        let mut shown = address(contact_address.address.as_ref());
        for alias in &contact_address.aliases {
            shown += &format!(" (also {})", address(Some(alias)));
        }
        for (at, by) in wrote.chain(wrote_by) {
            shown += &format!(" (last wrote on WhatsApp{by} {})", time(Some(at)));
        }
        row(kind(contact_address.address.as_ref()), shown);
    }
    row("labels", labels(&contact.labels));
    row("created", time(contact.create_time.as_ref()));
    row("changed", time(contact.update_time.as_ref()));
    row("etag", contact.etag.clone());
    table.indented("", within)
}

/// A list of contacts.
pub(crate) fn contacts(contacts: &[v1::Contact], within: TextWidth) -> String {
    let mut table = Table::new(["contact", "addresses", "labels", "changed"]);
    for contact in contacts {
        let addresses = contact.addresses.iter().map(|entry| address(entry.address.as_ref()));
        table.row([
            contact.contact_id.clone(),
            list(addresses),
            labels(&contact.labels),
            time(contact.update_time.as_ref()),
        ]);
    }
    table.or("There are no contacts.", within)
}

/// A list of events of a contact.
pub(crate) fn contact_events(events: &[v1::ContactEvent], within: TextWidth) -> String {
    let mut table = Table::new(["time", "channel", "provider", "address", "what"]);
    for event in events {
        table.row([
            time(event.time.as_ref()),
            channel(event.channel),
            event.provider.clone(),
            address(event.address.as_ref()),
            contact_event_text(event),
        ]);
    }
    table.or("Nothing came from this contact.", within)
}

/// An event of a contact, in a sentence.
pub(super) fn contact_event_text(event: &v1::ContactEvent) -> String {
    use v1::contact_event::Detail;
    match &event.detail {
        Some(Detail::Wrote(wrote)) => {
            let keyword =
                if wrote.keyword.is_empty() { String::new() } else { format!(" [{}]", wrote.keyword) };
            let answers = if wrote.message_id.is_empty() {
                String::new()
            } else {
                format!(" in answer to {}", wrote.message_id)
            };
            format!("wrote{answers}: {}{keyword}", excerpt(&wrote.text, EXCERPT_CHARS))
        }
        Some(Detail::Objected(objected)) => {
            format!("{}{}", objected.objection.replace('_', " "), evidence(&objected.code, &objected.text))
        }
        Some(Detail::Returned(_)) => "can be reached again".to_owned(),
        Some(Detail::Moved(moved)) => format!("moved to {}", address(moved.to.as_ref())),
        None => "something that this version does not know".to_owned(),
    }
}

/// A link to a bot.
pub(crate) fn telegram_link(link: &v1::CreateTelegramLinkResponse, within: TextWidth) -> String {
    let mut table = Table::<2>::bare();
    table.row(["link".to_owned(), link.url.clone()]);
    table.row(["expires".to_owned(), time(link.expire_time.as_ref())]);
    table.indented("", within)
}

fn kind(address: Option<&v1::Address>) -> &'static str {
    use v1::address::Value;
    match address.and_then(|address| address.value.as_ref()) {
        Some(Value::Email(_)) => "email",
        Some(Value::Phone(_)) => "phone",
        Some(Value::TelegramChatId(_)) => "telegram",
        Some(Value::WhatsappUser(_)) => "whatsapp",
        None => "address",
    }
}
