//! Contacts and messages by the million.

use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use relevo::model::{Address, ContactAddress, Message, Timestamp};
use relevo::store::{ContactChange, Stores};

use super::{CONCURRENCY, brand, message, phone};
use crate::stopwatch::Stopwatch;
use crate::workload;

/// Contacts and messages that are added before the clock is looked at.
const STEP: u64 = 10_000;

/// Adds contacts to those a store has, and for each a message that waits until `due`, until it has `wanted` of both or
/// the time is over. Returns how many it has.
pub async fn fill(
    stores: &Stores,
    mut have: u64,
    wanted: u64,
    due: Timestamp,
    budget: Duration,
) -> anyhow::Result<u64> {
    let watch = Stopwatch::start();
    while have < wanted && watch.elapsed() < budget {
        let until = wanted.min(have + STEP);
        stream::iter((have..until).map(anyhow::Ok))
            .try_for_each_concurrent(CONCURRENCY, |number| add(stores, number, due))
            .await?;
        have = until;
    }
    Ok(have)
}

/// Adds messages to so many contacts, which the store knows, that wait until `due`, until it has `wanted` messages or the
/// time is over. Returns how many it has.
pub async fn pile_up(
    stores: &Stores,
    mut have: u64,
    wanted: u64,
    contacts: u64,
    due: Timestamp,
    budget: Duration,
) -> anyhow::Result<u64> {
    let watch = Stopwatch::start();
    while have < wanted && watch.elapsed() < budget {
        let (until, now) = (wanted.min(have + STEP), workload::now()?);
        stream::iter((have..until).map(anyhow::Ok))
            .try_for_each_concurrent(CONCURRENCY, async |number| {
                let message = message(number, now, due)?;
                let contact = workload::contact_id(number % contacts).parse()?;
                stores.messages.accept(Message { contact, ..message }, [0; 32]).await?;
                Ok(())
            })
            .await?;
        have = until;
    }
    Ok(have)
}

async fn add(stores: &Stores, number: u64, due: Timestamp) -> anyhow::Result<()> {
    let now = workload::now()?;
    let change = ContactChange {
        id: workload::contact_id(number).parse()?,
        addresses: Some(addresses(number, now)?),
        labels: None,
        expected_version: None,
    };
    stores.contacts.upsert_contact(&brand()?, change, now).await?;
    stores.messages.accept(message(number, now, due)?, [0; 32]).await?;
    Ok(())
}

fn addresses(number: u64, now: Timestamp) -> anyhow::Result<Vec<ContactAddress>> {
    let contact_address =
        |address, whatsapp_inbound_at| ContactAddress { whatsapp_inbound_at, ..ContactAddress::new(address) };
    Ok(vec![
        contact_address(Address::Email(workload::email(number).parse()?), None),
        contact_address(phone(number)?, Some(now)),
        contact_address(Address::TelegramChat(workload::chat(number)), None),
    ])
}
