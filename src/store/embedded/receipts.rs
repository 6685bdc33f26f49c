//! Receipts: matched to their attempt by provider and reference, or parked until the reference is known.

use super::keys::{self, Sequence};
use super::lookup::read_number;
use super::message_events::{self, PendingEvents, load_stored};
use super::message_ref::MessageRef;
use super::records::ParkedReceipt;
use super::states::PackStates;
use super::txn::Txn;
use super::{consents, packs};
use crate::model::{
    AttemptRef, ConsentEvidence, History, MessageEventDetail, Objection, Outcome, ProviderName, Receipt,
    ReceiptReport, ReceiptStatus, Timestamp, Way,
};
use crate::store::{AddressObjection, ReceiptResult, StoreError, StoredMessage};

const STATUSES: [ReceiptStatus; 4] =
    [ReceiptStatus::Sent, ReceiptStatus::Failed, ReceiptStatus::Delivered, ReceiptStatus::Read];

/// Adds a receipt to the message it speaks of, or parks it.
pub fn record_receipt(
    txn: &mut Txn<'_>,
    report: ReceiptReport,
    now: Timestamp,
) -> Result<ReceiptResult, StoreError> {
    let Some((of, stored)) = find_attempt(txn, &report)? else { return park(txn, report, now) };
    if add_receipt(txn, &of, stored, receipt(report, of.attempt), now)? {
        Ok(ReceiptResult::Added(of.message))
    } else {
        Ok(ReceiptResult::Duplicate(of.message))
    }
}

/// The attempt that a receipt speaks of: by its reference, else by what the provider echoes, if that attempt was indeed
/// made at this provider. Where an attempt repeated one in doubt, both have the same echo, and the reference belongs to the
/// attempt that the provider is known to have accepted.
fn find_attempt(
    txn: &Txn<'_>,
    report: &ReceiptReport,
) -> Result<Option<(AttemptRef, StoredMessage)>, StoreError> {
    let known = match report.reference.as_str() {
        "" => None,
        reference => txn.load::<AttemptRef>(&keys::reference(&report.provider, reference))?,
    };
    for of in known.into_iter().chain(report.echo.clone()) {
        if let Some(stored) = load_stored(txn, &of.brand, of.message)?
            && provider_of(&stored.history, of.attempt) == Some(&report.provider)
        {
            return Ok(Some((of, stored)));
        }
    }
    Ok(None)
}

fn receipt(report: ReceiptReport, attempt: u32) -> Receipt {
    let ReceiptReport { status, reported_at, evidence, objection, .. } = report;
    Receipt { attempt, status, reported_at, evidence, objection }
}

/// Adds a receipt to a history, and makes the message due when dispatch has to look at it: the message is not final, or was
/// due anyway. What the receipt says against the address is put on record. Returns whether the receipt said anything new.
fn add_receipt(
    txn: &mut Txn<'_>,
    of: &AttemptRef,
    stored: StoredMessage,
    receipt: Receipt,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let StoredMessage { mut history, mut next_at, .. } = stored;
    let known = history.version();
    let objection = receipt.objection.zip(way_of(&history, of.attempt).cloned());
    let (reported_at, wording) = (receipt.reported_at, receipt.evidence.to_string());
    if !history.push(at, MessageEventDetail::Receipt(receipt)) {
        return Ok(false);
    }
    if let Some((objection, Way { channel, address, provider, .. })) = objection {
        let evidence = ConsentEvidence::reported(&provider, wording, reported_at.min(at));
        consents::record_objection(
            txn,
            &of.brand,
            AddressObjection { channel, address, objection, evidence },
            at,
        )?;
    }
    if !history.state().is_final() || next_at.is_some() {
        next_at = Some(next_at.map_or(at, |next| next.min(at)));
    }
    // The message was just read, so it can be located.
    if let Some(located) = packs::locate(txn, &of.brand, of.message)? {
        let message = located.message_ref(txn, &of.brand)?;
        let states = PackStates::load(txn, &of.brand, located.location.pack)?;
        let pending = PendingEvents::new(&history.events()[known..], next_at);
        message_events::append_events(txn, &message, states, pending)?;
    }
    Ok(true)
}

