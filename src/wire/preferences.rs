//! Preferences of contacts.

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::address::channels;
use super::{FieldPath, Violations, optional_text, read_channels, v1};
use crate::model::{Preferences, PreferencesVersion, QuietHours, TopicPreference};

/// The preferences without their etag, which only the API has.
impl From<&Preferences> for v1::Preferences {
    fn from(preferences: &Preferences) -> Self {
        Self {
            channel_order: channels(&preferences.channel_order),
            excluded_channels: channels(&preferences.excluded_channels),
            topics: preferences.topics.iter().map(Into::into).collect(),
            quiet_hours: preferences.quiet_hours.as_ref().map(Into::into),
            time_zone: preferences.time_zone.clone().unwrap_or_default(),
            language: preferences.language.clone().unwrap_or_default(),
            etag: String::new(),
        }
    }
}

/// The preferences as the API shows them: their etag is their version.
pub fn preferences_view(preferences: &Preferences, version: PreferencesVersion) -> v1::Preferences {
    v1::Preferences { etag: version.to_string(), ..preferences.into() }
}

impl From<&TopicPreference> for v1::TopicPreference {
    fn from(preference: &TopicPreference) -> Self {
        Self {
            topic: preference.topic.as_str().to_owned(),
            muted: preference.muted,
            channel_order: channels(&preference.channel_order),
        }
    }
}

impl From<&QuietHours> for v1::QuietHours {
    fn from(quiet: &QuietHours) -> Self {
        let text = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        Self {
            start: text(quiet.start),
            end: text(quiet.end),
            include_transactional: quiet.include_transactional,
        }
    }
}

/// Reads preferences. How often they were changed stands beside them.
pub fn read_preferences(
    preferences: v1::Preferences,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Preferences {
    let order = path.field("channel_order");
    let excluded = path.field("excluded_channels");
    Preferences {
        channel_order: read_channels(&preferences.channel_order, &order, violations),
        excluded_channels: read_channels(&preferences.excluded_channels, &excluded, violations),
        topics: read_topic_preferences(preferences.topics, &path.field("topics"), violations),
        quiet_hours: read_quiet_hours(preferences.quiet_hours, &path.field("quiet_hours"), violations),
        time_zone: read_time_zone(preferences.time_zone, &path.field("time_zone"), violations),
        language: read_language(preferences.language, &path.field("language"), violations),
        changes: 0,
    }
}

/// Reads preferences by topic.
pub fn read_topic_preferences(
    topics: Vec<v1::TopicPreference>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Vec<TopicPreference> {
    let read = |(index, preference): (usize, v1::TopicPreference)| {
        let path = path.index(index);
        let topic = violations.parsed(&preference.topic, &path.field("topic"));
        let channel_order =
            read_channels(&preference.channel_order, &path.field("channel_order"), violations);
        Some(TopicPreference { topic: topic?, muted: preference.muted, channel_order })
    };
    topics.into_iter().enumerate().filter_map(read).collect()
}

/// Reads quiet hours, which may be absent.
pub fn read_quiet_hours(
    quiet: Option<v1::QuietHours>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<QuietHours> {
    let quiet = quiet?;
    let start = read_time_of_day(&quiet.start, &path.field("start"), violations);
    let end = read_time_of_day(&quiet.end, &path.field("end"), violations);
    Some(QuietHours { start: start?, end: end?, include_transactional: quiet.include_transactional })
}

fn read_time_of_day(text: &str, path: &FieldPath<'_>, violations: &mut Violations) -> Option<Time> {
    let number = |digits: &str| match digits.as_bytes() {
        [tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit() => digits.parse().ok(),
        _ => None,
    };
    let time = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (number(hour)?, number(minute)?);
        Time::new(hour, minute, 0, 0).ok()
    });
    if time.is_none() {
        violations.add(path, "must be a time of day from 00:00 to 23:59, as HH:MM");
    }
    time
}

fn read_time_zone(name: String, path: &FieldPath<'_>, violations: &mut Violations) -> Option<String> {
    let name = optional_text(name)?;
    if TimeZone::get(&name).is_err() {
        violations.add(path, "must be the IANA name of a time zone such as Europe/Madrid");
    }
    Some(name)
}

/// Checks the shape of a BCP 47 tag (RFC 5646, section 2.1): subtags of 1 to 8 letters and digits joined by
/// hyphens, the first of them of letters.
fn read_language(tag: String, path: &FieldPath<'_>, violations: &mut Violations) -> Option<String> {
    let tag = optional_text(tag)?;
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let first = tag.split('-').next().unwrap_or_default();
    let letters = first.len() >= 2 && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !letters || !tag.split('-').all(is_subtag) {
        violations.add(path, "must be a BCP 47 language tag such as es or pt-BR");
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_preference_is_named_by_its_path() {
        let quiet =
            v1::QuietHours { start: "24:00".into(), end: "+7:00".into(), ..v1::QuietHours::default() };
        let wrong = v1::Preferences {
            channel_order: vec![1, 9],
            topics: vec![v1::TopicPreference { topic: "A".into(), ..v1::TopicPreference::default() }],
            quiet_hours: Some(quiet),
            time_zone: "Mars/Olympus".into(),
            language: "e".into(),
            ..v1::Preferences::default()
        };
        let mut violations = Violations::default();
        read_preferences(wrong, &FieldPath::new("preferences"), &mut violations);
        let fields: Vec<String> =
            violations.into_vec().into_iter().map(|violation| violation.field).collect();
        assert_eq!(
            fields,
            [
                "preferences.channel_order[1]",
                "preferences.topics[0].topic",
                "preferences.quiet_hours.start",
                "preferences.quiet_hours.end",
                "preferences.time_zone",
                "preferences.language",
            ]
        );
    }
}
