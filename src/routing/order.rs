//! The order of channels, and of the providers within one.

use super::BrandPolicy;
use super::hash::hash_fraction;
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
pub fn provider_order<'a, T>(message: MessageId, providers: &mut [T], provider: impl Fn(&T) -> &'a Provider) {
    let score = |item: &T| {
        let provider = provider(item);
        let chance = hash_fraction(message, provider.name.as_str().as_bytes()).max(f64::MIN_POSITIVE);
        -f64::from(provider.weight) / chance.ln()
    };
    providers
        .sort_by(|a, b| provider(a).tier.cmp(&provider(b).tier).then_with(|| score(b).total_cmp(&score(a))));
}