/// Parks a receipt, at most one of each status and objection for a reference: a second one would say nothing new. A receipt
/// without a reference could never be found again, and is dropped.
fn park(txn: &mut Txn<'_>, report: ReceiptReport, now: Timestamp) -> Result<ReceiptResult, StoreError> {
    if report.reference.is_empty() {
        return Ok(ReceiptResult::Parked);
    }
    let key = keys::parked(&report.provider, report.status, report.objection, &report.reference);
    if txn.load::<ParkedReceipt>(&key)?.is_none() {
        txn.put(keys::parked_at(now, &key), Vec::new());
        txn.save(key, &ParkedReceipt { receipt: receipt(report, 0), parked_at: now });
        txn.next_in_sequence(Sequence::Parked)?;
    }
    Ok(ReceiptResult::Parked)
}

/// Removes a parked receipt.
pub fn unpark(txn: &mut Txn<'_>, key: Vec<u8>, parked_at: Timestamp) -> Result<(), StoreError> {
    txn.delete(keys::parked_at(parked_at, &key));
    txn.delete(key);
    let count = keys::sequence(Sequence::Parked);
    let left = read_number(txn, &count)?.saturating_sub(1);
    txn.put_number(count, left);
    Ok(())
}

/// The reference that a provider gave to a message that it accepted.
#[derive(Debug)]
pub struct SentReference {
    provider: ProviderName,
    reference: String,
    attempt: u32,
    at: Timestamp,
}

/// The references that providers gave since a history had `known` events.
pub fn sent_references(history: &History, known: usize) -> Vec<SentReference> {
    let events = history.events().get(known..).unwrap_or_default();
    let references = events.iter().filter_map(|event| match &event.detail {
        MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::Sent { reference } }
            if !reference.is_empty() =>
        {
            let provider = provider_of(history, *attempt)?.clone();
            Some(SentReference { provider, reference: reference.clone(), attempt: *attempt, at: event.at })
        }
        _ => None,
    });
    references.collect()
}

/// Records a reference, and adds the receipts that were parked for it.
pub fn record_reference(
    txn: &mut Txn<'_>,
    message: &MessageRef,
    sent: SentReference,
) -> Result<(), StoreError> {
    let SentReference { provider, reference, attempt, at } = sent;
    let of = AttemptRef { brand: message.brand.clone(), message: message.id, attempt };
    txn.save(keys::reference(&provider, &reference), &of);
    for parked in take_parked(txn, &provider, &reference)? {
        if let Some(stored) = load_stored(txn, &of.brand, of.message)? {
            add_receipt(txn, &of, stored, Receipt { attempt, ..parked.receipt }, at)?;
        }
    }
    Ok(())
}

/// The provider that an attempt called.
pub fn provider_of(history: &History, number: u32) -> Option<&ProviderName> {
    way_of(history, number).map(|way| &way.provider)
}

fn way_of(history: &History, number: u32) -> Option<&Way> {
    history.events().iter().find_map(|event| match &event.detail {
        MessageEventDetail::AttemptStarted { attempt, way } if *attempt == number => Some(way),
        _ => None,
    })
}

/// Removes the receipts that were parked for a reference, and returns them, the earliest first.
fn take_parked(
    txn: &mut Txn<'_>,
    provider: &ProviderName,
    reference: &str,
) -> Result<Vec<ParkedReceipt>, StoreError> {
    let mut found = Vec::new();
    if read_number(txn, &keys::sequence(Sequence::Parked))? == 0 {
        return Ok(found);
    }
    let objections = || Objection::ALL.into_iter().map(Some).chain([None]);
    for (status, objection) in
        STATUSES.into_iter().flat_map(|status| objections().map(move |objection| (status, objection)))
    {
        let key = keys::parked(provider, status, objection, reference);
        if let Some(parked) = txn.load::<ParkedReceipt>(&key)? {
            unpark(txn, key, parked.parked_at)?;
            found.push(parked);
        }
    }
    found.sort_by_key(|parked| parked.receipt.reported_at);
    Ok(found)
}
