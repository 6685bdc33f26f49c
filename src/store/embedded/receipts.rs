//! Receipts: matched to their attempt by provider and reference, or parked until the reference is known.

use super::keys::{self, Sequence};
use super::lookup::read_number;
use super::message_events::{self, PendingEvents, load_stored};
use super::message_ref::MessageRef;
use super::records::ParkedReceipt;
use super::states::PackStates;
use super::txn::Txn;
use super::{consents, contacts, packs};
use crate::model::{
    Address, AddressMatch, AttemptRef, ConsentEvidence, ContactIncarnation, History, Message,
    MessageEventDetail, Objection, Outcome, ProviderName, Receipt, ReceiptReport, ReceiptStatus, Timestamp,
    Way,
};
use crate::store::{AddressObjection, ReceiptResult, RecordedReceipt, StoreError, StoredMessage};

const STATUSES: [ReceiptStatus; 4] =
    [ReceiptStatus::Sent, ReceiptStatus::Failed, ReceiptStatus::Delivered, ReceiptStatus::Read];

/// Adds a receipt to the message it speaks of, or parks it.
pub fn record_receipt(
    txn: &mut Txn<'_>,
    report: ReceiptReport,
    now: Timestamp,
) -> Result<RecordedReceipt, StoreError> {
    let FoundAttempt { of, stored, addresses } = match find_attempt(txn, &report)? {
        Ok(found) => found,
        Err(result) => {
            // Ours, most likely, and told before the answer that carries its reference.
            let early = result == ReceiptResult::Parked && !report.reference.is_empty();
            let first_word_on = (early && report.status.is_final()).then_some(now);
            park(txn, report, now)?;
            return Ok(RecordedReceipt { result, first_word_on });
        }
    };
    let first_word_on = taken_at(&stored.history, of.attempt, now).filter(|_| report.status.is_final());
    // A number may be of another message with the same reference; a user id is given beside ours.
    let users = report.addresses.iter().filter(|named| matches!(named, Address::WhatsappUser(_)));
    learn_from_message(txn, &stored.message, &addresses[0], &users.cloned().collect::<Vec<_>>())?;
    if add_receipt(txn, &of, stored, receipt(report, of.attempt), now)? {
        Ok(RecordedReceipt { result: ReceiptResult::Added(of.message), first_word_on })
    } else {
        Ok(RecordedReceipt { result: ReceiptResult::Duplicate(of.message), first_word_on: None })
    }
}

/// When the provider took the message in an attempt of which nothing is known yet but that: now, where the answer has yet to come.
/// `None` for an attempt that it is not known to have taken, or of which a receipt told already what became of it.
fn taken_at(history: &History, number: u32, now: Timestamp) -> Option<Timestamp> {
    let attempts = history.attempts();
    let attempt = attempts.iter().find(|attempt| attempt.number == number)?;
    match attempt.ended {
        _ if attempt.receipt.is_some_and(ReceiptStatus::is_final) => None,
        Some((at, Outcome::Sent { .. })) => Some(at),
        Some(_) => None,
        None => Some(now),
    }
}

/// An attempt and its message.
struct FoundAttempt {
    of: AttemptRef,
    stored: StoredMessage,
    /// Where the attempt went, and the address by which the provider knows it, if it named one.
    addresses: Vec<Address>,
}

impl FoundAttempt {
    /// What a report says of whether it is about this attempt's address.
    fn address_match(&self, report: &ReceiptReport) -> AddressMatch {
        let of = |address| AddressMatch::of_any(&report.addresses, address);
        self.addresses.iter().map(of).max().unwrap_or(AddressMatch::Other)
    }
}

