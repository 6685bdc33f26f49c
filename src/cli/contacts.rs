//! `relevo contact`: the people a brand can reach.

use clap::{Args, Subcommand, ValueEnum};
use tonic::{Code, Status};

use super::arguments::{self, AddressArgs, LimitArgs};
use super::connection::{ConnectionArgs, GatewayChannel, client};
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use crate::wire::v1::{self, address::Value, contact_service_client::ContactServiceClient};

/// What to do with contacts.
#[derive(Debug, Subcommand)]
pub enum ContactCommand {
    /// Create a contact, or change the parts that are given
    #[command(
        after_help = "Addresses and labels that are given come to those that the contact has; a label\nwith a known key takes its \
        place. With --clear they are all that it then has.\nTo remove one address: contact remove-address.\n\nExamples:\n  \
        relevo contact upsert ana --email ana@example.com --phone +34600123456 \\\n      --label tier=gold\n  \
        relevo contact upsert ana --clear labels\n  \
        relevo contact upsert ana --clear addresses --email ana@example.com"
    )]
    Upsert(UpsertArgs),
    /// Add an address to a contact, behind those that it has
    #[command(after_help = "Examples:\n  relevo contact add-address ana --email ana@example.org")]
    AddAddress(ContactAddressArgs),
    /// Remove an address from a contact; its others stay
    #[command(after_help = "Examples:\n  relevo contact remove-address ana --phone +34600123456")]
    RemoveAddress(ContactAddressArgs),
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

/// One address of a contact.
#[derive(Debug, Args)]
pub struct ContactAddressArgs {
    /// The brand's id of the contact
    #[arg(value_name = "CONTACT_ID")]
    id: String,
    #[command(flatten)]
    address: AddressArgs,
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
#[group(id = "change", required = true, multiple = true, args = ["emails", "phones", "telegrams", "whatsapp_users", "labels", "clear"])]
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
    /// A user id of WhatsApp, such as shop/ES.13491208655302741918; may be repeated
    #[arg(long = "whatsapp-user", value_name = "BUSINESS/ID", value_parser = arguments::whatsapp_user)]
    whatsapp_users: Vec<v1::WhatsappUser>,
    /// A label, KEY=VALUE; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = arguments::label)]
    labels: Vec<(String, String)>,
    /// Remove all addresses or labels that there were; may be repeated
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
            let contact = args.upsert(&mut client).await.map_err(failed)?;
            screen.show_fitted(&contact, render::contact)
        }
        ContactCommand::AddAddress(ContactAddressArgs { id, address }) => {
            let answer =
                client.add_contact_address(addition(&id, address.address())).await.map_err(failed)?;
            screen.show_fitted(&answer.into_inner().contact.unwrap_or_default(), render::contact)
        }
        ContactCommand::RemoveAddress(ContactAddressArgs { id, address }) => {
            let address = Some(address.address());
            let request = v1::RemoveContactAddressRequest { contact_id: id, address };
            let answer = client.remove_contact_address(request).await.map_err(failed)?;
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

/// How often a change is made anew that somebody else came before.
const ATTEMPTS: usize = 5;

impl UpsertArgs {
    /// Creates the contact, or changes what was named and nothing else.
    async fn upsert(&self, client: &mut ContactServiceClient<GatewayChannel>) -> Result<v1::Contact, Status> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let known = client.get_contact(v1::GetContactRequest { contact_id: self.id.clone() }).await;
            let changed = match known.map(|answer| answer.into_inner().contact.unwrap_or_default()) {
                Ok(known) => self.change(known, client).await,
                Err(status) if status.code() == Code::NotFound => self.create(client).await,
                Err(status) => Err(status),
            };
            match changed {
                // Somebody changed it in between; whoever gives an etag wants to know.
                Err(status)
                    if status.code() == Code::Aborted && self.etag.is_none() && attempt < ATTEMPTS => {}
                changed => return changed,
            }
        }
    }

    async fn create(&self, client: &mut ContactServiceClient<GatewayChannel>) -> Result<v1::Contact, Status> {
        let addresses = self.addresses();
        // An etag of 0 is that of a contact that is not there.
        let etag = self.etag.clone().unwrap_or_else(|| "0".to_owned());
        let labels = arguments::labels(&self.labels);
        let contact =
            v1::Contact { contact_id: self.id.clone(), addresses, labels, etag, ..Default::default() };
        upserted(client, contact, &["addresses", "labels"]).await
    }

    /// Changes a contact that is there. Its etag makes sure that what is kept of it is what it has.
    async fn change(
        &self,
        known: v1::Contact,
        client: &mut ContactServiceClient<GatewayChannel>,
    ) -> Result<v1::Contact, Status> {
        let replaces = |part| self.clear.contains(&part);
        let given = arguments::labels(&self.labels);
        let (mut labels, mut addresses, mut paths) = (given.clone(), Vec::new(), Vec::new());
        if replaces(ContactPart::Labels) || !given.is_empty() {
            paths.push("labels");
        }
        if !replaces(ContactPart::Labels) {
            labels = known.labels.clone().into_iter().chain(given).collect();
        }
        if replaces(ContactPart::Addresses) {
            addresses = self.addresses();
            paths.push("addresses");
        }
        let etag = self.etag.clone().unwrap_or_else(|| known.etag.clone());
        let mut contact = known;
        if !paths.is_empty() || self.etag.is_some() {
            let change =
                v1::Contact { contact_id: self.id.clone(), addresses, labels, etag, ..Default::default() };
            contact = upserted(client, change, &paths).await?;
        }
        if !replaces(ContactPart::Addresses) {
            for address in self.addresses() {
                let request = addition(&self.id, address.address.unwrap_or_default());
                contact = client.add_contact_address(request).await?.into_inner().contact.unwrap_or_default();
            }
        }
        Ok(contact)
    }

    fn addresses(&self) -> Vec<v1::ContactAddress> {
        let emails = self.emails.iter().cloned().map(Value::Email);
        let phones = self.phones.iter().cloned().map(Value::Phone);
        let telegrams = self.telegrams.iter().copied().map(Value::TelegramChatId);
        let whatsapp = self.whatsapp_users.iter().cloned().map(Value::WhatsappUser);
        let address = |value| v1::ContactAddress {
            address: Some(v1::Address { value: Some(value) }),
            ..Default::default()
        };
        emails.chain(phones).chain(telegrams).chain(whatsapp).map(address).collect()
    }
}

async fn upserted(
    client: &mut ContactServiceClient<GatewayChannel>,
    contact: v1::Contact,
    paths: &[&str],
) -> Result<v1::Contact, Status> {
    let paths = paths.iter().map(ToString::to_string).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    // Without a path it only asks whether the etag is right.
    let contact = match update_mask.as_ref().is_some_and(|mask| mask.paths.is_empty()) {
        true => v1::Contact { labels: Default::default(), ..contact },
        false => contact,
    };
    let request = v1::UpsertContactRequest { contact: Some(contact), update_mask };
    Ok(client.upsert_contact(request).await?.into_inner().contact.unwrap_or_default())
}

fn addition(id: &str, address: v1::Address) -> v1::AddContactAddressRequest {
    let address = v1::ContactAddress { address: Some(address), ..Default::default() };
    v1::AddContactAddressRequest { contact_id: id.to_owned(), address: Some(address) }
}
