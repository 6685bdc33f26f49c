//! How brands route, as written in the configuration and as checked.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::model::{Channel, FallbackPolicy, Keywords, MessageClass, SettingError, SettingErrors, Topic};

/// A brand in the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrandSettings {
    /// The country (ISO 3166-1 alpha-2) in which phone numbers without `+` are read.
    pub default_country: Option<String>,
    /// The IANA time zone of contacts who have set none.
    pub time_zone: String,
    /// The order of the channels where neither message, contact nor topic chooses.
    pub channels: Vec<Channel>,
    /// How long a message may wait to be sent, in minutes, unless it or its topic says otherwise.
    pub ttl_minutes: u32,
    /// What becomes of a transactional message whose outcome is unknown.
    pub transactional_doubt: DoubtPolicy,
    /// What becomes of a commercial message whose outcome is unknown.
    pub commercial_doubt: DoubtPolicy,
    /// How long a transactional message waits for a better way that is busy before it takes the next, in seconds.
    pub transactional_patience_seconds: u32,
    /// The same for a commercial message.
    pub commercial_patience_seconds: u32,
    /// The fallback policy of messages that bring none.
    pub fallback: FallbackSettings,
    /// The brand's own sender by channel, where it differs from the provider's.
    pub senders: BTreeMap<Channel, String>,
    /// The words that stop messages on a channel, and those that take it back.
    pub keywords: KeywordSettings,
    /// What differs by topic; a topic covers those below it.
    pub topics: BTreeMap<String, TopicSettings>,
}

impl Default for BrandSettings {
    fn default() -> Self {
        Self {
            default_country: None,
            time_zone: "UTC".to_owned(),
            channels: Channel::ALL.to_vec(),
            ttl_minutes: 3 * 24 * 60,
            transactional_doubt: DoubtPolicy::Retry,
            commercial_doubt: DoubtPolicy::Wait,
            transactional_patience_seconds: 30,
            commercial_patience_seconds: 3_600,
            fallback: FallbackSettings::default(),
            senders: BTreeMap::new(),
            keywords: KeywordSettings::default(),
            topics: BTreeMap::new(),
        }
    }
}

/// The words that steer what a person is sent, when a text says nothing else. Upper and lower case, and what stands around
/// and between words, do not matter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeywordSettings {
    /// Nothing more on the channel.
    pub stop: Vec<String>,
    /// What a stop took is given back.
    pub start: Vec<String>,
}

/// The first seven to stop are those that the US takes for a revocation whatever else a sender offers (47 CFR 64.1200(a)(10),
/// in force since April 2025), the next those that carriers and providers add, the last Spanish.
const STOP: [&str; 11] = [
    "stop",
    "quit",
    "end",
    "revoke",
    "opt out",
    "cancel",
    "unsubscribe",
    "optout",
    "stopall",
    "stop all",
    "baja",
];
const START: [&str; 3] = ["start", "unstop", "alta"];

impl Default for KeywordSettings {
    fn default() -> Self {
        Self { stop: STOP.map(str::to_owned).to_vec(), start: START.map(str::to_owned).to_vec() }
    }
}

/// The longest that the API lets a message wait, in minutes: 366 days.
const MAX_TTL_MINUTES: u32 = 366 * 24 * 60;

/// The longest that the API takes for a fallback, in seconds: 30 days.
const MAX_FALLBACK_SECONDS: u32 = 30 * 24 * 3_600;

/// The highest priority: more levels than anybody tells apart.
const MAX_PRIORITY: u32 = 100;

/// The longest patience, in seconds: as long as a message may wait to be sent.
const MAX_PATIENCE_SECONDS: u32 = MAX_TTL_MINUTES * 60;

