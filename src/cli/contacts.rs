//! `relevo contact`: the people a brand can reach.

use clap::{Args, Subcommand, ValueEnum};

use super::arguments::{self, AddressArgs, LimitArgs};
use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use crate::wire::v1::{self, address::Value, contact_service_client::ContactServiceClient};

/// What to do with contacts.
#[derive(Debug, Subcommand)]
pub enum ContactCommand {
    /// Create a contact, or change the parts that are given
    #[command(
        after_help = "The addresses given replace all that there were; so do the labels.\n\nExamples:\n  \
        relevo contact upsert ana --email ana@example.com --phone +34600123456 \\\n      --label tier=gold\n  \
        relevo contact upsert ana --clear labels"
    )]
    Upsert(UpsertArgs),
    /// Show a contact
    #[command(after_help = "Examples:\n  relevo contact get ana\n  relevo contact get ana --json")]
    Get(ContactIdArgs),
    /// Find the contact that an address belongs to
    #[command(after_help = "Examples:\n  relevo contact find --phone '600 123 456'\n  \
        relevo contact find --email ana@example.com")]
    Find(AddressArgs),
    /// List contacts in the order of their ids
    #[command(after_help = "Examples:\n  relevo contact list --limit 1000 --json")]
    List(LimitArgs),
    /// List what came from a contact and what providers told of its addresses, newest first
    #[command(
        after_help = "Examples:\n  relevo contact events ana\n  relevo contact events ana --limit 1000 --json"
    )]
    Events(EventsArgs),
    /// Delete a contact with its addresses, preferences and consent ledger
    #[command(
        after_help = "Suppressed addresses stay suppressed. Messages not yet sent end as suppressed.\n\n\
        Examples:\n  relevo contact delete ana"
    )]
    Delete(ContactIdArgs),
    /// Make a link that ties the Telegram chat of whoever follows it to a contact
    #[command(after_help = "It counts once, for a day. An opt-in it is not: record that apart.\n\n\
        Examples:\n  relevo contact telegram-link ana")]
    TelegramLink(LinkArgs),
}

/// Whose link it is, and to which bot.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The brand's id of the contact
    #[arg(value_name = "CONTACT_ID")]
    id: String,
    /// The provider that is the bot; needed when the brand has several
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
}

/// Names a contact.
#[derive(Debug, Args)]
pub struct ContactIdArgs {
    /// The brand's id of the contact
    #[arg(value_name = "CONTACT_ID")]
    id: String,
}

/// What came from a contact.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// The brand's id of the contact
    #[arg(value_name = "CONTACT_ID")]
    id: String,
    #[command(flatten)]
    limit: LimitArgs,
}

/// What a contact is to be.
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["emails", "phones", "telegrams", "labels", "clear"])]
pub struct UpsertArgs {
    /// The brand's id of the contact
    #[arg(value_name = "CONTACT_ID")]
    id: String,
    /// An email address; may be repeated, the first is tried first
    #[arg(long = "email", value_name = "ADDRESS")]
    emails: Vec<String>,
    /// A phone number, such as +34600123456; may be repeated
    #[arg(long = "phone", value_name = "NUMBER")]
    phones: Vec<String>,
    /// The id of a private Telegram chat; may be repeated
    #[arg(long = "telegram", value_name = "CHAT_ID")]
    telegrams: Vec<i64>,
    /// A label, KEY=VALUE; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = arguments::label)]
    labels: Vec<(String, String)>,
    /// Remove all addresses or labels; may be repeated
    #[arg(long, value_enum, ignore_case = true, value_name = "PART")]
    clear: Vec<ContactPart>,
    /// Refuse when the contact was changed since it had this etag
    #[arg(long)]
    etag: Option<String>,
}

/// A part of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ContactPart {
    /// Its addresses.
    Addresses,
    /// Its labels.
    Labels,
}

