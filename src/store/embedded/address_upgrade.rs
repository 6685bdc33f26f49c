//! Puts the keys of addresses that an older build wrote into the spelling by which they are compared now.
//!
//! Run when a store is opened, before anything is served, in steps that can each be interrupted: an address whose key is right
//! already stays. Once it is done, [`keys::address_rule`] says so.

use std::ops::{ControlFlow, Range};

use super::lookup::{Lookup, ScanOrder, decode, read_number};
use super::txn::Txn;
use super::{address_owners, keys};
use crate::model::AddressSuppressions;
use crate::store::StoreError;

/// Grows whenever addresses fold to another spelling than before.
const RULE: u64 = 1;

/// How many keys one step looks at.
const STEP: usize = 10_000;

/// Where the next step begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpgradeStep {
    /// With the keys of addresses from here on.
    Addresses(Range<Vec<u8>>),
    /// With the keys of suppressed addresses from here on.
    Suppressions(Range<Vec<u8>>),
}

/// Whether the keys of a store are to be looked through.
pub fn first_step(from: &impl Lookup) -> Result<Option<UpgradeStep>, StoreError> {
    let done = read_number(from, &keys::address_rule())? == RULE;
    Ok((!done).then(|| UpgradeStep::Addresses(keys::addresses())))
}

/// Takes a step, and says which comes next. Counts in `folded` the keys that were put into another spelling.
pub fn take_step(
    txn: &mut Txn<'_>,
    step: UpgradeStep,
    folded: &mut usize,
) -> Result<Option<UpgradeStep>, StoreError> {
    match step {
        UpgradeStep::Addresses(range) => {
            let rest = each(txn, range, folded, fold_owners)?;
            Ok(Some(
                rest.map_or_else(|| UpgradeStep::Suppressions(keys::suppressions()), UpgradeStep::Addresses),
            ))
        }
        UpgradeStep::Suppressions(range) => {
            let rest = each(txn, range, folded, fold_suppressions)?;
            if rest.is_none() {
                txn.put_number(keys::address_rule(), RULE);
            }
            Ok(rest.map(UpgradeStep::Suppressions))
        }
    }
}

/// Calls `fold` with the first keys of a range and their values, and returns what is left of it.
fn each(
    txn: &mut Txn<'_>,
    mut range: Range<Vec<u8>>,
    folded: &mut usize,
    fold: impl Fn(&mut Txn<'_>, &[u8], &[u8]) -> Result<bool, StoreError>,
) -> Result<Option<Range<Vec<u8>>>, StoreError> {
    let mut found = Vec::new();
    txn.committed().scan(range.clone(), ScanOrder::Ascending, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        Ok(if found.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let is_cut = found.len() == STEP;
    for (key, value) in &found {
        *folded += usize::from(fold(txn, key, value)?);
        range.start.clone_from(key);
    }
    range.start.push(0);
    Ok(is_cut.then_some(range))
}

fn fold_owners(txn: &mut Txn<'_>, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
    let Some((brand, address)) = keys::brand_and_address(key) else { return Ok(false) };
    if keys::address(&brand, &address) == key {
        return Ok(false);
    }
    // What is damaged stays where it is, and is told when somebody asks for it.
    let Ok(owners) = address_owners::read(txn, value) else { return Ok(false) };
    txn.delete(key.to_vec());
    for owner in &owners {
        address_owners::add(txn, &brand, &address, owner)?;
    }
    Ok(true)
}

/// What was said against several spellings is said against the one address that they are.
fn fold_suppressions(txn: &mut Txn<'_>, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
    let Some((brand, _)) = keys::brand_and_rest(key) else { return Ok(false) };
    let Ok(all) = decode::<AddressSuppressions>(txn, key, value) else { return Ok(false) };
    let Some((channel, address)) = all.target() else { return Ok(false) };
    let folded = keys::suppression(&brand, channel, address);
    if folded == key {
        return Ok(false);
    }
    let Ok(known) = txn.load::<AddressSuppressions>(&folded) else { return Ok(false) };
    txn.delete(key.to_vec());
    txn.save(folded, &known.unwrap_or_default().merged(all));
    Ok(true)
}