impl BrandSettings {
    /// Every number that is out of its bounds, by its key.
    fn number_errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        errors.within("ttl_minutes", self.ttl_minutes, 1..=MAX_TTL_MINUTES);
        for (key, seconds) in [
            ("fallback.undelivered_after_seconds", self.fallback.undelivered_after_seconds),
            ("fallback.unread_after_seconds", self.fallback.unread_after_seconds),
        ] {
            // A wait that is left out is within its bounds.
            errors.within(key, seconds.unwrap_or(1), 1..=MAX_FALLBACK_SECONDS);
        }
        for (key, seconds) in [
            ("transactional_patience_seconds", self.transactional_patience_seconds),
            ("commercial_patience_seconds", self.commercial_patience_seconds),
        ] {
            errors.within(key, seconds, 0..=MAX_PATIENCE_SECONDS);
        }
        for (name, topic) in &self.topics {
            let key = format!("topics.{name:?}.ttl_minutes");
            errors.within(&key, topic.ttl_minutes.unwrap_or(1), 1..=MAX_TTL_MINUTES);
            let key = format!("topics.{name:?}.patience_seconds");
            errors.within(&key, topic.patience_seconds.unwrap_or(0), 0..=MAX_PATIENCE_SECONDS);
            let key = format!("topics.{name:?}.priority");
            errors.within(&key, topic.priority.unwrap_or(0), 0..=MAX_PRIORITY);
        }
        errors.into_vec()
    }
}

/// What becomes of a message that may or may not have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DoubtPolicy {
    /// The message is tried again: a second copy is better than none.
    Retry,
    /// The message waits for a receipt and ends in doubt: no copy is better than two.
    Wait,
}

/// The fallback policy of messages that bring none.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FallbackSettings {
    /// Try the next way when the provider reports that a message could not be delivered.
    pub on_failed: bool,
    /// Try the next way when nothing says delivered within this many seconds.
    pub undelivered_after_seconds: Option<u32>,
    /// Try the next way when nothing says read within this many seconds.
    pub unread_after_seconds: Option<u32>,
}

impl Default for FallbackSettings {
    fn default() -> Self {
        Self { on_failed: true, undelivered_after_seconds: None, unread_after_seconds: None }
    }
}

/// What differs for a topic.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicSettings {
    /// The order of the channels.
    pub channels: Vec<Channel>,
    /// How long a message may wait to be sent, in minutes.
    pub ttl_minutes: Option<u32>,
    /// How long a message waits for a better way that is busy before it takes the next, in seconds, whatever its class.
    pub patience_seconds: Option<u32>,
    /// Of the brand's messages of a class that wait for a provider, those of the higher priority go first. 0 where no topic says
    /// otherwise.
    pub priority: Option<u32>,
}

/// A brand's settings, checked.
#[derive(Debug, Clone)]
pub struct BrandPolicy {
    /// The country in which phone numbers without `+` are read.
    pub default_country: Option<String>,
    /// The time zone of contacts who have set none.
    pub time_zone: TimeZone,
    /// The brand's order of channels.
    pub channels: Vec<Channel>,
    /// How long a message may wait to be sent.
    pub ttl: Duration,
    /// The fallback policy of messages that bring none.
    pub fallback: FallbackPolicy,
    /// The brand's own sender by channel.
    pub senders: BTreeMap<Channel, String>,
    /// The words that steer what a person is sent.
    pub keywords: Keywords,
    transactional_doubt: DoubtPolicy,
    commercial_doubt: DoubtPolicy,
    transactional_patience: Duration,
    commercial_patience: Duration,
    topics: Vec<TopicPolicy>,
}

#[derive(Debug, Clone)]
struct TopicPolicy {
    topic: Topic,
    channels: Vec<Channel>,
    ttl: Option<Duration>,
    patience: Option<Duration>,
    priority: Option<u32>,
}

