//! Receipts: matched by provider and reference, or parked until the reference is known.

use super::keys::{self, Sequence};
use super::message_events::{self, MessageRef, PendingEvents, load_stored};
use super::records::ParkedReceipt;
use super::states::States;
use super::txn::{Txn, read_number};
use super::{consents, packs};
use crate::model::{
    ConsentEvidence, Echo, EventDetail, History, Objection, Outcome, ProviderName, Receipt, ReceiptReport,
    ReceiptStatus, Timestamp, Way,
};
use crate::store::{AddressObjection, ReceiptMatch, StoreError, StoredMessage};

const STATUSES: [ReceiptStatus; 4] =
    [ReceiptStatus::Sent, ReceiptStatus::Failed, ReceiptStatus::Delivered, ReceiptStatus::Read];

/// Adds a receipt to the message it speaks of, or parks it.
pub fn receive(txn: &mut Txn<'_>, report: ReceiptReport, now: Timestamp) -> Result<ReceiptMatch, StoreError> {
    let Some((of, stored)) = find_attempt(txn, &report)? else { return park(txn, report, now) };
    if add_receipt(txn, &of, stored, receipt(report, of.attempt), now)? {
        Ok(ReceiptMatch::Added(of.message))
    } else {
        Ok(ReceiptMatch::Known(of.message))
    }
}

/// The attempt that a receipt speaks of: by its reference, else by what the provider echoes, if that attempt was indeed
/// made there. Where an attempt repeated one in doubt, both have the same echo, and the reference is that of the one that
/// is known to have been taken.
fn find_attempt(txn: &Txn<'_>, report: &ReceiptReport) -> Result<Option<(Echo, StoredMessage)>, StoreError> {
    let known = match report.reference.as_str() {
        "" => None,
        reference => txn.load::<Echo>(&keys::reference(&report.provider, reference))?,
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

/// Adds a receipt to a history, and makes the message due when dispatch has to look: it is not final, or dispatch was
/// going to look anyway. What it says against the address is put on record. Returns whether it said anything new.
fn add_receipt(
    txn: &mut Txn<'_>,
    of: &Echo,
    stored: StoredMessage,
    receipt: Receipt,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let StoredMessage { mut history, mut next_at, .. } = stored;
    let known = history.version();
    let objection = receipt.objection.zip(way_of(&history, of.attempt).cloned());
    let (reported_at, wording) = (receipt.reported_at, receipt.evidence.to_string());
    if !history.push(at, EventDetail::Receipt(receipt)) {
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
    // It was just read, so it is there.
    if let Some(found) = packs::locate(txn, &of.brand, of.message)? {
        let subject = MessageRef::from_located(txn, &of.brand, &found)?;
        let states = States::load(txn, &of.brand, found.location.pack)?;
        message_events::append_events(
            txn,
            &subject,
            states,
            PendingEvents::new(&history.events()[known..], next_at),
        )?;
    }
    Ok(true)
}

/// Keeps a receipt, at most one of each status and objection for a reference: a second one would say nothing new. One without a
/// reference can never be found again, and is dropped.
fn park(txn: &mut Txn<'_>, report: ReceiptReport, now: Timestamp) -> Result<ReceiptMatch, StoreError> {
    if report.reference.is_empty() {
        return Ok(ReceiptMatch::Parked);
    }
    let key = keys::parked(&report.provider, report.status, report.objection, &report.reference);
    if txn.load::<ParkedReceipt>(&key)?.is_none() {
        txn.put(keys::parked_at(now, &key), Vec::new());
        txn.save(key, &ParkedReceipt { receipt: receipt(report, 0), parked_at: now });
        txn.next_in_sequence(Sequence::Parked)?;
    }
    Ok(ReceiptMatch::Parked)
}

/// A receipt is parked no more.
pub fn unpark(txn: &mut Txn<'_>, key: Vec<u8>, parked_at: Timestamp) -> Result<(), StoreError> {
    txn.delete(keys::parked_at(parked_at, &key));
    txn.delete(key);
    let count = keys::sequence(Sequence::Parked);
    let left = read_number(txn, &count)?.saturating_sub(1);
    txn.put_number(count, left);
    Ok(())
}

/// A provider took the message in an attempt.
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
    let taken = events.iter().filter_map(|event| match &event.detail {
        EventDetail::AttemptFinished { attempt, outcome: Outcome::Sent { reference } }
            if !reference.is_empty() =>
        {
            let provider = provider_of(history, *attempt)?.clone();
            Some(SentReference { provider, reference: reference.clone(), attempt: *attempt, at: event.at })
        }
        _ => None,
    });
    taken.collect()
}

/// Remembers a reference, and takes in the receipts that came before it.
pub fn record_reference(
    txn: &mut Txn<'_>,
    subject: &MessageRef,
    taken: SentReference,
) -> Result<(), StoreError> {
    let SentReference { provider, reference, attempt, at } = taken;
    let of = Echo { brand: subject.brand.clone(), message: subject.id, attempt };
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
        EventDetail::AttemptStarted { attempt, way } if *attempt == number => Some(way),
        _ => None,
    })
}

/// Takes what was parked for a reference, the earliest first.
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
    for (status, objection) in STATUSES.into_iter().flat_map(|own| objections().map(move |why| (own, why))) {
        let key = keys::parked(provider, status, objection, reference);
        if let Some(parked) = txn.load::<ParkedReceipt>(&key)? {
            unpark(txn, key, parked.parked_at)?;
            found.push(parked);
        }
    }
    found.sort_by_key(|parked| parked.receipt.reported_at);
    Ok(found)
}
