//! What people agreed to, and how they want to be reached.

use jiff::civil::Time;

use super::{Channel, ContactIncarnation, PreferencesVersion, ProviderName, Timestamp, Topic, TopicScope};

/// What a ledger entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentAction {
    /// The person agreed.
    Grant,
    /// The person took it back.
    Revoke,
}

/// The evidence for a grant or a revocation, kept as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentEvidence {
    /// Where it happened.
    pub source: String,
    /// By which means.
    pub method: String,
    /// The words agreed to, or written.
    pub wording: String,
    /// When it happened.
    pub time: Timestamp,
    /// The IP address or phone number it came from.
    pub origin: String,
    /// Who recorded it.
    pub actor: String,
}

impl ConsentEvidence {
    /// The `method` of an entry that a keyword in a person's text made.
    pub const KEYWORD: &str = "keyword";
    /// The `method` of an entry that a provider's report made.
    pub const PROVIDER_REPORT: &str = "provider_report";

    /// A provider's report at `time`, in its own words.
    pub fn reported(provider: &ProviderName, wording: String, time: Timestamp) -> Self {
        let (source, actor) = (provider.to_string(), provider.to_string());
        Self { source, method: Self::PROVIDER_REPORT.to_owned(), wording, time, origin: String::new(), actor }
    }
}

/// One entry of a contact's consent ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentEntry {
    /// Its place in the ledger, from 1.
    pub sequence: u64,
    /// Grant or revoke.
    pub action: ConsentAction,
    /// The channel.
    pub channel: Channel,
    /// The topics.
    pub scope: TopicScope,
    /// The evidence for it.
    pub evidence: ConsentEvidence,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// The id of the key that stored it, or the provider that reported it.
    pub recorded_by: String,
}

/// A time of day during which to be quiet, in the contact's time zone. An end before the start is the next day's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// When quiet begins.
    pub start: Time,
    /// When quiet ends.
    pub end: Time,
    /// Whether transactional messages are held too.
    pub include_transactional: bool,
}

/// How a contact wants a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPreference {
    /// The topic and those below it.
    pub topic: Topic,
    /// No commercial message about it. Otherwise those above decide.
    pub muted: bool,
    /// The channels to try first for it. Those above decide when it is empty.
    pub channel_order: Vec<Channel>,
}

/// How a contact wants to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// The channels to try first.
    pub channel_order: Vec<Channel>,
    /// Channels never to use.
    pub excluded_channels: Vec<Channel>,
    /// Preferences by topic, each topic once.
    pub topics: Vec<TopicPreference>,
    /// When to be quiet.
    pub quiet_hours: Option<QuietHours>,
    /// The IANA name of the time zone.
    pub time_zone: Option<String>,
    /// The language, as a BCP 47 tag.
    pub language: Option<String>,
    /// How often they were changed; zero before the first time.
    pub changes: u64,
}

impl Preferences {
    /// How many topics may have a preference.
    pub const MAX_TOPICS: usize = 64;

    /// The state of these preferences, which are those of this incarnation of a contact.
    pub fn version(&self, incarnation: ContactIncarnation) -> PreferencesVersion {
        PreferencesVersion { incarnation, changes: self.changes }
    }

    /// The topic by whose preference `topic` is muted, if it is: that of the preference or one above it.
    pub fn muted_by(&self, topic: &Topic) -> Option<&Topic> {
        self.nearest(topic, |preference| preference.muted).map(|preference| &preference.topic)
    }

    /// The channels to try first for `topic`: those of the nearest preference that has any, else the general ones.
    pub fn channel_order_for(&self, topic: &Topic) -> &[Channel] {
        let of_topic = self.nearest(topic, |preference| !preference.channel_order.is_empty());
        of_topic.map_or(&self.channel_order, |preference| &preference.channel_order)
    }

    /// The most specific preference that covers `topic` and says what is asked for: what one leaves open, those above it decide.
    fn nearest(&self, topic: &Topic, says: impl Fn(&TopicPreference) -> bool) -> Option<&TopicPreference> {
        self.topics
            .iter()
            .filter(|preference| preference.topic.covers(topic) && says(preference))
            .max_by_key(|preference| preference.topic.depth())
    }
}
