//! The suppressions of an address on a channel of a brand: one record, whatever the number of reasons.

use super::keys;
use super::lookup::{Lookup, load};
use super::txn::Txn;
use crate::model::{
    Address, AddressSuppressions, BrandId, Channel, ProviderName, Suppression, SuppressionLift,
    SuppressionReason,
};
use crate::store::{LiftResult, StoreError, SuppressResult};

/// The suppressions of an address.
pub fn suppressions(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    channel: Channel,
    address: &Address,
) -> Result<AddressSuppressions, StoreError> {
    Ok(load(from, &keys::suppression(brand, channel, address))?.unwrap_or_default())
}

/// Suppresses an address for a reason, beside those that stand.
pub fn suppress(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    suppression: Suppression,
) -> Result<SuppressResult, StoreError> {
    let key = keys::suppression(brand, suppression.channel, &suppression.address);
    let mut all = txn.load::<AddressSuppressions>(&key)?.unwrap_or_default();
    let suppression = all.add(suppression);
    txn.save(key, &all);
    Ok(SuppressResult { suppression, in_force: all.in_force().to_vec() })
}

/// Lifts what stands for these reasons, all or nothing.
pub fn lift(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    (channel, address): (Channel, &Address),
    reasons: &[SuppressionReason],
    lift: &SuppressionLift,
) -> Result<LiftResult, StoreError> {
    let mut all = suppressions(txn, brand, channel, address)?;
    match all.lift(reasons, lift) {
        Err(refusal) => Ok(LiftResult::Refused(refusal)),
        Ok(lifted) => {
            if !lifted.is_empty() {
                txn.save(keys::suppression(brand, channel, address), &all);
            }
            Ok(LiftResult::Lifted { lifted, remaining: all.in_force().to_vec() })
        }
    }
}

/// Lifts the person's own opt-outs; with a provider, only what it told.
pub fn lift_opt_outs(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    (channel, address): (Channel, &Address),
    told_by: Option<&ProviderName>,
    lift: &SuppressionLift,
) -> Result<(), StoreError> {
    let mut all = suppressions(txn, brand, channel, address)?;
    if !all.lift_opt_outs(told_by, lift).is_empty() {
        txn.save(keys::suppression(brand, channel, address), &all);
    }
    Ok(())
}

/// Suppresses the address that a person has now, for what they said against the one that they had before.
pub fn carry_over(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    from: &Address,
    to: &Address,
) -> Result<(), StoreError> {
    for channel in Channel::ALL.into_iter().filter(|channel| channel.delivers_to(to)) {
        for said in suppressions(txn, brand, channel, from)?.of_the_person() {
            suppress(txn, brand, Suppression { address: to.clone(), ..said.clone() })?;
        }
    }
    Ok(())
}

/// Forgets the suppressions of an address that were lifted, on every channel: whoever has it next is somebody else.
pub fn forget_lifted(txn: &mut Txn<'_>, brand: &BrandId, address: &Address) -> Result<(), StoreError> {
    for channel in Channel::ALL.into_iter().filter(|channel| channel.delivers_to(address)) {
        let mut all = suppressions(txn, brand, channel, address)?;
        let key = keys::suppression(brand, channel, address);
        match (all.forget_lifted(), all.in_force()) {
            (false, _) => {}
            (true, []) => txn.delete(key),
            (true, _) => txn.save(key, &all),
        }
    }
    Ok(())
}
