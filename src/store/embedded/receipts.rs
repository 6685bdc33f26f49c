//! Receipts: matched by provider and reference, or parked until the reference is known.

use super::keys;
use super::progress::save;
use super::records::{Parked, Progress, Reference};
use super::txn::Txn;
use crate::model::{
    Detail, Event, MessageId, Outcome, ProviderName, Receipt, ReceiptReport, ReceiptStatus, Timestamp,
};
use crate::store::{Matched, StoreError};

const STATUSES: [ReceiptStatus; 4] =
    [ReceiptStatus::Sent, ReceiptStatus::Failed, ReceiptStatus::Delivered, ReceiptStatus::Read];

/// Adds a receipt to the message it speaks of, or parks it.
pub fn receive(txn: &mut Txn<'_>, report: ReceiptReport, now: Timestamp) -> Result<Matched, StoreError> {
    let Some((found, before)) = find(txn, &report)? else { return park(txn, report, now) };
    let mut after = before.clone();
    if !fold(&mut after, receipt(report, found.attempt), now) {
        return Ok(Matched::Known(found.message));
    }
    save(txn, found.message, Some(&before), after)?;
    Ok(Matched::Added(found.message))
}

/// The attempt that a receipt speaks of: by the provider's reference, else by what the provider echoes, if that attempt
/// was indeed made there.
fn find(txn: &Txn<'_>, report: &ReceiptReport) -> Result<Option<(Reference, Progress)>, StoreError> {
    let known = match report.reference.as_str() {
        "" => None,
        reference => txn.load::<Reference>(&keys::reference(&report.provider, reference))?,
    };
    let named = report.attempt.map(|(message, attempt)| Reference { message, attempt });
    for found in named.into_iter().chain(known) {
        if let Some(progress) = txn.load::<Progress>(&keys::progress(found.message))?
            && provider_of(&progress, found.attempt).as_ref() == Some(&report.provider)
        {
            return Ok(Some((found, progress)));
        }
    }
    Ok(None)
}

fn receipt(report: ReceiptReport, attempt: u32) -> Receipt {
    let ReceiptReport { status, reported_at, evidence, .. } = report;
    Receipt { attempt, status, reported_at, evidence }
}

/// Adds a receipt to a history, and makes the message due when dispatch has to look: it is not final, or dispatch was
/// going to look anyway. Returns whether it said anything new.
fn fold(progress: &mut Progress, receipt: Receipt, at: Timestamp) -> bool {
    if !progress.history.push(at, Detail::Receipt(receipt)) {
        return false;
    }
    if !progress.history.state().is_final() || progress.next_at.is_some() {
        progress.next_at = Some(progress.next_at.map_or(at, |next| next.min(at)));
    }
    true
}

/// Keeps a receipt, at most one of each status for a reference: a second one would say nothing new. One without a
/// reference can never be found again, and is dropped.
fn park(txn: &mut Txn<'_>, report: ReceiptReport, now: Timestamp) -> Result<Matched, StoreError> {
    if report.reference.is_empty() {
        return Ok(Matched::Parked);
    }
    let key = keys::parked(&report.provider, report.status, &report.reference);
    if txn.load::<Parked>(&key)?.is_none() {
        txn.put(keys::parked_at(now, &key), Vec::new());
        txn.save(key, &Parked { receipt: receipt(report, 0), parked_at: now });
    }
    Ok(Matched::Parked)
}

/// When the event says that a provider took the message: remembers its reference, and takes in the receipts that came
/// before it.
pub fn take_in(
    txn: &mut Txn<'_>,
    id: MessageId,
    event: &Event,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let Detail::AttemptFinished { attempt, outcome: Outcome::Sent { reference } } = &event.detail else {
        return Ok(());
    };
    let Some(provider) = provider_of(progress, *attempt).filter(|_| !reference.is_empty()) else {
        return Ok(());
    };
    txn.save(keys::reference(&provider, reference), &Reference { message: id, attempt: *attempt });
    for mut parked in take_parked(txn, &provider, reference)? {
        parked.receipt.attempt = *attempt;
        fold(progress, parked.receipt, event.at);
    }
    Ok(())
}

/// The provider that an attempt called.
pub fn provider_of(progress: &Progress, number: u32) -> Option<ProviderName> {
    let attempts = progress.history.attempts();
    attempts.iter().find(|attempt| attempt.number == number).map(|attempt| attempt.way.provider.clone())
}

/// Takes what was parked for a reference, the earliest first.
fn take_parked(
    txn: &mut Txn<'_>,
    provider: &ProviderName,
    reference: &str,
) -> Result<Vec<Parked>, StoreError> {
    let mut found = Vec::new();
    for status in STATUSES {
        let key = keys::parked(provider, status, reference);
        if let Some(parked) = txn.load::<Parked>(&key)? {
            txn.delete(keys::parked_at(parked.parked_at, &key));
            txn.delete(key);
            found.push(parked);
        }
    }
    found.sort_by_key(|parked| parked.receipt.reported_at);
    Ok(found)
}
