//! Changes to how people want to be reached.
//!
//! # Why
//!
//! Several may change the preferences of one contact at the same time: the person on a page, the brand's systems, an operator.
//! What is kept of them must be what all of them wanted, so a change names what it is about and is made to what is stored then.
//! Whoever replaces what they read says which state that was, and is refused when it is another by now.

use crate::model::{Channel, Preferences, PreferencesVersion, QuietHours, Topic, TopicPreference};

/// A change to preferences. `None` leaves a field as it is; an inner `None` clears it.
#[derive(Debug, Clone, Default)]
pub struct PreferencesChange {
    /// The channels to try first.
    pub channel_order: Option<Vec<Channel>>,
    /// Channels never to use.
    pub excluded_channels: Option<Vec<Channel>>,
    /// Preferences by topic, in place of all that there are.
    pub topics: Option<Vec<TopicPreference>>,
    /// Changes to single topics, made after that. Those that are not named stay as they are.
    pub topic_changes: Vec<TopicPreferenceChange>,
    /// When to be quiet.
    pub quiet_hours: Option<Option<QuietHours>>,
    /// The time zone.
    pub time_zone: Option<Option<String>>,
    /// The language.
    pub language: Option<Option<String>>,
    /// Refuse the change unless the preferences have this version.
    pub expected_version: Option<PreferencesVersion>,
}

/// A change to what is wanted of one topic. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPreferenceChange {
    /// The topic.
    pub topic: Topic,
    /// Whether it is muted.
    pub muted: Option<bool>,
    /// The channels to try first for it.
    pub channel_order: Option<Vec<Channel>>,
}

/// What came of a change to preferences.
#[derive(Debug, Clone, PartialEq)]
pub enum SetPreferencesResult {
    /// The change is made.
    Set {
        /// The preferences as they are now.
        preferences: Preferences,
        /// Their version.
        version: PreferencesVersion,
    },
    /// The brand has no such contact.
    NoContact,
    /// The preferences have another version.
    Stale,
    /// So many topics would have a preference, more than [`Preferences::MAX_TOPICS`].
    TooManyTopics(usize),
}

impl PreferencesChange {
    /// The preferences after the change. How often they were changed is not counted here.
    pub fn apply(self, before: Preferences) -> Preferences {
        let topics = self.topics.unwrap_or(before.topics);
        Preferences {
            channel_order: self.channel_order.unwrap_or(before.channel_order),
            excluded_channels: self.excluded_channels.unwrap_or(before.excluded_channels),
            topics: self.topic_changes.into_iter().fold(topics, |topics, change| change.apply(topics)),
            quiet_hours: self.quiet_hours.unwrap_or(before.quiet_hours),
            time_zone: self.time_zone.unwrap_or(before.time_zone),
            language: self.language.unwrap_or(before.language),
            changes: before.changes,
        }
    }
}

impl TopicPreferenceChange {
    /// The preferences by topic after the change: without the topic's when nothing is wanted of it any more.
    fn apply(self, mut topics: Vec<TopicPreference>) -> Vec<TopicPreference> {
        let place = topics.iter().position(|known| known.topic == self.topic).unwrap_or_else(|| {
            topics.push(TopicPreference { topic: self.topic, muted: false, channel_order: Vec::new() });
            topics.len() - 1
        });
        let preference = &mut topics[place];
        preference.muted = self.muted.unwrap_or(preference.muted);
        preference.channel_order =
            self.channel_order.unwrap_or_else(|| std::mem::take(&mut preference.channel_order));
        if !preference.muted && preference.channel_order.is_empty() {
            topics.remove(place);
        }
        topics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(topic: &str, muted: bool, channel_order: &[Channel]) -> TopicPreference {
        TopicPreference { topic: topic.parse().unwrap(), muted, channel_order: channel_order.to_vec() }
    }

    fn changed(topic: &str, muted: Option<bool>, channel_order: Option<&[Channel]>) -> Vec<TopicPreference> {
        use Channel::{Email, Sms};
        let before = vec![preference("news", true, &[Email]), preference("offers", false, &[Sms])];
        let channel_order = channel_order.map(<[Channel]>::to_vec);
        TopicPreferenceChange { topic: topic.parse().unwrap(), muted, channel_order }.apply(before)
    }

    #[test]
    fn one_topic_changes_by_the_fields_given_and_one_that_says_nothing_is_removed() {
        use Channel::{Email, Sms};
        let (news, offers) = (preference("news", true, &[Email]), preference("offers", false, &[Sms]));
        for (change, expected) in [
            (changed("news", Some(false), None), vec![preference("news", false, &[Email]), offers.clone()]),
            (changed("news", None, Some(&[Sms])), vec![preference("news", true, &[Sms]), offers.clone()]),
            (changed("news", None, Some(&[])), vec![preference("news", true, &[]), offers.clone()]),
            (changed("news", Some(false), Some(&[])), vec![offers.clone()]),
            (changed("offers", None, Some(&[])), vec![news.clone()]),
            (
                changed("orders", Some(true), None),
                vec![news.clone(), offers.clone(), preference("orders", true, &[])],
            ),
            (changed("orders", Some(false), Some(&[])), vec![news.clone(), offers.clone()]),
            (changed("news.local", Some(false), None), vec![news.clone(), offers.clone()]),
        ] {
            assert_eq!(change, expected);
        }
    }
}