pub(super) async fn run(
    command: ContactCommand,
    connection: &ConnectionArgs,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    let mut client = client!(ContactServiceClient, connection);
    match command {
        ContactCommand::Upsert(args) => {
            let answer = client.upsert_contact(args.request()).await.map_err(failed)?;
            screen.show_fitted(&answer.into_inner().contact.unwrap_or_default(), render::contact)
        }
        ContactCommand::Get(ContactIdArgs { id }) => {
            let answer =
                client.get_contact(v1::GetContactRequest { contact_id: id }).await.map_err(failed)?;
            screen.show_fitted(&answer.into_inner().contact.unwrap_or_default(), render::contact)
        }
        ContactCommand::Find(args) => {
            let request = v1::FindContactRequest { address: Some(args.address()) };
            let answer = client.find_contact(request).await.map_err(failed)?;
            screen.show_fitted(&answer.into_inner().contact.unwrap_or_default(), render::contact)
        }
        ContactCommand::List(limit) => {
            let page = async |page_size, page_token| {
                let request = v1::ListContactsRequest { page_size, page_token };
                let answer = client.list_contacts(request).await.map_err(failed)?.into_inner();
                Ok((answer.contacts, answer.next_page_token))
            };
            screen.show_all(&limit.collect(page).await?, render::contacts)
        }
        ContactCommand::Events(EventsArgs { id, limit }) => {
            let page = async |page_size, page_token| {
                let contact_id = id.clone();
                let request = v1::ListContactEventsRequest { contact_id, page_size, page_token };
                let answer = client.list_contact_events(request).await.map_err(failed)?.into_inner();
                Ok((answer.events, answer.next_page_token))
            };
            screen.show_all(&limit.collect(page).await?, render::contact_events)
        }
        ContactCommand::Delete(ContactIdArgs { id }) => {
            let request = v1::DeleteContactRequest { contact_id: id.clone() };
            let answer = client.delete_contact(request).await.map_err(failed)?;
            screen.show(answer.get_ref(), |_| format!("Contact {id} is deleted.\n"))
        }
        ContactCommand::TelegramLink(LinkArgs { id, provider }) => {
            let provider = provider.unwrap_or_default();
            let request = v1::CreateTelegramLinkRequest { contact_id: id, provider };
            let answer = client.create_telegram_link(request).await.map_err(failed)?;
            screen.show_fitted(answer.get_ref(), render::telegram_link)
        }
    }
}

impl UpsertArgs {
    fn request(&self) -> v1::UpsertContactRequest {
        let contact = v1::Contact {
            contact_id: self.id.clone(),
            addresses: self.addresses(),
            labels: arguments::labels(&self.labels),
            etag: self.etag.clone().unwrap_or_default(),
            ..Default::default()
        };
        let update_mask = Some(prost_types::FieldMask { paths: self.paths(&contact) });
        v1::UpsertContactRequest { contact: Some(contact), update_mask }
    }

    fn addresses(&self) -> Vec<v1::ContactAddress> {
        let emails = self.emails.iter().cloned().map(Value::Email);
        let phones = self.phones.iter().cloned().map(Value::Phone);
        let telegrams = self.telegrams.iter().copied().map(Value::TelegramChatId);
        let address = |value| v1::ContactAddress {
            address: Some(v1::Address { value: Some(value) }),
            ..Default::default()
        };
        emails.chain(phones).chain(telegrams).map(address).collect()
    }

    /// The fields to change: what was given, and what is to be cleared.
    fn paths(&self, contact: &v1::Contact) -> Vec<String> {
        let parts = [
            ("addresses", !contact.addresses.is_empty() || self.clear.contains(&ContactPart::Addresses)),
            ("labels", !contact.labels.is_empty() || self.clear.contains(&ContactPart::Labels)),
        ];
        parts.into_iter().filter(|(_, changed)| *changed).map(|(path, _)| path.to_owned()).collect()
    }
}
