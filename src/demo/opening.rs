//! What comes before the show: what there is to see, and the people brought in as a shop would.

use std::collections::BTreeMap;
use std::io;

use anyhow::Context;
use jiff::tz::TimeZone;

use super::cast::Person;
use super::client::DemoClient;
use super::telling::{Roster, channel};
use super::{say, stage};
use crate::model::Timestamp;
use crate::wire::v1;

/// Introduces everybody and brings them in.
pub(super) async fn enter(
    client: &mut DemoClient,
    people: &[Person],
    now: Timestamp,
) -> anyhow::Result<Roster> {
    let providers = client.list_providers().await?;
    introduce(client, &providers, people.len())?;
    let mut zones = BTreeMap::new();
    for person in people {
        say(&format!("   {:<6} {}", person.id, person.about))?;
        let preferences = bring_in(client, person, now).await?;
        if let Some(zone) = preferences.and_then(|own| TimeZone::get(&own.time_zone).ok()) {
            zones.insert(person.id.to_owned(), zone);
        }
    }
    let tiers = providers.into_iter().map(|own| (own.provider, own.tier)).collect();
    Ok(Roster { tiers, zones })
}

/// Says what there is to see.
fn introduce(client: &DemoClient, providers: &[v1::Provider], people: usize) -> io::Result<()> {
    let mut channels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for own in providers {
        let provider = format!("{} ({})", own.provider, own.failure_domain);
        channels.entry(channel(own.channel)).or_default().push(provider);
    }
    say(&format!(
        "A shop, {}, writes to {people} people by {} channels, while one of its platforms fails and comes back.\n\
         The gateway is the real one, at {}; only its providers are sandboxes, which send nothing.\n\n\
         Providers, and what each fails together with:",
        stage::BRAND,
        channels.len(),
        client.address
    ))?;
    for (channel, providers) in channels {
        say(&format!("   {channel:<9} {}", providers.join(", ")))?;
    }
    say("\nA line tells a message's way: class, topic, person, and each provider in turn\n   \
         ✓ took it    ✗ did not    ⊘ was passed over, because its breaker is open\n\nPeople:")
}

/// Brings a person in: address book, consent ledger, preferences, suppression. Returns the preferences as stored.
async fn bring_in(
    client: &mut DemoClient,
    person: &Person,
    now: Timestamp,
) -> anyhow::Result<Option<v1::Preferences>> {
    let contact_id = person.id.to_owned();
    let contact = Some(person.contact(now));
    let request = v1::UpsertContactRequest { contact, update_mask: None };
    client.contacts.upsert_contact(request).await.context("UpsertContact failed")?;
    for (action, channel, topic) in &person.ledger {
        let request = v1::RecordConsentRequest {
            contact_id: contact_id.clone(),
            action: (*action).into(),
            channel: (*channel).into(),
            topic: (*topic).to_owned(),
            evidence: Some(evidence()),
        };
        client.consents.record_consent(request).await.context("RecordConsent failed")?;
    }
    if let Some((channel, address, reason)) = person.suppressed.clone() {
        let request = v1::SuppressAddressRequest {
            channel: channel.into(),
            address: Some(v1::Address { value: Some(address) }),
            reason: reason.to_owned(),
            explanation: "reported a mail as spam".to_owned(),
        };
        client.consents.suppress_address(request).await.context("SuppressAddress failed")?;
    }
    let Some(preferences) = person.preferences.clone() else { return Ok(None) };
    let request = v1::SetPreferencesRequest { contact_id, preferences: Some(preferences), update_mask: None };
    let stored = client.consents.set_preferences(request).await.context("SetPreferences failed")?;
    Ok(stored.into_inner().preferences)
}

fn evidence() -> v1::Evidence {
    v1::Evidence {
        source: "https://shop.example/account".to_owned(),
        method: "web_form".to_owned(),
        wording: "Yes, write to me about this, until I say stop.".to_owned(),
        origin: "192.0.2.7".to_owned(),
        actor: "web shop".to_owned(),
        time: None,
    }
}
