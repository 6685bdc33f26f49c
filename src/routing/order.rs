//! The order of channels, and of the providers within one.

use super::hash::hash_fraction;
use super::{BrandPolicy, ProviderAdmission};
use crate::model::{Channel, Message, MessageId, OrderSource, Preferences, Provider};

/// The channels to try for `message`, in order, and who chose them: the message, else the contact, else the topic's
/// policy, else the brand.
///
/// A message's own list is exact. A contact's order comes first and the topic's or brand's other channels follow,
/// because a preference for one channel is no wish to be unreachable when it fails; to exclude a channel is another
/// preference.
pub fn channel_order(
    message: &Message,
    preferences: &Preferences,
    policy: &BrandPolicy,
) -> (Vec<Channel>, OrderSource) {
    if !message.channels.is_empty() {
        return (message.channels.clone(), OrderSource::Message);
    }
    let (base, source) = match policy.channels_for(&message.topic) {
        Some(channels) => (channels, OrderSource::Topic),
        None => (policy.channels.as_slice(), OrderSource::Brand),
    };
    let preferred = preferences.channel_order_for(&message.topic);
    if preferred.is_empty() {
        return (base.to_vec(), source);
    }
    let mut channels = preferred.to_vec();
    channels.extend(base.iter().filter(|channel| !preferred.contains(channel)));
    (channels, OrderSource::Contact)
}

/// The order in which `message` tries the providers of a channel: by tier, and within a tier by chance in proportion to
/// weight. The chance is the message's own (weighted rendezvous hashing, Schindelhauer and Schomaker 2005), so that the
/// order stays the same from one attempt to the next.
///
/// Of the messages that a provider would have, only the part that its live weight leaves it has it there; for the others it comes
/// after all that are well, whatever their tier.
pub fn provider_order(message: MessageId, offers: &mut [ProviderAdmission<'_>]) {
    let chance = |provider: &Provider, salt: &[u8]| {
        hash_fraction(message, &[provider.name.as_str().as_bytes(), salt].concat())
    };
    let is_passed_over = |offer: &ProviderAdmission<'_>| {
        offer.live_weight < 1.0 && chance(offer.provider, b"/live") >= offer.live_weight
    };
    let score =
        |provider: &Provider| -f64::from(provider.weight) / chance(provider, b"").max(f64::MIN_POSITIVE).ln();
    offers.sort_by(|a, b| {
        let (one, other) = (a.provider, b.provider);
        is_passed_over(a)
            .cmp(&is_passed_over(b))
            .then(one.tier.cmp(&other.tier))
            .then_with(|| score(other).total_cmp(&score(one)))
    });
}
