//! What comes before the first message: the introduction on screen, and the contacts, created as a shop would.

use std::collections::BTreeMap;
use std::io;

use anyhow::Context;
use jiff::tz::TimeZone;

use super::client::DemoClient;
use super::contacts::DemoContact;
use super::gateway::BRAND;
use super::output::print_line;
use super::report::{ReportContext, channel_word};
use crate::model::Timestamp;
use crate::wire::v1;

/// Prints the introduction, creates the contacts, and returns what the report needs to know of them and of the providers.
pub(super) async fn create_contacts(
    client: &mut DemoClient,
    contacts: &[DemoContact],
    now: Timestamp,
) -> anyhow::Result<ReportContext> {
    let providers = client.list_providers().await?;
    print_introduction(client, &providers, contacts.len())?;
    let mut zones = BTreeMap::new();
    for contact in contacts {
        print_line(&format!("   {:<6} {}", contact.id, contact.description))?;
        let preferences = create_contact(client, contact, now).await?;
        if let Some(zone) = preferences.and_then(|preferences| TimeZone::get(&preferences.time_zone).ok()) {
            zones.insert(contact.id.to_owned(), zone);
        }
    }
    let tiers = providers.into_iter().map(|provider| (provider.provider, provider.tier)).collect();
    Ok(ReportContext { tiers, zones })
}

fn print_introduction(client: &DemoClient, providers: &[v1::Provider], contacts: usize) -> io::Result<()> {
    let mut channels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for provider in providers {
        let text = format!("{} ({})", provider.provider, provider.failure_domain);
        channels.entry(channel_word(provider.channel)).or_default().push(text);
    }
    print_line(&format!(
        "A shop, {BRAND}, writes to {contacts} people by {} channels, while one of its platforms fails and comes back.\n\
         The gateway is the real one, at {}; only its providers are sandboxes, which send nothing.\n\n\
         Providers, and what each fails together with:",
        channels.len(),
        client.address
    ))?;
    for (channel, providers) in channels {
        print_line(&format!("   {channel:<9} {}", providers.join(", ")))?;
    }
    print_line(
        "\nA line tells a message's way: class, topic, person, and each provider in turn\n   \
         ✓ took it    ✗ did not    ⊘ was passed over, because its breaker is open\n\nPeople:",
    )
}

/// Creates a contact with its consents, its suppression and its preferences. Returns the preferences as stored.
async fn create_contact(
    client: &mut DemoClient,
    contact: &DemoContact,
    now: Timestamp,
) -> anyhow::Result<Option<v1::Preferences>> {
    let request = v1::UpsertContactRequest { contact: Some(contact.to_wire(now)), update_mask: None };
    client.contacts.upsert_contact(request).await.context("UpsertContact failed")?;
    record_consents(client, contact).await?;
    suppress(client, contact).await?;
    let Some(preferences) = contact.preferences.clone() else { return Ok(None) };
    let request = v1::SetPreferencesRequest {
        contact_id: contact.id.to_owned(),
        preferences: Some(preferences),
        ..v1::SetPreferencesRequest::default()
    };
    let stored = client.consents.set_preferences(request).await.context("SetPreferences failed")?;
    Ok(stored.into_inner().preferences)
}

async fn record_consents(client: &mut DemoClient, contact: &DemoContact) -> anyhow::Result<()> {
    for (action, channel, topic) in &contact.consents {
        let request = v1::RecordConsentRequest {
            contact_id: contact.id.to_owned(),
            action: (*action).into(),
            channel: (*channel).into(),
            topic: (*topic).to_owned(),
            evidence: Some(evidence()),
        };
        client.consents.record_consent(request).await.context("RecordConsent failed")?;
    }
    Ok(())
}

async fn suppress(client: &mut DemoClient, contact: &DemoContact) -> anyhow::Result<()> {
    let Some((channel, address, reason)) = contact.suppression.clone() else { return Ok(()) };
    let request = v1::SuppressAddressRequest {
        channel: channel.into(),
        address: Some(v1::Address { value: Some(address) }),
        reason: reason.to_owned(),
        explanation: "reported a mail as spam".to_owned(),
    };
    client.consents.suppress_address(request).await.context("SuppressAddress failed")?;
    Ok(())
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