/// The attempt that a receipt speaks of, or what the receipt comes to without one.
///
/// By its reference, unless the receipt names another address than the attempt's: then the provider gave the reference twice.
/// Else by what the provider echoes, which is our own word; where an attempt repeated one in doubt, both have the same echo, and
/// the reference belongs to the attempt that the provider is known to have accepted. Else by another reading of the reference
/// that leads to an attempt to the very address, if only one does.
fn find_attempt(
    txn: &Txn<'_>,
    report: &ReceiptReport,
) -> Result<Result<FoundAttempt, ReceiptResult>, StoreError> {
    let mut result = ReceiptResult::Parked;
    for reference in std::iter::once(&report.reference).chain(&report.forms.spellings) {
        if let Some(of) = attempt_with(txn, report, reference)?
            && let Some(found) = load_attempt(txn, report, of)?
        {
            if found.address_match(report) > AddressMatch::Other {
                return Ok(Ok(found));
            }
            result = ReceiptResult::AnotherAddress;
        }
    }
    if let Some(echo) = report.echo.clone()
        && let Some(mut found) = load_attempt(txn, report, echo)?
    {
        found.of.attempt = taken_attempt(&found.stored.history, found.of.attempt);
        return Ok(Ok(found));
    }
    let mut read: Option<FoundAttempt> = None;
    for reading in &report.forms.readings {
        if let Some(of) = attempt_with(txn, report, reading)?
            && read.as_ref().is_none_or(|known| known.of != of)
            && let Some(found) = load_attempt(txn, report, of)?
            && found.address_match(report) == AddressMatch::Same
            && read.replace(found).is_some()
        {
            return Ok(Err(ReceiptResult::Parked));
        }
    }
    Ok(read.ok_or(result))
}

/// The attempt that the provider is known to have taken, of those that it took for attempt `number`: a later one by the same
/// way, which it answered with no reference, because it had taken the message before. Else the attempt itself.
fn taken_attempt(history: &History, number: u32) -> u32 {
    let attempts = history.attempts();
    let Some(named) = attempts.iter().find(|attempt| attempt.number == number) else { return number };
    let taken_before =
        |outcome: &Outcome| matches!(outcome, Outcome::Sent { reference, .. } if reference.is_empty());
    let repeated = attempts.iter().find(|later| {
        let is_later = named.is_unknown() && later.number > number && later.way == named.way;
        is_later && later.ended.is_some_and(|(_, outcome)| taken_before(outcome))
    });
    repeated.map_or(number, |attempt| attempt.number)
}

/// The attempt to which the provider gave a reference.
fn attempt_with(
    txn: &Txn<'_>,
    report: &ReceiptReport,
    reference: &str,
) -> Result<Option<AttemptRef>, StoreError> {
    if reference.is_empty() {
        return Ok(None);
    }
    txn.load(&keys::reference(&report.provider, reference))
}

/// An attempt, if it was indeed made at the provider that reports.
fn load_attempt(
    txn: &Txn<'_>,
    report: &ReceiptReport,
    of: AttemptRef,
) -> Result<Option<FoundAttempt>, StoreError> {
    let Some(stored) = load_stored(txn, &of.brand, of.message)? else { return Ok(None) };
    let Some(way) = way_of(&stored.history, of.attempt).filter(|way| way.provider == report.provider) else {
        return Ok(None);
    };
    let mut addresses = vec![way.address.clone()];
    addresses.extend(recipient_of(&stored.history, of.attempt).cloned());
    Ok(Some(FoundAttempt { of, stored, addresses }))
}

/// The address by which the provider that accepted an attempt knows its recipient, if it named one.
fn recipient_of(history: &History, number: u32) -> Option<&Address> {
    history.events().iter().find_map(|event| match &event.detail {
        MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::Sent { recipient, .. } }
            if *attempt == number =>
        {
            recipient.as_ref()
        }
        _ => None,
    })
}

