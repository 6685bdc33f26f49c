//! Inbound events: each recorded once, with all that it changes.

use async_trait::async_trait;

use super::consents::{append_entry, record_objection};
use super::contacts::{learn_aliases, move_address};
use super::engine::{Engine, WriteClass};
use super::event_address::{self, EventAddress};
use super::lookup::load;
use super::txn::Txn;
use super::{EmbeddedStore, journal, keys, receipts, suppressions};
use crate::model::{
    Address, AttemptRef, BrandId, Contact, ContactEvent, ContactEventDetail, ContactId, ProviderName,
    ReceiptReport, SuppressionLift, Timestamp,
};
use crate::store::{
    AddressObjection, EventResult, InboundEffect, InboundEvent, InboundStore, RecordedReceipt, StoreError,
};
use crate::wire::store::v1::{HeadRecord, InboundEventRecord, JournalEntry};

// An outcome, a revocation, a text: none of it may be turned away because the disk is nearly full.
#[async_trait]
impl<E: Engine> InboundStore for EmbeddedStore<E> {
    async fn record_receipt(
        &self,
        report: ReceiptReport,
        now: Timestamp,
    ) -> Result<RecordedReceipt, StoreError> {
        self.engine.write(WriteClass::Committed, move |txn| receipts::record_receipt(txn, report, now)).await
    }

    async fn find_by_reference(
        &self,
        provider: &ProviderName,
        reference: &str,
    ) -> Result<Option<AttemptRef>, StoreError> {
        self.engine.read(|view| load(view, &keys::reference(provider, reference)))
    }

    async fn contact_of_event(
        &self,
        brand: &BrandId,
        event: &InboundEvent,
    ) -> Result<Option<ContactId>, StoreError> {
        self.engine.read(|view| Ok(event_address::find(view, brand, event)?.contact))
    }

    async fn record_event(
        &self,
        brand: &BrandId,
        inbound: InboundEvent,
        now: Timestamp,
    ) -> Result<EventResult, StoreError> {
        let brand = brand.clone();
        self.engine.write(WriteClass::Committed, move |txn| record_event(txn, &brand, inbound, now)).await
    }
}

fn record_event(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    inbound: InboundEvent,
    now: Timestamp,
) -> Result<EventResult, StoreError> {
    let key = keys::inbound_event(brand, &inbound.event.provider, &inbound.id);
    if txn.load::<InboundEventRecord>(&key)?.is_some() {
        return Ok(EventResult::Duplicate);
    }
    // Asked before anything changes: a move takes the address away from the contact.
    let EventAddress { contact, address, spellings } = event_address::find(txn, brand, &inbound)?;
    let InboundEvent { mut event, reply_to, effects, .. } = inbound;
    event.address = address;
    if let Some(contact) = &contact {
        learn_aliases(txn, brand, contact, &event.address, &spellings)?;
    }
    for effect in effects {
        apply_effect(txn, brand, contact.as_ref(), &event, &spellings, effect, now)?;
    }
    if let ContactEventDetail::Wrote { answers, .. } = &mut event.detail
        && let Some(reference) = reply_to
    {
        let found = txn.load::<AttemptRef>(&keys::reference(&event.provider, &reference))?;
        *answers = found.filter(|found| found.brand == *brand).map(|found| found.message);
    }
    let cursor = match &contact {
        Some(contact) => append_contact_event(txn, brand, contact, &event, now)?,
        None => 0,
    };
    let contact_id = contact.as_ref().map(ToString::to_string).unwrap_or_default();
    txn.put(keys::inbound_event_at(now, &key), Vec::new());
    txn.save(key, &InboundEventRecord { contact_id, cursor });
    Ok(contact.map_or(EventResult::UnknownContact, EventResult::Kept))
}

/// Keeps an event with its contact, and its place in the journal. Returns its cursor.
fn append_contact_event(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: &ContactId,
    event: &ContactEvent,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let head_key = keys::head(brand);
    let mut head = txn.load::<HeadRecord>(&head_key)?.unwrap_or_default();
    let entry = JournalEntry {
        contact_id: contact.to_string(),
        record_time_ms: now.as_millisecond(),
        ..Default::default()
    };
    let cursor = journal::append(txn, brand, &mut head, entry)?;
    txn.save(head_key, &head);
    txn.save(keys::contact_event(brand, contact, cursor), event);
    Ok(cursor)
}

fn apply_effect(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: Option<&ContactId>,
    event: &ContactEvent,
    spellings: &[Address],
    effect: InboundEffect,
    now: Timestamp,
) -> Result<(), StoreError> {
    match effect {
        InboundEffect::RecordObjection(objected) => {
            for address in spellings {
                let objected = AddressObjection { address: address.clone(), ..objected.clone() };
                record_objection(txn, brand, objected, now)?;
            }
        }
        InboundEffect::LiftOptOuts { told_by, evidence } => {
            let lift = SuppressionLift { at: now, recorded_by: event.provider.to_string(), evidence };
            for address in spellings {
                suppressions::lift_opt_outs(txn, brand, (event.channel, address), told_by.as_ref(), &lift)?;
            }
        }
        InboundEffect::RecordConsent(entry) => {
            if let Some(contact) = contact {
                append_entry(txn, brand, contact, entry, now)?;
            }
        }
        InboundEffect::OpenServiceWindow => open_window(txn, brand, contact, event, now)?,
        InboundEffect::MoveAddress(to) => {
            for address in spellings {
                suppressions::carry_over(txn, brand, address, &to)?;
            }
            if let Some(contact) = contact {
                move_address(txn, brand, contact, &event.address, to, now)?;
            }
        }
    }
    Ok(())
}

/// Opens the window from when the person wrote; a clock ahead of ours opens it no longer than from now.
fn open_window(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: Option<&ContactId>,
    event: &ContactEvent,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = contact else { return Ok(()) };
    let Some(mut contact) = txn.load::<Contact>(&keys::contact(brand, id))? else { return Ok(()) };
    if let Some(entry) = contact.addresses.iter_mut().find(|entry| entry.address.is_same(&event.address)) {
        let at = event.at.min(now);
        let window = entry.whatsapp_windows.entry(event.provider.clone()).or_insert(at);
        *window = at.max(*window);
    }
    // Its version stays: what others may change has not changed.
    txn.save(keys::contact(brand, &contact.id), &contact);
    Ok(())
}