impl BrandPolicy {
    /// Checks a brand's settings.
    ///
    /// # Errors
    /// Every setting that is not valid, by its key.
    pub fn try_new(settings: &BrandSettings) -> Result<Self, Vec<SettingError>> {
        let mut errors = settings.number_errors();
        let mut error = |key: &str, must: &str| errors.push(SettingError::new(key, must));
        let time_zone = TimeZone::get(&settings.time_zone).unwrap_or_else(|_| {
            error("time_zone", "must be an IANA name such as Europe/Madrid");
            TimeZone::UTC
        });
        if settings.default_country.as_ref().is_some_and(|code| !is_country(code)) {
            error("default_country", "must be two capital letters (ISO 3166-1), such as ES");
        }
        if settings.channels.is_empty() || has_doubles(&settings.channels) {
            error("channels", "must name at least one channel, and each once");
        }
        let plain = |words: &[String]| words.iter().map(|word| Keywords::normalized(word)).collect();
        let keywords =
            Keywords { stop: plain(&settings.keywords.stop), start: plain(&settings.keywords.start) };
        for (key, words) in [("keywords.stop", &keywords.stop), ("keywords.start", &keywords.start)] {
            if words.contains("") {
                error(key, "must be words, each with a letter or digit");
            }
        }
        if !keywords.stop.is_disjoint(&keywords.start) {
            error("keywords.start", "must not hold a word that stops");
        }
        let mut topics = Vec::new();
        for (name, topic_settings) in &settings.topics {
            if has_doubles(&topic_settings.channels) {
                error(&format!("topics.{name:?}.channels"), "must name each channel once");
            }
            match name.parse() {
                Ok(topic) => topics.push(TopicPolicy {
                    topic,
                    channels: topic_settings.channels.clone(),
                    ttl: topic_settings.ttl_minutes.map(minutes),
                    patience: seconds(topic_settings.patience_seconds),
                    priority: topic_settings.priority,
                }),
                Err(invalid) => error(&format!("topics.{name:?}"), &format!("{invalid}")),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            default_country: settings.default_country.clone(),
            time_zone,
            channels: settings.channels.clone(),
            ttl: minutes(settings.ttl_minutes),
            fallback: FallbackPolicy {
                on_failed: settings.fallback.on_failed,
                undelivered_after: seconds(settings.fallback.undelivered_after_seconds),
                unread_after: seconds(settings.fallback.unread_after_seconds),
            },
            senders: settings.senders.clone(),
            keywords,
            transactional_doubt: settings.transactional_doubt,
            commercial_doubt: settings.commercial_doubt,
            transactional_patience: Duration::from_secs(settings.transactional_patience_seconds.into()),
            commercial_patience: Duration::from_secs(settings.commercial_patience_seconds.into()),
            topics,
        })
    }

    /// What becomes of a message of this class whose outcome is unknown.
    pub fn doubt(&self, class: MessageClass) -> DoubtPolicy {
        match class {
            MessageClass::Transactional => self.transactional_doubt,
            MessageClass::Commercial => self.commercial_doubt,
        }
    }

    /// How long a message of this class about `topic` waits for a better way that is busy before it takes the next.
    pub fn patience(&self, class: MessageClass, topic: &Topic) -> Duration {
        let of_class = match class {
            MessageClass::Transactional => self.transactional_patience,
            MessageClass::Commercial => self.commercial_patience,
        };
        self.most_specific(topic, |policy| policy.patience.is_some())
            .and_then(|policy| policy.patience)
            .unwrap_or(of_class)
    }

    /// The priority of messages about `topic` among those of the brand and class.
    pub fn priority(&self, topic: &Topic) -> u32 {
        self.most_specific(topic, |policy| policy.priority.is_some())
            .and_then(|policy| policy.priority)
            .unwrap_or(0)
    }

    /// How long a message about `topic` may wait to be sent.
    pub fn ttl_for(&self, topic: &Topic) -> Duration {
        self.most_specific(topic, |policy| policy.ttl.is_some())
            .and_then(|policy| policy.ttl)
            .unwrap_or(self.ttl)
    }

    /// The order of channels for `topic`, if one was set.
    pub fn channels_for(&self, topic: &Topic) -> Option<&[Channel]> {
        self.most_specific(topic, |policy| !policy.channels.is_empty())
            .map(|policy| policy.channels.as_slice())
    }

    /// The topics that have settings of their own.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter().map(|policy| &policy.topic)
    }

    fn most_specific(&self, topic: &Topic, has: impl Fn(&TopicPolicy) -> bool) -> Option<&TopicPolicy> {
        self.topics
            .iter()
            .filter(|policy| policy.topic.covers(topic) && has(policy))
            .max_by_key(|policy| policy.topic.depth())
    }
}

fn seconds(count: Option<u32>) -> Option<Duration> {
    count.map(|count| Duration::from_secs(count.into()))
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())
}

fn has_doubles(channels: &[Channel]) -> bool {
    channels.iter().enumerate().any(|(index, channel)| channels[..index].contains(channel))
}