/// Keeps what a provider said of the recipient's address with the contact that the message was meant for.
fn learn_from_message(
    txn: &mut Txn<'_>,
    message: &Message,
    address: &Address,
    aliases: &[Address],
) -> Result<(), StoreError> {
    let known: Option<ContactIncarnation> = match aliases.is_empty() {
        true => None,
        false => txn.load(&keys::contact(&message.brand, &message.contact))?,
    };
    match known == Some(message.incarnation) {
        true => contacts::learn_aliases(txn, &message.brand, &message.contact, address, aliases),
        false => Ok(()),
    }
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

/// Parks a receipt, at most one of each status and objection for a reference: a second one would say nothing new, unless it names
/// another address, and then the later one is kept. A receipt without a reference could never be found again, and is dropped.
fn park(txn: &mut Txn<'_>, report: ReceiptReport, now: Timestamp) -> Result<(), StoreError> {
    if report.reference.is_empty() {
        return Ok(());
    }
    let mut references = vec![report.reference.clone()];
    references.extend(report.forms.readings.iter().cloned());
    let (provider, addresses) = (report.provider.clone(), report.addresses.clone());
    let receipt = receipt(report, 0);
    for reference in &references {
        let key = keys::parked(&provider, receipt.status, receipt.objection, reference);
        match txn.load::<ParkedReceipt>(&key)? {
            Some(known) if known.addresses == addresses => continue,
            Some(known) => unpark(txn, key.clone(), known.parked_at)?,
            None => {}
        }
        txn.put(keys::parked_at(now, &key), Vec::new());
        let (receipt, addresses, references) = (receipt.clone(), addresses.clone(), references.clone());
        txn.save(key, &ParkedReceipt { receipt, parked_at: now, addresses, references });
        txn.next_in_sequence(Sequence::Parked)?;
    }
    Ok(())
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
    address: Address,
    /// The address by which the provider knows the recipient, if it named one.
    recipient: Option<Address>,
    at: Timestamp,
}

/// The references that providers gave since a history had `known` events.
pub fn sent_references(history: &History, known: usize) -> Vec<SentReference> {
    let events = history.events().get(known..).unwrap_or_default();
    let references = events.iter().filter_map(|event| match &event.detail {
        MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::Sent { reference, recipient } }
            if !reference.is_empty() =>
        {
            let Way { provider, address, .. } = way_of(history, *attempt)?.clone();
            let (reference, recipient) = (reference.clone(), recipient.clone());
            Some(SentReference { provider, reference, attempt: *attempt, address, recipient, at: event.at })
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
    let SentReference { provider, reference, attempt, address, recipient, at } = sent;
    let of = AttemptRef { brand: message.brand.clone(), message: message.id, attempt };
    txn.save(keys::reference(&provider, &reference), &of);
    let mut addresses = vec![address];
    if let Some(recipient) = recipient.filter(|recipient| !recipient.is_same(&addresses[0]))
        && let Some(stored) = load_stored(txn, &of.brand, of.message)?
    {
        learn_from_message(txn, &stored.message, &addresses[0], std::slice::from_ref(&recipient))?;
        addresses.push(recipient);
    }
    for parked in take_parked(txn, &provider, &reference, &addresses)? {
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

/// The way by which an attempt went.
pub fn way_of(history: &History, number: u32) -> Option<&Way> {
    history.events().iter().find_map(|event| match &event.detail {
        MessageEventDetail::AttemptStarted { attempt, way } if *attempt == number => Some(way),
        _ => None,
    })
}

/// Removes the receipts that were parked for a reference of an attempt to an address that has these spellings, and returns them,
/// the earliest first.
fn take_parked(
    txn: &mut Txn<'_>,
    provider: &ProviderName,
    reference: &str,
    addresses: &[Address],
) -> Result<Vec<ParkedReceipt>, StoreError> {
    let mut found = Vec::new();
    if read_number(txn, &keys::sequence(Sequence::Parked))? == 0 {
        return Ok(found);
    }
    let objections = || Objection::ALL.into_iter().map(Some).chain([None]);
    for (status, objection) in
        STATUSES.into_iter().flat_map(|status| objections().map(move |objection| (status, objection)))
    {
        let key = |reference: &str| keys::parked(provider, status, objection, reference);
        if let Some(parked) = txn.load::<ParkedReceipt>(&key(reference))?
            && addresses.iter().any(|address| parked.is_of(reference, address))
        {
            unpark(txn, key(reference), parked.parked_at)?;
            for other in parked.references.iter().filter(|other| *other != reference) {
                if let Some(copy) = txn.load::<ParkedReceipt>(&key(other))?
                    && copy.references == parked.references
                {
                    unpark(txn, key(other), copy.parked_at)?;
                }
            }
            found.push(parked);
        }
    }
    found.sort_by_key(|parked| parked.receipt.reported_at);
    Ok(found)
}
